import numpy as np

from models.config import MAX_CLASSES
from worker.ingest.labels.labels import Labels


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


def test_names_that_are_shown_alike_stay_apart_and_can_be_told_apart() -> None:
    names, numbers = labels("a\x07", "a\x08", "a\N{REPLACEMENT CHARACTER} (2)", "a\x07").numbered()
    shown = "a\N{REPLACEMENT CHARACTER}"
    assert names == [shown, f"{shown} (3)", f"{shown} (2)"]
    assert numbers is not None
    assert numbers.tolist() == [0, 1, 2, 0]


def test_what_a_language_needs_stays_in_a_name() -> None:
    for pair in (
        ("گربه\u200cها", "گربهها"),
        ("👩\u200d🚀", "👩🚀"),
        ("黒\u3000猫", "黒 猫"),
        ("a\u00a0b", "a\u3000b"),
        ("9.41\u202fAM", "9.41 AM"),
    ):
        names, _ = labels(*pair).numbered()
        assert names == sorted(pair)


def test_equivalent_spellings_are_one_class_and_it_is_said() -> None:
    some = labels("caf\u00e9", "cafe\u0301", "tea")
    names, numbers = some.numbered()
    assert names == ["caf\u00e9", "tea"]
    assert numbers is not None
    assert numbers.tolist() == [0, 0, 1]
    (note,) = some.notes()
    assert "NFC and NFD" in note
    assert note.endswith(": caf\u00e9.")
    assert list(labels("a", "b").notes()) == []


def test_more_classes_than_a_model_can_have_are_none_and_it_is_said_briefly() -> None:
    some = labels(*(f"folder {number}" for number in range(MAX_CLASSES + 1)))
    assert some.numbered() == (None, None)
    (note,) = some.notes()
    assert f"{MAX_CLASSES + 1:,} classes" in note
    assert f"{MAX_CLASSES:,} at most" in note
    assert "folder 7" not in note
    most = labels(*(str(number) for number in range(MAX_CLASSES)))
    assert most.numbered()[0] == [str(number) for number in range(MAX_CLASSES)]


def test_pictures_without_a_class_are_found_only_where_others_have_two() -> None:
    assert labels("a", None, "b", None).unclassified().tolist() == [False, True, False, True]
    assert not labels("a", None, "a").unclassified().any()
    assert not labels(None, None).unclassified().any()


def test_a_class_is_filled_in_only_where_there_is_none() -> None:
    some = labels("a", None)
    assert some.fill(1, "b")
    assert some.fill(0, None)
    assert not some.fill(0, "b")
    assert some.numbered()[0] == ["a", "b"]
