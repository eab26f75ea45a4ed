"""`--set key=value`: overrides of a preset's configuration."""

import json
from typing import Any

from app.cli.errors import WrongUsage


def parse_overrides(assignments: list[str]) -> dict[str, Any]:
    """Numbers, true, false and null are read as JSON reads them; all else is text."""
    overrides: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals or not name.strip():
            raise WrongUsage(f"--set {assignment!r} is not of the form key=value")
        if name.strip() in overrides:
            raise WrongUsage(f"--set gives {name.strip()} twice")
        overrides[name.strip()] = _parse_value(value.strip())
    return overrides


def _parse_value(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value
