"""Looking up a class by its name."""

import pytest

from app.domain.errors import InvalidRequest
from app.domain.images.checkpoint import GeneratorCheckpoint, find_label, list_classes


def checkpoint(*classes: str) -> GeneratorCheckpoint:
    return GeneratorCheckpoint("c1", "cats", "k", "h", 1000, (64, 64, 3), 100, classes)


def test_a_class_name_has_an_index() -> None:
    assert [find_label(checkpoint("tabby", "white"), name) for name in ("tabby", "white")] == [0, 1]


def test_an_unknown_class_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidRequest, match="has no class 'red': it has tabby, white") as refusal:
        find_label(checkpoint("tabby", "white"), "red")
    assert refusal.value.field == "class"
    with pytest.raises(InvalidRequest, match="'cats' is not conditional"):
        find_label(checkpoint(), "white")


def test_only_the_first_of_many_classes_are_listed() -> None:
    assert list_classes([*map(str, range(22))]).endswith("18, 19 and 2 more")
