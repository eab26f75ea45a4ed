import numpy as np

from worker.ingest.labels import Labels


def labels(*names: str | None) -> Labels:
    some = Labels()
    for name in names:
        some.add(name)
    return some


def test_names_are_in_order_and_pictures_numbered_by_them() -> None:
    names, numbers = labels("b", "a", "10", "9", "b").numbered()
    assert names == ["9", "10", "a", "b"]
    assert numbers is not None
    assert numbers.tolist() == [3, 2, 1, 0, 3]


def test_a_class_that_has_lost_its_last_picture_is_gone() -> None:
    some = labels("a", "b", "c", "a")
    some.keep(np.array([True, False, True, True]))
    names, numbers = some.numbered()
    assert names == ["a", "c"]
    assert numbers is not None
    assert numbers.tolist() == [0, 1, 0]
    some.keep(np.array([True, False, True]))
    assert some.numbered() == (None, None)


def test_pictures_without_a_class_leave_none() -> None:
    assert labels("a", None, "b").numbered() == (None, None)
    some = labels("a", None, "b")
    some.keep(np.array([True, False, True]))
    assert some.numbered()[0] == ["a", "b"]
