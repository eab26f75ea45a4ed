"""Arguments and options that several commands share."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from app.cli.errors import WrongUsage

DatasetArgument = Annotated[str, typer.Argument(metavar="NAME", help="The dataset's name.")]
ModelArgument = Annotated[str, typer.Argument(metavar="MODEL", help="The model's name.")]
JobArgument = Annotated[str, typer.Argument(metavar="JOB", help="The job's id.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Delete without asking.")]
CheckpointOption = Annotated[
    str | None, typer.Option(metavar="ID", help="The id of a checkpoint [the served one].")
]
ClassOption = Annotated[
    str | None,
    typer.Option(
        "--class", metavar="NAME", help="The class, for a conditional model [the seed decides]."
    ),
]
TruncationOption = Annotated[
    float | None,
    typer.Option(help="Scale latents by this factor, above 0 and at most 1 [1]."),
]
MinQualityOption = Annotated[
    float | None,
    typer.Option(help="Leave out images of a lower quality, 0 to 95 [0]."),
]
ScaleOption = Annotated[int | None, typer.Option(help="Enlarge by this factor, 1 to 8 [1].")]
ResampleOption = Annotated[
    Literal["lanczos", "nearest"] | None,
    typer.Option(help="How to enlarge: smoothly, or each pixel as a square [lanczos]."),
]
OutOption = Annotated[Path, typer.Option("--out", help="The file to write.")]
FOLDER_OPTION = typer.Option("--out", metavar="FOLDER", help="The folder to write to.")
FolderOption = Annotated[Path, FOLDER_OPTION]
OptionalFolderOption = Annotated[Path | None, FOLDER_OPTION]


def without_none(values: dict[str, Any]) -> dict[str, Any]:
    """The values that were given. The service has defaults for the others."""
    return {name: value for name, value in values.items() if value is not None}


def parse_overrides(assignments: list[str]) -> dict[str, Any]:
    """Parse the `key=value` of each --set; a value that is not JSON is text."""
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
