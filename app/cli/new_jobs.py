"""Commands that queue a job: train, evaluate, synthesize."""

import sys
from typing import Annotated, Any, Literal

import typer

from app.cli.client import ServiceClient
from app.cli.console import duration, size
from app.cli.datasets import follow_ingest
from app.cli.errors import WrongUsage
from app.cli.files import check_folder
from app.cli.job_results import (
    follow_evaluation,
    follow_synthesis,
    follow_training,
    once_indexed,
)
from app.cli.jobs import download_files
from app.cli.options import (
    CheckpointOption,
    ClassOption,
    MinQualityOption,
    ModelArgument,
    OptionalFolderOption,
    TruncationOption,
    parse_overrides,
    without_none,
)

new_jobs_cli = typer.Typer()


@new_jobs_cli.command()
def train(
    dataset: Annotated[str, typer.Option(help="The dataset's name.")],
    model: Annotated[str, typer.Option(help="The model's name, new or existing.")],
    preset: Annotated[
        str | None, typer.Option(help="The preset to train with [small-data].")
    ] = None,
    resume_from: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL|CHECKPOINT",
            help="Start from a model's served checkpoint, or from the checkpoint with this id.",
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
        bool, typer.Option("--follow", help="Show the progress until the training ends.")
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
    body = without_none(
        {
            "dataset": dataset,
            "model": model,
            "preset": preset,
            "resume_from": resume_from,
            "images": images,
            "epochs": epochs,
            "stability": stability,
            "overrides": parse_overrides(overrides or []) or None,
        }
    )
    if dry_run and follow:
        raise WrongUsage("--dry-run queues no job that --follow could show: leave out one of them")
    with ServiceClient.from_environment() as client:
        if dry_run:
            _print_estimate(client.post("jobs?dry_run=true", body))
            return
        job = client.post("jobs", body)
        print(job["id"], flush=True)
        for warning in job.get("warnings", ()):  # an older service sends none
            print(f"warning: {warning}", file=sys.stderr)
        if follow:
            follow_training(client, job["id"])


def _print_estimate(dry_run: dict[str, Any]) -> None:
    config, estimate = dry_run["config"], dry_run["estimate"]
    seconds, rate = estimate["seconds"], estimate["images_per_second"]
    time = "unknown" if seconds is None else f"about {duration(seconds)}"
    conditions = [estimate["device"]]
    if rate:
        conditions.append(f"{rate:,.0f} images/s")
    if "measured_on" in estimate:
        conditions.append(f"measured on {estimate['measured_on']}")
    disk, checkpoints = size(estimate["disk_bytes"]), estimate["checkpoints"]
    print(f"{config['preset']}, {config['images']:,} images: nothing is queued")
    print(f"  time    {time} ({', '.join(conditions)})")
    print(f"  memory  {size(estimate['memory_bytes'])}")
    print(f"  disk    {disk} for the checkpoints that are kept of {checkpoints:,}")
    for warning in dry_run["warnings"]:
        print(f"  warning: {warning}")


@new_jobs_cli.command()
def evaluate(
    model: ModelArgument,
    dataset: Annotated[str, typer.Option(help="The dataset to score it against.")],
    images: Annotated[
        int | None, typer.Option(help="How many images to score [as many as the dataset has].")
    ] = None,
    checkpoint: CheckpointOption = None,
) -> None:
    """Score a model's images against a dataset, and print the scores."""
    body = {
        "kind": "evaluate",
        "model": model,
        "dataset": dataset,
        "images": images,
        "checkpoint": checkpoint,
    }
    with ServiceClient.from_environment() as client:
        follow_evaluation(client, client.post("jobs", without_none(body))["id"])


@new_jobs_cli.command()
def synthesize(
    model: ModelArgument,
    images: Annotated[int, typer.Option(help="How many images: 10 to 10,000,000.")],
    out: OptionalFolderOption = None,
    into: Annotated[
        str | None,
        typer.Option(help="Pack the images as a new dataset of this name, instead of --out."),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the first image [0].")] = None,
    class_name: ClassOption = None,
    truncation: TruncationOption = None,
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
    min_quality: MinQualityOption = None,
    checkpoint: CheckpointOption = None,
) -> None:
    """Generate many images into files and fetch them, or pack them as a dataset; prints the job's
    id first."""
    if (out is None) == (into is None):
        raise WrongUsage("give --out, a folder for the files, or --into, a name for a dataset")
    body = {
        "kind": "synthesize",
        "model": model,
        "images": images,
        "seed": seed,
        "class": class_name,
        "truncation": truncation,
        "layout": layout,
        "format": image_format,
        "shard_images": shard_images,
        "reject_copies": reject_copies or None,
        "min_quality": min_quality,
        "into": into,
        "checkpoint": checkpoint,
    }
    if out is not None:
        check_folder(out)
    with ServiceClient.from_environment() as client:
        job = once_indexed(client, lambda: client.post("jobs", without_none(body)))
        job_id = job["id"]
        print(job_id, flush=True)
        follow_synthesis(client, job_id)
        if out is not None:
            download_files(client, job_id, out)
        if into is not None:
            follow_ingest(client, into, client.get(f"jobs/{job_id}")["result"]["ingest"])
