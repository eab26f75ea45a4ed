import numpy as np

from models.config import MAX_CLASSES
from worker.ingest.labels.labels import Labels


def labels(*names: str | None) -> Labels:
    dataset = Labels()
    for name in names:
        dataset.add(name)
    return dataset


def test_names_are_sorted_and_labels_are_their_indices() -> None:
    names, numbers = labels("b", "a", "10", "9", "b").numbered()
    assert names == ["9", "10", "a", "b"]
    assert numbers is not None
    assert numbers.tolist() == [3, 2, 1, 0, 3]


def test_a_class_without_kept_images_is_dropped() -> None:
    dataset = labels("a", "b", "c", "a")
    dataset.keep(np.array([True, False, True, True]))
    names, numbers = dataset.numbered()
    assert names == ["a", "c"]
    assert numbers is not None
    assert numbers.tolist() == [0, 1, 0]
    dataset.keep(np.array([True, False, True]))
    assert dataset.numbered() == (None, None)


def test_there_are_no_classes_where_an_image_has_none() -> None:
    assert labels("a", None, "b").numbered() == (None, None)
    dataset = labels("a", None, "b")
    dataset.keep(np.array([True, False, True]))
    assert dataset.numbered()[0] == ["a", "b"]


def test_classes_that_are_shown_alike_stay_distinct_and_get_numbers() -> None:
    names, numbers = labels("a\x07", "a\x08", "a\N{REPLACEMENT CHARACTER} (2)", "a\x07").numbered()
    shown = "a\N{REPLACEMENT CHARACTER}"
    assert names == [shown, f"{shown} (3)", f"{shown} (2)"]
    assert numbers is not None
    assert numbers.tolist() == [0, 1, 2, 0]


def test_joiners_and_spaces_stay_in_a_name() -> None:
    for pair in (
        ("گربه\u200cها", "گربهها"),
        ("👩\u200d🚀", "👩🚀"),
        ("黒\u3000猫", "黒 猫"),
        ("a\u00a0b", "a\u3000b"),
        ("9.41\u202fAM", "9.41 AM"),
    ):
        names, _ = labels(*pair).numbered()
        assert names == sorted(pair)


def test_equivalent_spellings_are_one_class_and_reported() -> None:
    dataset = labels("caf\u00e9", "cafe\u0301", "tea")
    names, numbers = dataset.numbered()
    assert names == ["caf\u00e9", "tea"]
    assert numbers is not None
    assert numbers.tolist() == [0, 0, 1]
    (note,) = (found.text for found in dataset.notes())
    assert "NFC and NFD" in note
    assert note.endswith(": caf\u00e9.")
    assert list(labels("a", "b").notes()) == []


def test_more_classes_than_a_model_can_have_are_dropped_with_a_short_note() -> None:
    dataset = labels(*(f"folder {number}" for number in range(MAX_CLASSES + 1)))
    assert dataset.numbered() == (None, None)
    (note,) = (found.text for found in dataset.notes())
    assert f"{MAX_CLASSES + 1:,} classes" in note
    assert f"{MAX_CLASSES:,} at most" in note
    assert "folder 7" not in note
    most = labels(*(str(number) for number in range(MAX_CLASSES)))
    assert most.numbered()[0] == [str(number) for number in range(MAX_CLASSES)]


def test_images_are_unclassified_only_where_others_have_two_classes() -> None:
    assert labels("a", None, "b", None).unclassified().tolist() == [False, True, False, True]
    assert not labels("a", None, "a").unclassified().any()
    assert not labels(None, None).unclassified().any()


def test_fill_sets_a_class_only_where_there_is_none() -> None:
    dataset = labels("a", None)
    assert dataset.fill(1, "b")
    assert dataset.fill(0, None)
    assert not dataset.fill(0, "b")
    assert dataset.numbered()[0] == ["a", "b"]
