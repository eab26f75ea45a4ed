import numpy as np

from worker.ingest.doctor.crowding import LEAST, crowding, outlier_limit


def crowd_and_strangers(strangers: int) -> np.ndarray:
    """2,000 near one direction; after them some near another, alike among themselves."""
    generator = np.random.default_rng(0)
    middles = np.zeros((2000 + strangers, 16))
    middles[:2000, 0] = middles[2000:, 1] = 1
    vectors = middles + generator.standard_normal(middles.shape) * 0.1
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)


def test_a_few_strangers_are_far_though_they_are_alike() -> None:
    lonely = crowding(crowd_and_strangers(15), lambda: None)[0]
    beyond = lonely > outlier_limit(lonely)
    assert beyond[2000:].all()
    assert beyond[:2000].mean() < 0.01


def test_a_kind_that_is_not_rare_is_no_stranger() -> None:
    lonely = crowding(crowd_and_strangers(400), lambda: None)[0]
    assert (lonely > outlier_limit(lonely)).mean() < 0.02


def test_of_few_pictures_none_is_an_outlier() -> None:
    features = crowd_and_strangers(1)[-LEAST + 1 :]
    lonely = crowding(features, lambda: None)[0]
    assert not (lonely > outlier_limit(lonely)).any()
    assert len(crowding(features[:2], lambda: None)[0]) == 2
