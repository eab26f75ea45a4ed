"""A class by its name."""

import pytest

from app.domain.errors import InvalidRequest
from app.domain.images.checkpoint import ServedCheckpoint, find_label, list_classes


def checkpoint(*classes: str) -> ServedCheckpoint:
    return ServedCheckpoint("c1", "cats", "k", "h", 1000, (64, 64, 3), 100, classes)


def test_a_name_is_a_number() -> None:
    assert [find_label(checkpoint("tabby", "white"), one) for one in ("tabby", "white")] == [0, 1]


def test_what_is_no_class_is_refused_with_those_there_are() -> None:
    with pytest.raises(InvalidRequest, match="has no class 'red': it has tabby, white") as refusal:
        find_label(checkpoint("tabby", "white"), "red")
    assert refusal.value.field == "class"
    with pytest.raises(InvalidRequest, match="'cats' is not conditional"):
        find_label(checkpoint(), "white")


def test_of_many_the_first_are_listed() -> None:
    assert list_classes(checkpoint(*map(str, range(22)))).endswith("18, 19 and 2 more")
