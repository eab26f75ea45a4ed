import numpy as np
import pytest

from worker.ingest.doctor.classes import class_balance


def balance(*counts: int) -> dict[str, object]:
    names = [f"class {number}" for number in range(len(counts))]
    return class_balance(names, np.repeat(np.arange(len(counts)), counts))


def test_even_classes_count_each_and_need_nothing() -> None:
    told = balance(500, 500, 500, 500)
    assert told["counts"] == [500, 500, 500, 500]
    assert told["effective"] == pytest.approx(4)
    assert told["suggests"] is None


def test_the_rarest_classes_are_named() -> None:
    told = balance(5000, 4000, 150, 120)
    assert 2 < float(str(told["effective"])) < 2.5
    assert "smallest is class 3 with 120 pictures" in str(told["says"])
    assert str(told["suggests"]).startswith("Add pictures of class 3, class 2, or")


def test_classes_that_are_all_small_are_told_once_and_not_by_name() -> None:
    told = balance(20, 20, 25, 20, 20)
    assert str(told["suggests"]).startswith("Every class has fewer than 100 pictures")
    assert "class 0 with 20" in str(told["says"])
    assert "class 0" not in str(told["suggests"])


def test_small_classes_beside_large_ones_are_named_up_to_three() -> None:
    suggests = str(balance(20, 20, 20, 20, 20, 150)["suggests"])
    assert suggests.startswith("Add pictures of class 0, class 1, class 2 and 2 more, or")
