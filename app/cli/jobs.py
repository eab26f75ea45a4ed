"""Commands about jobs: list, follow, move and stop them; fetch their logs, files and films."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlencode

import typer

from app.cli.client import ServiceClient, segment
from app.cli.console import counted, figure, local_time, printable, size, table
from app.cli.datasets import follow_ingest
from app.cli.errors import INTERRUPTED, CommandError, IndexMissing
from app.cli.files import check_folder, fetch_files, format_of, write_file
from app.cli.follow import follow_job
from app.cli.options import (
    FolderOption,
    JobArgument,
    OutOption,
    ResampleOption,
    ScaleOption,
    without_none,
)
from app.cli.progress import make_view

T = TypeVar("T")

JOB_COLUMNS = ("JOB", "KIND", "STATUS", "MODEL", "DATASET", "IMAGES", "CREATED")
SCORE_COLUMNS = ("SCORE", "VALUE", "95 %", "YOUR DATA", "NOISE")
SCORES = (
    "kid",
    "frechet",
    "precision",
    "recall",
    "density",
    "coverage",
    "copy_rate",
    "diversity",
    "swd",
)
# Added to the refusal to download files: where to get the results of other kinds of job.
RESULT_HINTS = {
    "train": " `moggy samples {job} --out FOLDER` fetches a training's sample grids.",
    "evaluate": " `moggy follow {job}` prints an evaluation's scores.",
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
        if record["kind"] == "ingest":
            follow_ingest(client, record["dataset"], job)
        elif record["kind"] == "evaluate":
            follow_evaluation(client, job, from_now=True)
        elif record["kind"] == "synthesize":
            follow_synthesis(client, job, from_now=True)
            print(f"`moggy download {job} --out FOLDER` fetches its files.", file=sys.stderr)
        elif record["kind"] == "export":
            follow_to_success(client, job, "export", from_now=True)
            print(f"Job {job} succeeded: its checkpoint can be used.", file=sys.stderr)
        elif record["kind"] == "import":
            follow_import(client, job, from_now=True)
        elif record["kind"] == "train":
            follow_training(client, job, from_now=True)
        else:
            follow_to_success(client, job, record["kind"], from_now=True)
            print(f"Job {job} succeeded.", file=sys.stderr)


def follow_training(client: ServiceClient, job_id: str, *, from_now: bool = False) -> None:
    """Show a training until it succeeds. Raises CommandError for any other end."""
    job = follow_to_success(client, job_id, "train", from_now)
    images_seen = job["progress"]["images_seen"]
    print(
        f"Job {job_id} succeeded: {job['model']} has seen {images_seen:,} images.", file=sys.stderr
    )


def follow_synthesis(client: ServiceClient, job_id: str, *, from_now: bool = False) -> None:
    """Show a synthesis until it succeeds. Raises CommandError for any other end."""
    job = follow_to_success(client, job_id, "synthesize", from_now)
    result = job["result"]
    print(
        f"Job {job_id} succeeded: {result['images']:,} images of {job['model']} in "
        f"{counted(result['shards'], job['config']['layout'] + ' shard')}.",
        file=sys.stderr,
    )


def follow_import(client: ServiceClient, job_id: str, *, from_now: bool = False) -> None:
    """Show an import until it succeeds. Raises CommandError for any other end."""
    job = follow_to_success(client, job_id, "import", from_now)
    result = job["result"]
    print(
        f"Job {job_id} succeeded: model {job['model']} serves checkpoint {result['checkpoint']}.",
        file=sys.stderr,
    )
    if not result["has_discriminator"]:
        print("  It has no discriminator: it cannot be trained further.", file=sys.stderr)


def follow_evaluation(client: ServiceClient, job_id: str, *, from_now: bool = False) -> None:
    """Show an evaluation until it succeeds, and print its scores."""
    job = follow_to_success(client, job_id, "evaluate", from_now)
    result = job["result"]
    print(
        f"{job['model']}, checkpoint {job['checkpoint']}: {result['images']:,} generated images "
        f"compared with {result['real_images']:,} images of {job['dataset']}"
    )
    print(table(SCORE_COLUMNS, score_rows(result)))
    print(inception_line(result["inception"]))


def score_rows(result: dict[str, Any]) -> list[list[str]]:
    """Each score with its interval, and the scores of real images and of noise beside it."""
    rows = []
    for name in SCORES:
        low, high = result.get(f"{name}_interval") or (None, None)
        interval = "-" if low is None else f"{figure(low)} to {figure(high)}"
        real = result["floor"].get(name, result["real"].get(name))
        noise = result["ceiling"].get(name)
        rows.append([name, figure(result[name]), interval, figure(real), figure(noise)])
    return rows


def inception_line(inception: dict[str, Any]) -> str:
    """The distances that the literature reports, or the reason why there are none."""
    if "absent" in inception:
        return f"no Inception scores: {inception['absent']}"
    return (
        f"Inception: FID {figure(inception['fid'])}, KID {figure(inception['kid'])} "
        f"± {figure(inception['kid_deviation'])}"
    )


def follow_to_success(client: ServiceClient, job_id: str, kind: str, from_now: bool = False) -> Any:
    """Return the job once it has succeeded; any other end is a CommandError."""
    try:
        with make_view() as view:
            ending = follow_job(client, job_id, kind, view, from_now=from_now)
    except KeyboardInterrupt as interrupt:
        raise CommandError(
            f"Stopped following: job {job_id} continues. `moggy follow {job_id}` shows its "
            f"progress again, `moggy cancel {job_id}` ends it.",
            INTERRUPTED,
        ) from interrupt
    if ending.status != "succeeded":
        status = "was cancelled" if ending.status == "cancelled" else ending.status
        raise CommandError(f"Job {job_id} {status}{f': {ending.error}' if ending.error else ''}")
    return client.get(f"jobs/{segment(job_id)}")


def once_indexed(client: ServiceClient, request: Callable[[], T]) -> T:
    """Make a request that may need the model's sample index: if there is none, wait for the job
    that builds it, and make the request again."""
    try:
        return request()
    except IndexMissing as missing:
        print("The model's images are indexed first, once.", file=sys.stderr)
        follow_to_success(client, missing.job, "index")
        return request()


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
