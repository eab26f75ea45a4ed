"""Commands about models: list, show, delete."""

from typing import Any

import typer

from app.cli.client import ServiceClient, segment
from app.cli.console import confirm_deletion, counted, figure, local_time, size, table
from app.cli.options import CommandGroup, ModelArgument, YesOption

MODEL_COLUMNS = ("MODEL", "CHECKPOINTS", "SERVED", "IMAGES", "CREATED", "SERVED BECAUSE")
CHECKPOINT_COLUMNS = (
    *("CHECKPOINT", "IMAGES", "KID", "FRECHET", "DATASET", "JOB", "SIZE", "CREATED", ""),
)

models_cli = typer.Typer()
model_cli = typer.Typer(cls=CommandGroup, help="Show or delete a model.")
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


@model_cli.command("delete")
def delete_model(name: ModelArgument, yes: YesOption = False) -> None:
    """Delete a model that no job trains, with all its checkpoints, and free their bytes."""
    path = f"models/{segment(name)}"
    with ServiceClient.from_environment() as client:
        checkpoint_count = counted(client.get(path)["checkpoints"], "checkpoint")
        confirm_deletion(f"model {name} ({checkpoint_count})", confirmed=yes)
        client.delete(path)
    print(f"Model {name} is deleted.")
