"""Commands about models: list, show, export, import, delete."""

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from app.cli.client import ServiceClient, segment
from app.cli.command_group import CommandGroup
from app.cli.console import confirm_deletion, counted, figure, local_time, size, table
from app.cli.errors import CommandError, WrongUsage
from app.cli.files import format_of, upload_with_progress, write_file
from app.cli.job_results import follow_import
from app.cli.options import (
    CheckpointOption,
    ModelArgument,
    OutOption,
    YesOption,
)
from app.cli.progress import make_view
from app.cli.uploads import plan_upload

MODEL_COLUMNS = ("MODEL", "CHECKPOINTS", "SERVED", "IMAGES", "CREATED", "SERVED BECAUSE")
CHECKPOINT_COLUMNS = (
    *("CHECKPOINT", "IMAGES", "KID", "FRECHET", "DATASET", "JOB", "SIZE", "CREATED", ""),
)

EXPORT_FORMATS = {".zip": "bundle", ".safetensors": "safetensors", ".onnx": "onnx"}

models_cli = typer.Typer()
model_cli = typer.Typer(cls=CommandGroup, help="Show, export, import or delete a model.")
models_cli.add_typer(model_cli, name="model")


@models_cli.command()
def models() -> None:
    """List the models, newest first."""
    with ServiceClient.from_environment() as client:
        print(table(MODEL_COLUMNS, [_model_row(model) for model in client.items("models")]))


def _model_row(model: dict[str, Any]) -> list[str]:
    images_seen = model["images_seen"]
    return [
        model["name"],
        str(model["checkpoints"]),
        model["checkpoint"] or "-",
        "-" if images_seen is None else f"{images_seen:,}",
        local_time(model["created_at"]),
        model["served_because"] or "-",
    ]


@model_cli.command("show")
def show_model(name: ModelArgument) -> None:
    """Show a model: its preset, its checkpoints with their scores, which is served and why."""
    path = f"models/{segment(name)}"
    with ServiceClient.from_environment() as client:
        model = client.get(path)
        checkpoints = list(client.items(f"{path}/checkpoints"))
        jobs = {
            checkpoint["job"]: client.find(f"jobs/{checkpoint['job']}")
            for checkpoint in checkpoints
            if checkpoint["job"] is not None
        }
    checkpoint_count = counted(model["checkpoints"], "checkpoint")
    print(f"{name}: {checkpoint_count}, created {local_time(model['created_at'])}")
    if model["checkpoint"] is None:
        print("  nothing is served yet: its training has not stored a checkpoint")
        return
    print(
        f"  serves {model['checkpoint']}, at {model['images_seen']:,} images: "
        f"{model['served_because']}"
    )
    _print_config(model["config"])
    datasets = {job["id"]: job["dataset"] for job in jobs.values() if job is not None}
    rows = [_checkpoint_row(checkpoint, datasets) for checkpoint in checkpoints]
    print(table(CHECKPOINT_COLUMNS, rows))
    for checkpoint in checkpoints:
        if checkpoint.get("imported"):
            print(_describe_import(checkpoint))


def _describe_import(checkpoint: dict[str, Any]) -> str:
    line = f"checkpoint {checkpoint['id']} was imported"
    imported = checkpoint["imported"]["metrics"]
    if imported is None:
        return f"{line}, without scores"
    if checkpoint["metrics"] is not None:
        return f"{line} with its scores: the dataset that they belong to is here"
    return (
        f"{line}; its KID {figure(imported['kid'])} was computed against a dataset that is not "
        "here, and is not compared with other scores"
    )


def _print_config(config: dict[str, Any]) -> None:
    height, width, channels = config["shape"]
    line = f"  preset {config['preset']}, {width}×{height}×{channels}, width {config['width']}"
    if config["conditional"]:
        line += f", {counted(len(config['classes']), 'class', 'classes')}"
    print(line)


def _checkpoint_row(checkpoint: dict[str, Any], datasets: dict[str, str | None]) -> list[str]:
    """`datasets` maps the id of each job to its dataset."""
    metrics, job = checkpoint["metrics"] or {}, checkpoint["job"]
    return [
        checkpoint["id"],
        f"{checkpoint['images_seen']:,}",
        figure(metrics.get("kid")),
        figure(metrics.get("frechet")),
        datasets.get(job) or "-",
        job or "-",
        size(checkpoint["bytes"]),
        local_time(checkpoint["created_at"]),
        "served" if checkpoint["served"] else "",
    ]


@model_cli.command("export")
def export_model(
    name: Annotated[
        str,
        typer.Argument(metavar="MODEL|CHECKPOINT", help="A model's name, or a checkpoint's id."),
    ],
    out: OutOption,
    export_format: Annotated[
        Literal["bundle", "safetensors", "onnx"] | None,
        typer.Option(
            "--format", help="What to write [by the file's name: .zip, .safetensors or .onnx]."
        ),
    ] = None,
    reference: Annotated[
        bool,
        typer.Option(
            "--reference/--no-reference",
            help="Whether a bundle contains embeddings of training pictures, by which the quality "
            "of images is measured.",
        ),
    ] = True,
) -> None:
    """Write the checkpoint that a model serves, or any other, to a file."""
    chosen = format_of(out, EXPORT_FORMATS)
    if export_format not in (None, chosen):
        raise WrongUsage(
            f"{out}: the file name selects {chosen}, but --format is {export_format}: change the "
            "suffix, or leave --format out"
        )
    with ServiceClient.from_environment() as client:
        model = client.find(f"models/{segment(name)}")
        checkpoint = name if model is None else model["checkpoint"]
        if checkpoint is None:
            raise CommandError(f"{name} has no checkpoint yet: its training has not stored one")
        path = f"checkpoints/{segment(checkpoint)}/export?format={chosen}"
        path += "" if reference else "&reference=false"
        written = write_file(out, client.download(path))
    print(f"{out}: {size(written)}", file=sys.stderr)


@model_cli.command("playground")
def write_playground(
    name: ModelArgument, out: OutOption, checkpoint: CheckpointOption = None
) -> None:
    """Write a page with the generator in it, which works in a browser without the service."""
    format_of(out, {".html": "html"})
    path = f"models/{segment(name)}/playground.html"
    path += f"?checkpoint={segment(checkpoint)}" if checkpoint else ""
    with ServiceClient.from_environment() as client:
        written = write_file(out, client.download(path))
    print(f"{out}: {size(written)}", file=sys.stderr)


@model_cli.command("import")
def import_model(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A bundle or a safetensors file of Moggy.")
    ],
    name: Annotated[str, typer.Option(help="The name of the new model.")],
    follow: Annotated[
        bool, typer.Option("--follow", help="Wait until the model is served.")
    ] = False,
) -> None:
    """Import an exported checkpoint as a new model; prints the job's id."""
    if file.is_dir():
        raise WrongUsage(f"{file} is a folder: give the exported file")
    parts = plan_upload([file]).parts
    with ServiceClient.from_environment() as client:
        with make_view() as view:
            fields = {"name": name}
            job = upload_with_progress(client, "models", fields, parts, view, field="file")
        print(job["id"], flush=True)
        if follow:
            follow_import(client, job["id"])


@model_cli.command("rename")
def rename_model(
    name: ModelArgument,
    new_name: Annotated[str, typer.Argument(metavar="NEW_NAME", help="Its new name.")],
) -> None:
    """Rename a model that no job uses. Addresses with its old name no longer work."""
    with ServiceClient.from_environment() as client:
        model = client.patch(f"models/{segment(name)}", {"name": new_name})
    print(f"Model {name} is now {model['name']}.")


@model_cli.command("delete")
def delete_model(name: ModelArgument, yes: YesOption = False) -> None:
    """Delete a model that no job trains, with all its checkpoints, and free their bytes."""
    path = f"models/{segment(name)}"
    with ServiceClient.from_environment() as client:
        checkpoint_count = counted(client.get(path)["checkpoints"], "checkpoint")
        confirm_deletion(f"model {name} ({checkpoint_count})", confirmed=yes)
        client.delete(path)
    print(f"Model {name} is deleted.")
