import numpy as np
import pytest

from worker.ingest.doctor.variety import (
    SAMPLE,
    class_balance,
    effective_images,
    effective_number,
)


def test_images_with_nothing_in_common_count_in_full() -> None:
    number, sample = effective_number(np.eye(128, dtype=np.float16), np.arange(128))
    assert sample == 128
    assert number == pytest.approx(128, rel=0.02)


def test_copies_count_once() -> None:
    tenfold = np.tile(np.eye(50, dtype=np.float16), (10, 1))
    number, sample = effective_number(tenfold, np.arange(500))
    assert sample == 500
    assert number == pytest.approx(50, rel=0.02)
    assert effective_number(np.ones((9, 4), np.float16), np.arange(9))[0] == pytest.approx(1)


def test_of_many_a_sample_of_the_given_indices_is_taken() -> None:
    vectors = np.zeros((5000, 8), np.float16)
    vectors[:2500, 0] = vectors[2500:, 1] = 1
    number, sample = effective_number(vectors, np.arange(2500))
    assert sample == SAMPLE
    assert number == pytest.approx(1)


def test_the_effective_number_names_its_sample() -> None:
    report = effective_images(612.34, 1000)
    assert (report["value"], report["sample"], report["share"]) == (612.3, 1000, 0.6123)
    assert "1,000 pictures is as varied as 612 pictures that are all different" in report["says"]
    assert "as varied as a single picture." in effective_images(1.2, 20)["says"]
    assert report["suggests"] is None
    assert effective_images(3, 1000)["suggests"]


def balance(*counts: int) -> dict[str, object]:
    names = [f"class {number}" for number in range(len(counts))]
    return class_balance(names, np.repeat(np.arange(len(counts)), counts))


def test_even_classes_count_each_and_need_nothing() -> None:
    report = balance(500, 500, 500, 500)
    assert report["counts"] == [500, 500, 500, 500]
    assert report["effective"] == pytest.approx(4)
    assert report["suggests"] is None


def test_the_rarest_classes_are_named() -> None:
    report = balance(5000, 4000, 150, 120)
    assert 2 < float(str(report["effective"])) < 2.5
    assert "smallest is class 3 with 120 pictures" in str(report["says"])
    assert str(report["suggests"]).startswith("Add pictures of class 3, class 2, or")


def test_classes_that_are_all_small_are_mentioned_together_and_not_by_name() -> None:
    report = balance(20, 20, 25, 20, 20)
    assert str(report["suggests"]).startswith("Every class has fewer than 100 pictures")
    assert "class 0 with 20" in str(report["says"])
    assert "class 0" not in str(report["suggests"])


def test_small_classes_beside_large_ones_are_named_up_to_three() -> None:
    suggests = str(balance(20, 20, 20, 20, 20, 150)["suggests"])
    assert suggests.startswith("Add pictures of class 0, class 1, class 2 and 2 more, or")
