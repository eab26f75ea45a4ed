"""Commands about datasets: added, listed, shown, deleted."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from app.cli.options import DatasetArgument, WholeHelp, YesOption

datasets_cli = typer.Typer()
dataset_cli = typer.Typer(cls=WholeHelp, help="Add, show or delete a dataset.")
datasets_cli.add_typer(dataset_cli, name="dataset")


@dataset_cli.command("add")
def add_dataset(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH...", help="Folders, archives, pictures, arrays, Parquet."),
    ],
    name: Annotated[str, typer.Option(help="The dataset's name.")],
    size: Annotated[
        str | None,
        typer.Option(
            help="Side of the packed pictures in pixels, like 64, or WIDTHxHEIGHT, like 96x64 [64]."
        ),
    ] = None,
    fit: Annotated[
        Literal["crop", "pad", "stretch"] | None,
        typer.Option(help="How a picture of other proportions is brought to that size [crop]."),
    ] = None,
    channels: Annotated[
        Literal["auto", "rgb", "grey", "rgba"] | None,
        typer.Option(help="Channels of the packed pictures [auto: grey where all pictures are]."),
    ] = None,
    horizontal_flip: Annotated[
        Literal["auto", "yes", "no"] | None,
        typer.Option(
            help="Whether a training may mirror the pictures [auto: decided from the pictures].",
        ),
    ] = None,
    near_duplicates: Annotated[
        Literal["keep", "drop"] | None,
        typer.Option(
            help="What to do with pictures that look almost like another [keep: only report them]."
        ),
    ] = None,
    unclassified: Annotated[
        Literal["ignore-classes", "drop"] | None,
        typer.Option(
            help="Where some pictures have no class: leave those out (drop), or keep all "
            "pictures, without classes [ignore-classes].",
        ),
    ] = None,
    names: Annotated[
        str | None,
        typer.Option(
            metavar="CODE-PAGE",
            help="Code page of the file names in zips and tars that are not UTF-8, like shift_jis, "
            "gbk or cp866.",
        ),
    ] = None,
    levels: Annotated[
        Literal["full", "auto"] | None,
        typer.Option(
            help="full: take the values as they are. auto: stretch the range of values that occurs "
            "to black and white, for masks of 0 and 1 or 10 to 14 bits stored in 16 [full].",
        ),
    ] = None,
    wait: Annotated[bool, typer.Option(help="Wait until the dataset is ready.")] = True,
) -> None:
    """Upload pictures and pack them as a dataset."""
    from app.cli.dataset_actions import add_dataset as add

    given = {
        "name": name,
        "size": size,
        "fit": fit,
        "channels": channels,
        "horizontal_flip": horizontal_flip,
        "near_duplicates": near_duplicates,
        "unclassified": unclassified,
        "names": names,
        "levels": levels,
    }
    fields = {field: str(value) for field, value in given.items() if value is not None}
    add(paths, fields, wait=wait)


@dataset_cli.command("show")
def show_dataset(name: DatasetArgument) -> None:
    """Show a dataset: its status, its classes and its report."""
    from app.cli.dataset_actions import show_dataset as show

    show(name)


@dataset_cli.command("delete")
def delete_dataset(name: DatasetArgument, yes: YesOption = False) -> None:
    """Delete a dataset that no job uses, and free its bytes."""
    from app.cli.dataset_actions import delete_dataset as delete

    delete(name, sure=yes)


@datasets_cli.command()
def datasets() -> None:
    """List the datasets, newest first."""
    from app.cli.commands import list_items
    from app.cli.tables import DATASET_COLUMNS, dataset_row

    list_items("datasets", DATASET_COLUMNS, dataset_row)
