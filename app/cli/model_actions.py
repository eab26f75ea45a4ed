"""What the commands about models do with a running service."""

from typing import Any

from app.cli.client import ServiceClient, segment
from app.cli.confirmation import make_sure
from app.cli.tables import CHECKPOINT_COLUMNS, checkpoint_row, counted, moment, table


def show_model(name: str) -> None:
    """Print what a model learnt from, which checkpoint it serves and why, and all of them."""
    path = f"models/{segment(name)}"
    with ServiceClient.from_environment() as client:
        model = client.get(path)
        checkpoints = list(client.items(f"{path}/checkpoints"))
        jobs = {
            checkpoint["job"]: client.find(f"jobs/{checkpoint['job']}")
            for checkpoint in checkpoints
            if checkpoint["job"] is not None
        }
    held = counted(model["checkpoints"], "checkpoint")
    print(f"{name}: {held}, created {moment(model['created_at'])}")
    if model["checkpoint"] is None:
        print("  nothing is served yet: its training has not stored a checkpoint")
        return
    print(
        f"  serves {model['checkpoint']}, at {model['images_seen']:,} images: "
        f"{model['served_because']}"
    )
    _print_config(model["config"])
    datasets = {job["id"]: job["dataset"] for job in jobs.values() if job is not None}
    print(table(CHECKPOINT_COLUMNS, [checkpoint_row(one, datasets) for one in checkpoints]))


def _print_config(config: dict[str, Any]) -> None:
    height, width, channels = config["shape"]
    line = f"  preset {config['preset']}, {width}×{height}×{channels}, width {config['width']}"
    print(
        line
        + (
            f", {counted(len(config['classes']), 'class', 'classes')}"
            if config["conditional"]
            else ""
        )
    )


def delete_model(name: str, *, sure: bool) -> None:
    """Delete a model with its checkpoints, and free their bytes, once the user is sure."""
    path = f"models/{segment(name)}"
    with ServiceClient.from_environment() as client:
        held = counted(client.get(path)["checkpoints"], "checkpoint")
        make_sure(f"model {name} ({held})", sure=sure)
        client.delete(path)
    print(f"Model {name} is deleted.")
