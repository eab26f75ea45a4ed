"""Arguments and options that several commands have."""

from pathlib import Path
from typing import Annotated, Literal

import typer

JobArgument = Annotated[str, typer.Argument(metavar="JOB", help="The job's id.")]
CheckpointOption = Annotated[
    str | None, typer.Option(metavar="ID", help="Another checkpoint than the served one.")
]
ClassOption = Annotated[
    str | None,
    typer.Option("--class", metavar="NAME", help="Of a conditional model [the seed decides]."),
]
ScaleOption = Annotated[int | None, typer.Option(help="Times larger, 1 to 8, for display.")]
ResampleOption = Annotated[
    Literal["lanczos", "nearest"] | None,
    typer.Option(help="Larger smoothly, or each pixel as a square [lanczos]."),
]
OutOption = Annotated[Path, typer.Option("--out", help="The file to write.")]
FolderOption = Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Where they go.")]
