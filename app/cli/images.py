"""Commands that generate images: generate, morph, blend."""

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from app.cli.client import ServiceClient, segment
from app.cli.console import size
from app.cli.errors import WrongUsage
from app.cli.files import format_of, write_file
from app.cli.job_results import once_indexed
from app.cli.latent_options import (
    EditsOption,
    parse_edits,
    parse_latents,
    parse_seeds,
    with_edits,
)
from app.cli.options import (
    ClassOption,
    MinQualityOption,
    ModelArgument,
    OutOption,
    ResampleOption,
    ScaleOption,
    TruncationOption,
    without_none,
)

IMAGE_FORMATS = {
    ".png": "png",
    ".jpg": "jpg",
    ".jpeg": "jpg",
    ".webp": "webp",
    ".avif": "avif",
    ".zip": "zip",
}
BLEND_FORMATS = {suffix: name for suffix, name in IMAGE_FORMATS.items() if suffix != ".zip"}
MORPH_FORMATS = {
    ".webp": "webp",
    ".gif": "gif",
    ".apng": "apng",
    ".mp4": "mp4",
    ".png": "strip",
    ".zip": "zip",
}

images_cli = typer.Typer()


@images_cli.command()
def generate(
    model: ModelArgument,
    out: OutOption,
    seeds: Annotated[str | None, typer.Option(help="Seeds such as 7, 0-63 or 1,5,9-12.")] = None,
    latents: Annotated[
        str | None,
        typer.Option(help="Names of saved latents, and seeds, such as white,tabby,42."),
    ] = None,
    edit: EditsOption = None,
    class_name: ClassOption = None,
    truncation: TruncationOption = None,
    min_quality: MinQualityOption = None,
    scale: ScaleOption = None,
    resample: ResampleOption = None,
) -> None:
    """Generate images: one as png, jpg, webp or avif; several as a grid (png) or a zip."""
    if (seeds is None) == (latents is None):
        raise WrongUsage("give exactly one of --seeds and --latents")
    edits = parse_edits(edit)
    parsed = (
        parse_latents(latents or "")
        if seeds is None
        else [{"seed": seed} for seed in parse_seeds(seeds)]
    )
    only_seeds = edits is None and all("seed" in latent for latent in parsed)
    body = {
        "seeds": [latent["seed"] for latent in parsed] if only_seeds else None,
        "latents": None if only_seeds else with_edits(parsed, edits),
        "format": image_format(out, len(parsed)),
        "class": class_name,
        "truncation": truncation,
        "min_quality": min_quality,
        "scale": scale,
        "resample": resample,
    }
    _write_response(model, "images", body, out)


@images_cli.command()
def morph(
    model: ModelArgument,
    keyframes: Annotated[
        list[str],
        typer.Argument(
            metavar="A B [C...]",
            help="The images to pass through, each a seed or the name of a saved latent.",
        ),
    ],
    out: OutOption,
    frames: Annotated[int, typer.Option(help="Frames in all, both ends included.")] = 60,
    fps: Annotated[int | None, typer.Option(help="Frames per second.")] = None,
    loop: Annotated[bool, typer.Option("--loop", help="Return to the first image.")] = False,
    repeat: Annotated[
        bool, typer.Option(help="Whether webp, gif and apng play endlessly or once.")
    ] = True,
    method: Annotated[
        Literal["slerp", "lerp", "spline"] | None,
        typer.Option(help="Great circles, straight lines, or a smooth path [slerp]."),
    ] = None,
    easing: Annotated[
        Literal["linear", "smooth", "even"] | None,
        typer.Option(help="Constant speed, slower at keyframes, or equal visible change [linear]."),
    ] = None,
    detour: Annotated[
        float | None,
        typer.Option(help="Bend the path around images of a quality below this, 0 to 95 [0]."),
    ] = None,
    edit: EditsOption = None,
    class_name: ClassOption = None,
    truncation: TruncationOption = None,
    scale: ScaleOption = None,
    resample: ResampleOption = None,
) -> None:
    """Morph from one image to another: webp, gif, apng, mp4, png (side by side) or zip."""
    body = {
        "keyframes": with_edits(parse_latents(",".join(keyframes)), parse_edits(edit)),
        "frames": frames,
        "fps": fps,
        "loop": loop or None,
        "repeat": None if repeat else False,
        "method": method,
        "easing": easing,
        "detour": detour,
        "class": class_name,
        "truncation": truncation,
        "format": morph_format(out),
        "scale": scale,
        "resample": resample,
    }
    _write_response(model, "interpolations", body, out)


@images_cli.command()
def blend(
    model: ModelArgument,
    corners: Annotated[
        list[str],
        typer.Argument(
            metavar="A B [C [D]]",
            help="Seeds or saved latents: top left, top right, bottom left and bottom right.",
        ),
    ],
    out: OutOption,
    x: Annotated[
        float | None, typer.Option(help="The place of one image: 0, the left edge, to 1.")
    ] = None,
    y: Annotated[float | None, typer.Option(help="0, the top edge, to 1.")] = None,
    sheet: Annotated[
        int | None, typer.Option(help="Images on each side of a sheet of all places.")
    ] = None,
    edit: EditsOption = None,
    class_name: ClassOption = None,
    truncation: TruncationOption = None,
    scale: ScaleOption = None,
    resample: ResampleOption = None,
) -> None:
    """Blend 2 to 4 images: one image between them, or a sheet of them (png)."""
    body = {
        "corners": with_edits(parse_latents(",".join(corners)), parse_edits(edit)),
        "x": x,
        "y": y,
        "sheet": sheet,
        "class": class_name,
        "truncation": truncation,
        "format": format_of(out, BLEND_FORMATS),
        "scale": scale,
        "resample": resample,
    }
    _write_response(model, "blend", body, out)


def _write_response(model: str, collection: str, body: dict[str, Any], out: Path) -> None:
    path = f"models/{segment(model)}/{collection}"
    with ServiceClient.from_environment() as client:
        request = without_none(body)
        written = once_indexed(client, lambda: write_file(out, client.download(path, request)))
    print(f"{out}: {size(written)}", file=sys.stderr)


def image_format(out: Path, count: int) -> str:
    """The `format` of a request for `count` images: a grid or a zip for several."""
    suffix_format = format_of(out, IMAGE_FORMATS)
    if count == 1 or suffix_format == "zip":
        return suffix_format
    if suffix_format != "png":
        raise WrongUsage(
            f"{out}: several images are written as one grid in a .png, or each as a file in a .zip"
        )
    return "grid"


def morph_format(out: Path) -> str:
    """The `format` of a request for a morph: a .png holds the frames side by side."""
    return format_of(out, MORPH_FORMATS)
