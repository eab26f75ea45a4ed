"""Commands about the directions in a model's latent space."""

from typing import Annotated, Any

import typer

from app.cli.client import ServiceClient, segment
from app.cli.console import figure, table
from app.cli.jobs import follow_to_success
from app.cli.options import CheckpointOption, ModelArgument

COLUMNS = ("DIRECTION", "METHOD", "EFFECT", "ACCURACY", "EXAMPLES", "STRIP")
directions_cli = typer.Typer()


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
    path = f"models/{segment(model)}/directions"
    with ServiceClient.from_environment() as client:
        if find:
            query = "" if checkpoint is None else f"?checkpoint={segment(checkpoint)}"
            follow_to_success(client, client.post(f"{path}/find{query}")["id"], "directions")
        print(table(COLUMNS, [_row(direction, client.url) for direction in client.items(path)]))


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
