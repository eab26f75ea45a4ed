"""Commands about jobs: list, follow, move and stop them; fetch their logs, files and films."""

import sys
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

import typer

from app.cli.client import ServiceClient, segment
from app.cli.console import counted, local_time, printable, size, table
from app.cli.datasets import follow_ingest
from app.cli.errors import CommandError
from app.cli.files import check_folder, fetch_files, format_of, write_file
from app.cli.job_results import FOLLOWERS, follow_to_success
from app.cli.options import (
    FolderOption,
    JobArgument,
    OutOption,
    ResampleOption,
    ScaleOption,
    without_none,
)
from app.cli.progress import make_view

JOB_COLUMNS = ("JOB", "KIND", "STATUS", "MODEL", "DATASET", "IMAGES", "CREATED")
# Added to the refusal to download files: where to get the results of other kinds of job.
RESULT_HINTS = {
    "train": " `moggy samples {job} --out FOLDER` fetches a training's sample grids.",
    "evaluate": " `moggy follow {job}` prints an evaluation's scores.",
}
# Printed after a job of the kind has succeeded.
NEXT_STEPS = {
    "synthesize": "`moggy download {job} --out FOLDER` fetches its files.",
    "export": "Its checkpoint can be used.",
}
FILM_FORMATS = {".webp": "webp", ".mp4": "mp4"}

jobs_cli = typer.Typer()


@jobs_cli.command()
def jobs(
    kind: Annotated[
        Literal[
            "train",
            "ingest",
            "evaluate",
            "synthesize",
            "export",
            "import",
            "index",
            "encoder",
            "project",
            "directions",
        ]
        | None,
        typer.Option(help="Only jobs of this kind."),
    ] = None,
    model: Annotated[str | None, typer.Option(help="Only jobs of this model.")] = None,
    dataset: Annotated[str | None, typer.Option(help="Only jobs of this dataset.")] = None,
    status: Annotated[
        Literal["queued", "running", "paused", "succeeded", "failed", "cancelled"] | None,
        typer.Option(help="Only jobs with this status."),
    ] = None,
    owner: Annotated[
        str | None, typer.Option(help="Only jobs that were requested with the key of this name.")
    ] = None,
) -> None:
    """List the jobs, newest first; options filter them and may be combined."""
    filters = without_none(
        {"kind": kind, "model": model, "dataset": dataset, "status": status, "owner": owner}
    )
    with ServiceClient.from_environment() as client:
        listed = list(client.items("jobs", filters))
    columns, rows = list(JOB_COLUMNS), [_job_row(job) for job in listed]
    if any(job["owner"] for job in listed):  # the keys of the service have names
        columns.append("OWNER")
        rows = [[*row, job["owner"] or "-"] for row, job in zip(rows, listed, strict=True)]
    print(table(columns, rows))


def _job_row(job: dict[str, Any]) -> list[str]:
    status = job["status"]
    if job.get("room_needed") is not None:
        status = f"{status}, no disk space"
    elif job["position"] is not None:
        status = f"{status} ({job['position']})"
    elif job["stop_requested"]:
        status = f"{status}, to {job['stop_requested']}"
    images_seen, total = job["progress"]["images_seen"], job["progress"]["images_total"]
    images = f"{images_seen:,}/{total:,}" if total else f"{images_seen:,}"
    names = [job["model"] or "-", job["dataset"] or "-"]
    return [job["id"], job["kind"], status, *names, images, local_time(job["created_at"])]


@jobs_cli.command()
def cancel(job: JobArgument) -> None:
    """End a job; checkpoints of a training are kept, files of a synthesis are deleted."""
    _request_action(job, "cancel")


@jobs_cli.command()
def pause(job: JobArgument) -> None:
    """Pause a training or a synthesis; `moggy resume` continues it where it stopped."""
    _request_action(job, "pause")


@jobs_cli.command()
def resume(job: JobArgument) -> None:
    """Queue a paused job again."""
    _request_action(job, "resume")


@jobs_cli.command()
def move(
    job: JobArgument,
    to: Annotated[
        int, typer.Option(min=1, help="Its new place in its queue; beyond the end, the end [1].")
    ] = 1,
) -> None:
    """Move a queued job to another place in its queue; 1 is the next to run."""
    with ServiceClient.from_environment() as client:
        moved = client.patch(f"jobs/{segment(job)}", {"position": to})
    place = "" if moved["position"] is None else f", at place {moved['position']} of its queue"
    print(f"Job {job} is {moved['status']}{place}.")


def _request_action(job_id: str, action: str) -> None:
    with ServiceClient.from_environment() as client:
        job = client.post(f"jobs/{segment(job_id)}/{action}")
    stop = job["stop_requested"]
    print(f"Job {job_id} is {job['status']}{f', and {stop} is requested' if stop else ''}.")


@jobs_cli.command()
def follow(job: JobArgument) -> None:
    """Show the progress of a job until it ends."""
    with ServiceClient.from_environment() as client:
        record = client.get(f"jobs/{segment(job)}")
        kind = record["kind"]
        if kind == "ingest":
            follow_ingest(client, record["dataset"], job)
        elif kind in FOLLOWERS:
            FOLLOWERS[kind](client, job, from_now=True)
        else:
            follow_to_success(client, job, kind, from_now=True)
            print(f"Job {job} succeeded.", file=sys.stderr)
        if kind in NEXT_STEPS:
            print(NEXT_STEPS[kind].format(job=job), file=sys.stderr)


@jobs_cli.command()
def download(job: JobArgument, out: FolderOption) -> None:
    """Fetch the files of a synthesis that are not in the folder yet."""
    check_folder(out)
    with ServiceClient.from_environment() as client:
        kind = client.get(f"jobs/{segment(job)}")["kind"]
        if kind != "synthesize":
            raise CommandError(
                f"Job {job} is of kind {kind}, which makes no files to download: only jobs of "
                f"kind synthesize do.{RESULT_HINTS.get(kind, '').format(job=job)}"
            )
        download_files(client, job, out)


def download_files(client: ServiceClient, job_id: str, out: Path) -> None:
    """Fetch the files of a synthesis into `out`, and print how many there are."""
    with make_view() as view:
        paths = fetch_files(client, job_id, out, view)
    written = sum(path.stat().st_size for path in paths)
    print(f"{out}: {counted(len(paths), 'file')}, {size(written)}", file=sys.stderr)


@jobs_cli.command()
def logs(job: JobArgument) -> None:
    """Print the log of a job, written by its workers and their child processes."""
    with ServiceClient.from_environment() as client:
        text = b"".join(client.download(f"jobs/{segment(job)}/log")).decode(errors="replace")
        if not text:
            status = client.get(f"jobs/{segment(job)}")["status"]
            print(f"Job {job} is {status}: nothing is logged about it yet.", file=sys.stderr)
    for line in text.splitlines():
        print(printable(line.expandtabs()))


@jobs_cli.command()
def samples(job: JobArgument, out: FolderOption) -> None:
    """Fetch the sample grids of a training: a PNG for each time samples were drawn."""
    check_folder(out)
    path = f"jobs/{segment(job)}"
    with ServiceClient.from_environment() as client:
        kind = client.get(path)["kind"]
        if kind != "train":
            raise CommandError(
                f"Job {job} is of kind {kind}, which has no samples: only jobs of kind train do."
            )
        grids = client.get(f"{path}/samples")["items"]
        out.mkdir(parents=True, exist_ok=True)
        written = 0
        for grid in grids:
            images_seen = grid["images_seen"]
            target = out / f"{job}-{images_seen:012d}.png"
            written += write_file(target, client.download(f"{path}/samples/{images_seen}.png"))
    print(f"{out}: {counted(len(grids), 'sample grid')}, {size(written)}", file=sys.stderr)


@jobs_cli.command()
def timelapse(
    job: JobArgument,
    out: OutOption,
    fps: Annotated[float | None, typer.Option(help="Frames per second, 1 to 60 [12].")] = None,
    scale: ScaleOption = None,
    resample: ResampleOption = None,
) -> None:
    """Fetch the film of a training's sample grids: webp or mp4."""
    options = urlencode(without_none({"fps": fps, "scale": scale, "resample": resample}))
    path = f"jobs/{segment(job)}/timelapse.{format_of(out, FILM_FORMATS)}"
    with ServiceClient.from_environment() as client:
        written = write_file(out, client.download(f"{path}?{options}" if options else path))
    print(f"{out}: {size(written)}", file=sys.stderr)
