"""Values of options."""

import pytest

from app.cli.errors import WrongUsage
from app.cli.options import parse_overrides


def test_json_values_of_overrides_are_parsed_and_others_are_text() -> None:
    assignments = ["width=64", "beta1=0.5", "precision=float32", "conditional=true", "note=a=b"]
    assert parse_overrides(assignments) == {
        "width": 64,
        "beta1": 0.5,
        "precision": "float32",
        "conditional": True,
        "note": "a=b",
    }


@pytest.mark.parametrize("assignments", [["width"], ["=5"], ["width=1", "width=2"]])
def test_invalid_overrides_are_refused(assignments: list[str]) -> None:
    with pytest.raises(WrongUsage, match="--set"):
        parse_overrides(assignments)
