import pytest

from app.cli.errors import WrongUsage
from app.cli.overrides import parse_overrides


def test_numbers_are_numbers_and_words_are_text() -> None:
    given = ["width=64", "beta1=0.5", "precision=float32", "conditional=true", "note=a=b"]
    assert parse_overrides(given) == {
        "width": 64,
        "beta1": 0.5,
        "precision": "float32",
        "conditional": True,
        "note": "a=b",
    }


@pytest.mark.parametrize("given", [["width"], ["=5"], ["width=1", "width=2"]])
def test_what_is_no_assignment_is_refused(given: list[str]) -> None:
    with pytest.raises(WrongUsage, match="--set"):
        parse_overrides(given)
