"""The command that finds a picture in a model: project."""

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from app.cli.client import ServiceClient, segment
from app.cli.console import size
from app.cli.errors import WrongUsage
from app.cli.files import format_of, write_file
from app.cli.job_results import follow_to_success
from app.cli.options import CheckpointOption, ModelArgument, without_none
from app.cli.uploads import plan_upload

projections_cli = typer.Typer()


@projections_cli.command()
def project(
    model: ModelArgument,
    picture: Annotated[Path, typer.Argument(metavar="PICTURE", help="The picture to find.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="A .png to write the model's image of it to.")
    ] = None,
    save: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Save the latent under this name of the model."),
    ] = None,
    class_name: Annotated[
        str | None,
        typer.Option(
            "--class", metavar="NAME", help="The class, for a conditional model [found as well]."
        ),
    ] = None,
    fit: Annotated[
        Literal["crop", "pad", "stretch"] | None,
        typer.Option(help="How the picture is fitted to the model's shape [crop]."),
    ] = None,
    checkpoint: CheckpointOption = None,
) -> None:
    """Find the latent whose image is most like a picture; print the projection's id."""
    if out is not None:
        format_of(out, {".png": "png"})
    if picture.is_dir():
        raise WrongUsage(f"{picture} is a folder: give one picture")
    fields = without_none({"class": class_name, "fit": fit, "checkpoint": checkpoint})
    parts = plan_upload([picture]).parts
    with ServiceClient.from_environment() as client:
        path = f"models/{segment(model)}/projections"
        queued = client.upload(path, fields, parts, field="picture")
        job_id = queued["id"]
        print(job_id, flush=True)
        follow_to_success(client, job_id, "project")
        projection = client.get(f"projections/{job_id}")
        print(_describe(projection), file=sys.stderr)
        if out is not None:
            written = write_file(out, client.download(f"projections/{job_id}.png"))
            print(f"{out}: {size(written)}", file=sys.stderr)
        if save is not None:
            body = {
                "name": save,
                "projection": job_id,
                "class": projection["class"],
                "checkpoint": projection["checkpoint"],
            }
            client.post(f"models/{segment(model)}/latents", without_none(body))
            print(f"saved as {save}", file=sys.stderr)


def _describe(projection: dict[str, Any]) -> str:
    source = projection["calibration"]["source"]
    pictures = "held-out pictures" if source == "held_out" else "generated images"
    return (
        f"{projection['says']}\n"
        f"distance {projection['distance']:.3f}, more than {projection['percentile']:.0f} % of "
        f"{projection['calibration']['pictures']} {pictures}; "
        f"pixel error {projection['pixel_error']:.1f} of 255; "
        f"{projection['seconds']['projection']:.1f} s"
    )
