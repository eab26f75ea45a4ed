"""Commands about directions in a model's latent space: teach, list, find, rename, delete."""

from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.client import ServiceClient, segment
from app.cli.command_group import CommandGroup
from app.cli.console import confirm_deletion, figure, table
from app.cli.errors import WrongUsage
from app.cli.job_results import follow_to_success, once_indexed
from app.cli.latent_options import parse_latents
from app.cli.options import (
    CheckpointOption,
    ClassOption,
    ModelArgument,
    YesOption,
    without_none,
)

COLUMNS = ("DIRECTION", "METHOD", "EFFECT", "ACCURACY", "EXAMPLES", "STRIP")

DirectionArgument = Annotated[str, typer.Argument(metavar="NAME", help="The direction's name.")]

directions_cli = typer.Typer()
direction_cli = typer.Typer(cls=CommandGroup, help="Rename or delete a direction.")
directions_cli.add_typer(direction_cli, name="direction")


@directions_cli.command()
def teach(
    model: ModelArgument,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name of the new direction.")],
    positive: Annotated[
        str | None,
        typer.Option(help="Seeds and saved latents that show it, such as 1,5,9-12,white."),
    ] = None,
    negative: Annotated[
        str | None, typer.Option(help="Seeds and saved latents that show the opposite.")
    ] = None,
    positive_pictures: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Pictures that show it.")
    ] = None,
    negative_pictures: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Pictures that show the opposite.")
    ] = None,
    positive_class: Annotated[
        str | None,
        typer.Option(metavar="DATASET/CLASS", help="The class of a dataset that shows it."),
    ] = None,
    negative_class: Annotated[
        str | None,
        typer.Option(metavar="DATASET/CLASS", help="The class that shows the opposite."),
    ] = None,
    orthogonal_to: Annotated[
        str | None,
        typer.Option(metavar="NAMES", help="Directions that it is to leave unchanged: a,b."),
    ] = None,
    class_name: ClassOption = None,
    checkpoint: CheckpointOption = None,
) -> None:
    """Teach a direction by examples, and print how accurate it is."""
    body = {
        "name": name,
        "positive": None if positive is None else parse_latents(positive),
        "negative": None if negative is None else parse_latents(negative),
        "positive_class": _class(positive_class, "--positive-class"),
        "negative_class": _class(negative_class, "--negative-class"),
        "orthogonal_to": None if orthogonal_to is None else orthogonal_to.split(","),
        "class": class_name,
        "checkpoint": checkpoint,
    }
    folders = {"positive_pictures": positive_pictures, "negative_pictures": negative_pictures}
    pictures = {field: _pictures(folder) for field, folder in folders.items() if folder is not None}
    path = f"models/{segment(model)}/directions"
    with ServiceClient.from_environment() as client:

        def send() -> Any:
            given = without_none(body)
            if not pictures:
                return client.post(path, given)
            return client.send_form(path, given, pictures)

        direction = once_indexed(client, send)
        accuracy = direction["accuracy"]
        print(
            f"{name}: {accuracy['value']:.0%} of {accuracy['examples']} examples are on their side "
            f"when left out ({accuracy['low']:.0%} to {accuracy['high']:.0%})"
        )
        raised, effect = direction["raised"], direction["effect"]
        print(f"it shows more in {raised:.0%} of random images moved along it, effect {effect:.2f}")
        print(f"strip: {client.url}{direction['strip']}")


@directions_cli.command("directions")
def list_directions(
    model: ModelArgument,
    find: Annotated[
        bool,
        typer.Option("--find", help="First find those that change the images most, in a job."),
    ] = False,
    checkpoint: CheckpointOption = None,
) -> None:
    """List the directions of a model, newest first."""
    path = f"models/{segment(model)}"
    with ServiceClient.from_environment() as client:
        if find:
            query = "" if checkpoint is None else f"?checkpoint={segment(checkpoint)}"
            follow_to_success(
                client, client.post(f"{path}/find-directions{query}")["id"], "directions"
            )
        print(
            table(
                COLUMNS,
                [_row(direction, client.url) for direction in client.items(f"{path}/directions")],
            )
        )


@direction_cli.command("rename")
def rename_direction(
    model: ModelArgument,
    name: DirectionArgument,
    new_name: Annotated[str, typer.Argument(metavar="NEW-NAME", help="Its new name.")],
) -> None:
    """Rename a direction, such as a found one that is worth keeping."""
    with ServiceClient.from_environment() as client:
        client.patch(_path(model, name), {"name": new_name})
    print(f"Direction {name} is named {new_name}.")


@direction_cli.command("delete")
def delete_direction(model: ModelArgument, name: DirectionArgument, yes: YesOption = False) -> None:
    """Delete a direction."""
    confirm_deletion(f"direction {name} of model {model}", confirmed=yes)
    with ServiceClient.from_environment() as client:
        client.delete(_path(model, name))
    print(f"Direction {name} is deleted.")


def _path(model: str, direction: str) -> str:
    return f"models/{segment(model)}/directions/{segment(direction)}"


def _row(direction: dict[str, Any], url: str) -> list[str]:
    accuracy = direction["accuracy"]
    taught = accuracy is not None
    return [
        direction["name"],
        direction["method"],
        figure(direction["effect"]),
        f"{accuracy['value']:.0%}" if taught else "-",
        f"{direction['positive']}+{direction['negative']}" if taught else "-",
        f"{url}{direction['strip']}",
    ]


def _pictures(folder: Path) -> list[Path]:
    """The pictures of a folder, by their names; hidden files are left out."""
    if not folder.is_dir():
        raise WrongUsage(f"{folder} is not a folder of pictures")
    files = [path for path in sorted(folder.iterdir()) if path.is_file() and path.name[0] != "."]
    if not files:
        raise WrongUsage(f"{folder} holds no pictures")
    return files


def _class(text: str | None, option: str) -> dict[str, str] | None:
    if text is None:
        return None
    dataset, slash, name = text.partition("/")
    if not slash or not dataset or not name:
        raise WrongUsage(f"{option} {text!r} is not of the form DATASET/CLASS")
    return {"dataset": dataset, "class": name}
