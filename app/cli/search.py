"""The command that searches a model's own images."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.client import ServiceClient, segment
from app.cli.console import figure, size, table
from app.cli.errors import WrongUsage
from app.cli.files import format_of, write_file
from app.cli.job_results import once_indexed
from app.cli.latent_options import parse_latents
from app.cli.options import ClassOption, MinQualityOption, ModelArgument, without_none
from app.cli.uploads import plan_upload

COLUMNS = ("SEED", "DISTANCE", "QUALITY", "COLOR", "CLASS")
SHEETS = {".png": "contact", ".zip": "zip"}

search_cli = typer.Typer()


@search_cli.command()
def search(
    model: ModelArgument,
    color: Annotated[str | None, typer.Option(help="A colour as '#rrggbb'.")] = None,
    picture: Annotated[Path | None, typer.Option(help="A file with a picture.")] = None,
    like: Annotated[
        str | None, typer.Option(metavar="LATENT", help="A seed, or the name of a saved latent.")
    ] = None,
    class_name: ClassOption = None,
    k: Annotated[int | None, typer.Option("--k", help="How many to find, 1 to 256 [32].")] = None,
    min_quality: MinQualityOption = None,
    out: Annotated[
        Path | None, typer.Option(help="Write the images too: a sheet (.png) or a .zip.")
    ] = None,
) -> None:
    """Find the images of a model that are nearest to a colour, a picture, a latent or a class."""
    body = without_none(
        {
            "color": color,
            "class": class_name,
            "latent": None if like is None else _latent(like),
            "k": k,
            "min_quality": min_quality,
        }
    )
    if picture is None and not body.keys() & {"color", "class", "latent"}:
        raise WrongUsage("give --color, --picture, --like or --class")
    file_format = None if out is None else format_of(out, SHEETS)
    with ServiceClient.from_environment() as client:
        found = once_indexed(client, lambda: _search(client, model, body, picture))
        print(table(COLUMNS, [_row(item) for item in found["items"]]))
        if out is not None and found["items"]:
            seeds = [item["seed"] for item in found["items"]]
            images = {"seeds": seeds, "format": file_format, "checkpoint": found["checkpoint"]}
            path = f"models/{segment(model)}/images"
            written = write_file(out, client.download(path, images))
            print(f"{out}: {size(written)}", file=sys.stderr)


def _search(client: ServiceClient, model: str, body: dict[str, Any], picture: Path | None) -> Any:
    path = f"models/{segment(model)}/search"
    if picture is None:
        return client.post(path, body)
    if picture.is_dir():
        raise WrongUsage(f"{picture} is a folder: give one picture")
    return client.upload(path, body, plan_upload([picture]).parts, field="picture")


def _latent(text: str) -> dict[str, Any]:
    latents = parse_latents(text.removeprefix("@"))
    if len(latents) > 1:
        raise WrongUsage(f"--like {text!r} names {len(latents)} latents: give one")
    return latents[0]


def _row(item: dict[str, Any]) -> list[str]:
    distance, quality = item["distance"], item["quality"]
    return [
        str(item["seed"]),
        "-" if distance is None else figure(distance),
        "-" if quality is None else f"{quality:.0f}",
        item["color"],
        item["class"] or "-",
    ]
