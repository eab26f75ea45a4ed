"""Arguments and options that several commands share, and groups of commands."""

import json
import re
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from app.cli.errors import WrongUsage

MAX_SEEDS = 100_000  # far more than a service generates for one request
SEED_RANGE = re.compile(r"(\d+)(?:-(\d+))?", re.ASCII)

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


class CommandGroup(TyperGroup):
    """Lists its commands with their whole help, which Typer would cut to one line each."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Name the commands of the group when none is given."""
        if not args:
            *others, last = (f"{ctx.command_path} {name}" for name in self.list_commands(ctx))
            raise WrongUsage(f"Missing command: use {', '.join(others)} or {last}")
        return super().parse_args(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, command.help or "") for name, command in commands if command is not None]
            )


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


def parse_seeds(text: str) -> list[int]:
    """Parse seeds like `7`, `0-63` or `1,5,9-12`, in this order; a range includes both ends."""
    ranges = [_parse_range(part.strip(), text) for part in text.split(",")]
    count = sum(len(seeds) for seeds in ranges)
    if count > MAX_SEEDS:
        raise WrongUsage(f"seeds {text!r} are {count:,} seeds: at most {MAX_SEEDS:,} at once")
    return [seed for seeds in ranges for seed in seeds]


def _parse_range(part: str, text: str) -> range:
    from models.config import MAX_SEED

    match = SEED_RANGE.fullmatch(part)
    if match is None:
        raise WrongUsage(f"seeds {text!r}: {part!r} is neither a seed nor a range like 0-63")
    first = int(match[1])
    last = first if match[2] is None else int(match[2])
    if last < first:
        raise WrongUsage(f"seeds {text!r}: the range {part} ends before it begins")
    if last > MAX_SEED:
        raise WrongUsage(f"seeds {text!r}: {last} is above the largest seed, {MAX_SEED}")
    return range(first, last + 1)
