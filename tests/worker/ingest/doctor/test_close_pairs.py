"""Close pairs: exact, by clusters, and where everything is close to everything."""

import numpy as np
import pytest

from worker.ingest.doctor import close_pairs as module
from worker.ingest.doctor.close_pairs import PAIRS_PER_IMAGE, close_pairs

LIMIT = 0.3


def nothing(_: int) -> None:
    pass


def unit(vectors: np.ndarray) -> np.ndarray:
    scaled: np.ndarray = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return scaled.astype(np.float16)


def with_copies(count: int, copies: int, seed: int = 0) -> np.ndarray:
    """(count + copies, 32): the last ones are near the first, in their order."""
    generator = np.random.default_rng(seed)
    vectors = unit(generator.standard_normal((count, 32)))
    moved = vectors[:copies] + generator.standard_normal((copies, 32)) * 0.01
    return np.concatenate([vectors, unit(moved)])


def test_exactly_the_close_pairs_are_found_with_their_distances() -> None:
    features = with_copies(1500, 40)
    found = close_pairs(features, LIMIT, nothing)
    wide = features.astype(np.float64)
    apart = np.linalg.norm(wide[:, None] - wide[None], axis=2)
    later, earlier = np.nonzero(np.tril(apart < LIMIT, -1))
    assert set(zip(found.later, found.earlier, strict=True)) == set(
        zip(later, earlier, strict=True)
    )
    assert len(later) >= 40
    assert found.distances == pytest.approx(apart[found.later, found.earlier], abs=2e-3)


def test_clusters_find_nearly_all_that_an_exact_search_finds() -> None:
    features = with_copies(12_000, 600)
    exact = close_pairs(features, LIMIT, nothing)
    clustered = close_pairs(features, LIMIT, nothing, exact_up_to=1000)
    found, all_of_them = (
        set(zip(pairs.later, pairs.earlier, strict=True)) for pairs in (clustered, exact)
    )
    assert found <= all_of_them
    assert len(found) > 0.97 * len(all_of_them)


def test_a_cluster_that_holds_nearly_all_is_searched_in_windows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "WINDOW", 512)
    generator = np.random.default_rng(0)
    crowd = np.ones((8000, 32)) + generator.standard_normal((8000, 32)) * 0.5
    crowd[4000:4100] = crowd[:100] * 1.3  # of another length before they are made unit
    features = unit(crowd)
    found = close_pairs(features, 0.05, nothing, exact_up_to=1000)
    pairs_found = set(zip(found.later, found.earlier, strict=True))
    assert sum((4000 + index, index) in pairs_found for index in range(100)) > 90


def test_each_keeps_its_nearest_where_all_are_close() -> None:
    features = unit(np.ones((3000, 16)) + np.random.default_rng(0).standard_normal((3000, 16)) / 99)
    found = close_pairs(features, LIMIT, nothing)
    assert len(found.later) == 3000 * PAIRS_PER_IMAGE - sum(range(1, PAIRS_PER_IMAGE + 1))
    assert (np.diff(found.later) >= 0).all()
    assert (found.earlier < found.later).all()


def test_nothing_close_is_no_pair() -> None:
    assert len(close_pairs(np.eye(40, dtype=np.float16), LIMIT, nothing).later) == 0


def test_every_tick_may_stop_it() -> None:
    class Enough(Exception):
        pass

    def stop(_: int) -> None:
        raise Enough

    for exact_up_to in (10_000, 100):
        with pytest.raises(Enough):
            close_pairs(with_copies(2000, 10), LIMIT, stop, exact_up_to)
