"""The `moggy` command. Each command loads what it needs, so that `--help` is quick."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from app.cli.console import prepare_streams, printable
from app.cli.datasets import datasets_cli
from app.cli.errors import UNREACHABLE, CommandError
from app.cli.jobs import jobs_cli
from app.cli.models import models_cli
from app.cli.options import (
    CheckpointOption,
    ClassOption,
    FolderOption,
    OutOption,
    ResampleOption,
    ScaleOption,
    WholeHelp,
)

cli = typer.Typer(
    name="moggy",
    cls=WholeHelp,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # in help texts as in README, [brackets] are text
)
cli.add_typer(datasets_cli)
cli.add_typer(models_cli)
cli.add_typer(jobs_cli)


def _print_version(wanted: bool) -> None:
    from importlib.metadata import version

    if wanted:
        print(f"moggy {version('moggy')}")
        raise typer.Exit


@cli.callback()
def options(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Trains a small image generator on your own pictures and serves what it learnt."""


def main() -> None:
    """The entry point: runs the command line and exits with its code."""
    prepare_streams()
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command; its exit code. Every error is one line on stderr."""
    try:
        code = cli(arguments or ["--help"], prog_name="moggy", standalone_mode=False)
    except CommandError as error:
        return _fail(str(error), error.exit_code)
    except typer.TyperException as error:
        # Typer checks a choice with a function of its own, whose error pydantic words.
        return _fail(error.format_message().replace("Value error, ", ""), error.exit_code)
    except BrokenPipeError:
        sys.stderr.close()  # whoever read the output has left: there is nobody to tell
        return 1
    except UnicodeEncodeError as error:
        return _fail(f"{error.object!r} holds bytes that are not UTF-8 text", UNREACHABLE)
    except OSError as error:
        return _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error), 1)
    return code if isinstance(code, int) else 0


def _fail(message: str, code: int) -> int:
    print(printable(" ".join(message.split())), file=sys.stderr)
    return code


@cli.command()
def up(
    host: Annotated[str | None, typer.Option(help="Address to bind [127.0.0.1].")] = None,
    port: Annotated[int | None, typer.Option(help="Port to bind [8000].")] = None,
    home: Annotated[Path | None, typer.Option(help="Where everything is kept [~/.moggy].")] = None,
) -> None:
    """Start the service on this machine, until Ctrl-C."""
    from app.domain.startup import StartError
    from app.up.service import serve

    given = {"host": host, "port": port, "home": home}
    try:
        serve({name: value for name, value in given.items() if value is not None}, _say)
    except StartError as error:
        raise CommandError(str(error)) from error


def _say(line: str) -> None:
    print(line, flush=True)


@cli.command()
def migrate() -> None:
    """Bring the database that MOGGY_DATABASE_URL names to the newest schema."""
    from app.domain.database import migrate as migrate_database
    from app.domain.settings import DatabaseSettings
    from app.domain.startup import StartError, load_settings

    try:
        migrate_database(load_settings(DatabaseSettings, {}).database)
    except StartError as error:
        raise CommandError(str(error)) from error


@cli.command()
def train(
    dataset: Annotated[str, typer.Option(help="The dataset's name.")],
    model: Annotated[str, typer.Option(help="The model's name: a new one, or one to go on with.")],
    preset: Annotated[
        str | None, typer.Option(help="The preset to train with [small-data].")
    ] = None,
    resume_from: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL|CHECKPOINT",
            help="Start from this model's served checkpoint, or from the checkpoint of this id.",
        ),
    ] = None,
    images: Annotated[int | None, typer.Option(help="How many images to train on.")] = None,
    epochs: Annotated[
        int | None, typer.Option(help="How many passes over the dataset, instead of --images.")
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Override a field of the preset; may be repeated."
        ),
    ] = None,
    stability: Annotated[
        Literal["off", "auto"] | None,
        typer.Option(help="auto: adjust a training that goes wrong, at most three times [off]."),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Show its progress until it ends.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Queue nothing: print the time, memory and disk it would take, and warnings.",
        ),
    ] = False,
) -> None:
    """Queue a training and print its job's id."""
    from app.cli.commands import quote_training
    from app.cli.commands import train as queue_training
    from app.cli.errors import WrongUsage
    from app.cli.overrides import parse_overrides

    given = {
        "dataset": dataset,
        "model": model,
        "preset": preset,
        "resume_from": resume_from,
        "images": images,
        "epochs": epochs,
        "stability": stability,
        "overrides": parse_overrides(overrides or []) or None,
    }
    body = {field: value for field, value in given.items() if value is not None}
    if dry_run and follow:
        raise WrongUsage("--dry-run queues nothing that --follow could show: leave one out")
    if dry_run:
        quote_training(body)
    else:
        queue_training(body, follow=follow)


@cli.command()
def evaluate(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="The model's name.")],
    dataset: Annotated[str, typer.Option(help="The dataset to score it against.")],
    images: Annotated[
        int | None, typer.Option(help="How many images to score [as many as the dataset has].")
    ] = None,
    checkpoint: CheckpointOption = None,
) -> None:
    """Score a model's images against a dataset, and print the scores."""
    from app.cli.commands import evaluate as evaluate_model

    given = {"model": model, "dataset": dataset, "images": images, "checkpoint": checkpoint}
    body = {field: value for field, value in given.items() if value is not None}
    evaluate_model({"kind": "evaluate"} | body)


@cli.command()
def synthesize(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="The model's name.")],
    images: Annotated[int, typer.Option(help="How many images: 10 to 10,000,000.")],
    out: FolderOption,
    seed: Annotated[int | None, typer.Option(help="Seed of the first image [0].")] = None,
    class_name: ClassOption = None,
    layout: Annotated[
        Literal["zip", "imagefolder", "webdataset", "parquet"] | None,
        typer.Option(help="Layout of the files [zip]."),
    ] = None,
    image_format: Annotated[
        Literal["png", "webp", "jpg"] | None,
        typer.Option("--format", help="Format of each image [png]."),
    ] = None,
    shard_images: Annotated[int | None, typer.Option(help="Images in a file [10,000].")] = None,
    reject_copies: Annotated[
        bool, typer.Option("--reject-copies", help="Leave out copies of training pictures.")
    ] = False,
    checkpoint: CheckpointOption = None,
) -> None:
    """Generate many images into files and fetch them; prints the job's id first."""
    from app.cli.commands import synthesize as synthesize_images

    given = {
        "model": model,
        "images": images,
        "seed": seed,
        "class": class_name,
        "layout": layout,
        "format": image_format,
        "shard_images": shard_images,
        "reject_copies": reject_copies or None,
        "checkpoint": checkpoint,
    }
    body = {field: value for field, value in given.items() if value is not None}
    synthesize_images({"kind": "synthesize"} | body, out)


@cli.command()
def generate(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="The model's name.")],
    seeds: Annotated[str, typer.Option(help="Seeds such as 7, 0-63 or 1,5,9-12.")],
    out: OutOption,
    class_name: ClassOption = None,
    scale: ScaleOption = None,
    resample: ResampleOption = None,
) -> None:
    """Generate images: one as png, jpg, webp or avif; several as a grid (png) or a zip."""
    from app.cli.commands import write_made
    from app.cli.outputs import image_format
    from app.cli.seeds import parse_seeds

    chosen = parse_seeds(seeds)
    given = {
        "seeds": chosen,
        "format": image_format(out, len(chosen)),
        "class": class_name,
        "scale": scale,
        "resample": resample,
    }
    write_made(model, "images", given, out)


@cli.command()
def morph(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="The model's name.")],
    keyframes: Annotated[
        list[str],
        typer.Argument(metavar="A B [C...]", help="The seeds of the images to pass through."),
    ],
    out: OutOption,
    frames: Annotated[int, typer.Option(help="Frames in all, both ends included.")] = 60,
    fps: Annotated[int | None, typer.Option(help="Frames per second.")] = None,
    loop: Annotated[bool, typer.Option("--loop", help="End at the first image again.")] = False,
    repeat: Annotated[
        bool, typer.Option(help="Whether webp, gif and apng play for ever or once.")
    ] = True,
    method: Annotated[
        Literal["slerp", "lerp"] | None, typer.Option(help="Interpolation between two latents.")
    ] = None,
    easing: Annotated[
        Literal["linear", "smooth", "even"] | None,
        typer.Option(help="Constant speed, slower at keyframes, or equal visible change [linear]."),
    ] = None,
    class_name: ClassOption = None,
    scale: ScaleOption = None,
    resample: ResampleOption = None,
) -> None:
    """Morph from one image to another: webp, gif, apng, mp4, png (side by side) or zip."""
    from app.cli.commands import write_made
    from app.cli.outputs import morph_format
    from app.cli.seeds import parse_seeds

    given = {
        "keyframes": [{"seed": seed} for seed in parse_seeds(",".join(keyframes))],
        "frames": frames,
        "fps": fps,
        "loop": loop or None,
        "repeat": None if repeat else False,
        "method": method,
        "easing": easing,
        "class": class_name,
        "format": morph_format(out),
        "scale": scale,
        "resample": resample,
    }
    write_made(model, "interpolations", given, out)
