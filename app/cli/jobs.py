"""Commands about jobs: listed, followed, fetched, steered."""

from typing import Annotated, Literal

import typer

from app.cli.options import FolderOption, JobArgument

jobs_cli = typer.Typer()


@jobs_cli.command()
def jobs(
    kind: Annotated[
        Literal["train", "ingest", "evaluate", "synthesize"] | None,
        typer.Option(help="Only jobs of this kind."),
    ] = None,
    model: Annotated[str | None, typer.Option(help="Only jobs of this model.")] = None,
    dataset: Annotated[str | None, typer.Option(help="Only jobs of this dataset.")] = None,
    status: Annotated[
        Literal["queued", "running", "paused", "succeeded", "failed", "cancelled"] | None,
        typer.Option(help="Only jobs with this status."),
    ] = None,
) -> None:
    """List the jobs, newest first; options filter them and may be combined."""
    from app.cli.commands import list_items
    from app.cli.tables import JOB_COLUMNS, job_row

    given = {"kind": kind, "model": model, "dataset": dataset, "status": status}
    filters = {name: value for name, value in given.items() if value is not None}
    list_items("jobs", JOB_COLUMNS, job_row, filters)


@jobs_cli.command()
def cancel(job: JobArgument) -> None:
    """End a job for good; a training keeps its checkpoints, a synthesis loses its files."""
    from app.cli.commands import steer

    steer(job, "cancel")


@jobs_cli.command()
def pause(job: JobArgument) -> None:
    """Pause a training or a synthesis; `moggy resume` continues it where it stopped."""
    from app.cli.commands import steer

    steer(job, "pause")


@jobs_cli.command()
def resume(job: JobArgument) -> None:
    """Queue a paused job again."""
    from app.cli.commands import steer

    steer(job, "resume")


@jobs_cli.command()
def follow(job: JobArgument) -> None:
    """Show the progress of a job until it ends."""
    from app.cli.commands import follow_job

    follow_job(job)


@jobs_cli.command()
def download(job: JobArgument, out: FolderOption) -> None:
    """Fetch those files of a synthesis that the folder does not hold yet."""
    from app.cli.commands import download as download_files

    download_files(job, out)


@jobs_cli.command()
def logs(job: JobArgument) -> None:
    """Print the log of a job, written by its workers and their child processes."""
    from app.cli.commands import print_log

    print_log(job)


@jobs_cli.command()
def samples(job: JobArgument, out: FolderOption) -> None:
    """Fetch the sample grids of a training: a PNG for each time samples were drawn."""
    from app.cli.commands import fetch_samples

    fetch_samples(job, out)
