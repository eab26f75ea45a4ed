"""What several commands have: arguments, options, and help that keeps every word."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperGroup

DatasetArgument = Annotated[str, typer.Argument(metavar="NAME", help="The dataset's name.")]
ModelArgument = Annotated[str, typer.Argument(metavar="NAME", help="The model's name.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Delete without asking.")]
JobArgument = Annotated[str, typer.Argument(metavar="JOB", help="The job's id.")]
CheckpointOption = Annotated[
    str | None, typer.Option(metavar="ID", help="The id of a checkpoint [the served one].")
]
ClassOption = Annotated[
    str | None,
    typer.Option(
        "--class", metavar="NAME", help="The class, for a conditional model [the seed decides]."
    ),
]
ScaleOption = Annotated[int | None, typer.Option(help="Enlarge by this factor, 1 to 8 [1].")]
ResampleOption = Annotated[
    Literal["lanczos", "nearest"] | None,
    typer.Option(help="How to enlarge: smoothly, or each pixel as a square [lanczos]."),
]
OutOption = Annotated[Path, typer.Option("--out", help="The file to write.")]
FolderOption = Annotated[
    Path, typer.Option("--out", metavar="FOLDER", help="The folder to write to.")
]


class WholeHelp(TyperGroup):
    """Lists its commands with the whole of what they do, which Typer cuts at the line's end."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, command.help or "") for name, command in commands if command is not None]
            )
