"""What the commands do with a running service."""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from app.cli.client import ServiceClient, segment
from app.cli.console import printable
from app.cli.dataset_actions import follow_ingest_job
from app.cli.errors import INTERRUPTED, CommandError
from app.cli.files import check_folder, fetch_files
from app.cli.follow import (
    Ending,
    follow_evaluation,
    follow_synthesis,
    follow_training,
)
from app.cli.outputs import write_file
from app.cli.progress import make_view
from app.cli.tables import (
    SCORE_COLUMNS,
    counted,
    duration,
    inception_line,
    score_rows,
    size,
    table,
)

ELSEWHERE = {  # where the other kinds of job have what they made
    "train": " `moggy samples {job} --out FOLDER` fetches a training's sample grids.",
    "evaluate": " `moggy follow {job}` prints an evaluation's scores.",
}


def train(body: dict[str, Any], *, follow: bool) -> None:
    """Queue a training, print its id, and follow it where that is asked."""
    with ServiceClient.from_environment() as client:
        job = client.post("jobs", body)
        print(job["id"], flush=True)
        for warning in job.get("warnings", ()):  # an older service has none
            print(f"warning: {warning}", file=sys.stderr)
        if follow:
            _follow(client, job["id"])


def quote_training(body: dict[str, Any]) -> None:
    """Print what a training would take, and what is to be warned of; queue nothing."""
    with ServiceClient.from_environment() as client:
        quote = client.post("jobs?dry_run=true", body)
    config, estimate = quote["config"], quote["estimate"]
    seconds, rate = estimate["seconds"], estimate["images_per_second"]
    pace = f", {rate:,.0f} images/s" if rate else ""
    time = "unknown" if seconds is None else f"about {duration(seconds)}"
    print(f"{config['preset']}, {config['images']:,} images: nothing is queued")
    place = f", measured on {estimate['measured_on']}" if "measured_on" in estimate else ""
    print(f"  time    {time} ({estimate['device']}{pace}{place})")
    print(f"  memory  {size(estimate['memory_bytes'])}")
    checkpoints = counted(estimate["checkpoints"], "checkpoint")
    print(f"  disk    {size(estimate['disk_bytes'])}, with {checkpoints}")
    for warning in quote["warnings"]:
        print(f"  warning: {warning}")


def follow_job(job_id: str) -> None:
    with ServiceClient.from_environment() as client:
        job = client.get(f"jobs/{segment(job_id)}")
        if job["kind"] == "ingest":
            follow_ingest_job(client, job_id, job["dataset"])
        elif job["kind"] == "evaluate":
            _follow_evaluation(client, job_id, from_now=True)
        elif job["kind"] == "synthesize":
            _follow_synthesis(client, job_id, from_now=True)
            print(f"`moggy download {job_id} --out FOLDER` fetches its files.", file=sys.stderr)
        else:
            _follow(client, job_id, from_now=True)


def evaluate(body: dict[str, Any]) -> None:
    """Have a checkpoint scored, and print how good it is."""
    with ServiceClient.from_environment() as client:
        _follow_evaluation(client, client.post("jobs", body)["id"])


def _follow_evaluation(client: ServiceClient, job_id: str, *, from_now: bool = False) -> None:
    job = _follow_to_success(client, job_id, follow_evaluation, from_now)
    result = job["result"]
    print(
        f"{job['model']}, checkpoint {job['checkpoint']}: {result['images']:,} of its pictures "
        f"beside {result['real_images']:,} of {job['dataset']}"
    )
    print(table(SCORE_COLUMNS, score_rows(result)))
    print(inception_line(result["inception"]))


def synthesize(body: dict[str, Any], out: Path) -> None:
    """Have many pictures written, and fetch their files."""
    check_folder(out)
    with ServiceClient.from_environment() as client:
        job_id = client.post("jobs", body)["id"]
        print(job_id, flush=True)
        _follow_synthesis(client, job_id)
        _download(client, job_id, out)


def download(job_id: str, out: Path) -> None:
    """Fetch the files that a synthesis has made so far."""
    check_folder(out)
    with ServiceClient.from_environment() as client:
        kind = client.get(f"jobs/{segment(job_id)}")["kind"]
        if kind != "synthesize":
            raise CommandError(
                f"Job {job_id} is of kind {kind}, which makes no files to download: only jobs of "
                f"kind synthesize do.{ELSEWHERE.get(kind, '').format(job=job_id)}"
            )
        _download(client, job_id, out)


def print_log(job_id: str) -> None:
    """Print what was written about a job so far."""
    with ServiceClient.from_environment() as client:
        text = b"".join(client.fetch(f"jobs/{segment(job_id)}/log")).decode(errors="replace")
        if not text:
            status = client.get(f"jobs/{segment(job_id)}")["status"]
            print(f"Job {job_id} is {status}: nothing is logged about it yet.", file=sys.stderr)
    for line in text.splitlines():
        print(printable(line.expandtabs()))


def fetch_samples(job_id: str, out: Path) -> None:
    """Write the sample grids of a training into a folder, each named by the images seen."""
    check_folder(out)
    path = f"jobs/{segment(job_id)}"
    with ServiceClient.from_environment() as client:
        kind = client.get(path)["kind"]
        if kind != "train":
            raise CommandError(
                f"Job {job_id} is of kind {kind}, which has no samples: only jobs of kind train do."
            )
        grids = client.get(f"{path}/samples")["items"]
        out.mkdir(parents=True, exist_ok=True)
        written = 0
        for grid in grids:
            seen = grid["images_seen"]
            target = out / f"{job_id}-{seen:012d}.png"
            written += write_file(target, client.fetch(f"{path}/samples/{seen}.png"))
    print(f"{out}: {counted(len(grids), 'sample grid')}, {size(written)}", file=sys.stderr)


def _download(client: ServiceClient, job_id: str, out: Path) -> None:
    with make_view() as view:
        paths = fetch_files(client, job_id, out, view)
    written = sum(path.stat().st_size for path in paths)
    print(f"{out}: {counted(len(paths), 'file')}, {size(written)}", file=sys.stderr)


def _follow_synthesis(client: ServiceClient, job_id: str, *, from_now: bool = False) -> None:
    job = _follow_to_success(client, job_id, follow_synthesis, from_now)
    result = job["result"]
    print(
        f"Job {job_id} succeeded: {result['images']:,} images of {job['model']} in "
        f"{counted(result['shards'], job['config']['layout'] + ' shard')}.",
        file=sys.stderr,
    )


def _follow(client: ServiceClient, job_id: str, *, from_now: bool = False) -> None:
    job = _follow_to_success(client, job_id, follow_training, from_now)
    seen = job["progress"]["images_seen"]
    print(f"Job {job_id} succeeded: {job['model']} has seen {seen:,} images.", file=sys.stderr)


def _follow_to_success(
    client: ServiceClient, job_id: str, follow: Callable[..., Ending], from_now: bool
) -> Any:
    """The job once it has succeeded; any other end is a CommandError."""
    try:
        with make_view() as view:
            ending = follow(client, job_id, view, from_now=from_now)
    except KeyboardInterrupt as interrupt:
        raise CommandError(
            f"Not following any longer: job {job_id} goes on. `moggy follow {job_id}` shows it "
            f"again, `moggy cancel {job_id}` ends it.",
            INTERRUPTED,
        ) from interrupt
    if ending.status != "succeeded":
        reason = f": {ending.error}" if ending.error else ""
        raise CommandError(f"Job {job_id} {_participle(ending.status)}{reason}")
    return client.get(f"jobs/{segment(job_id)}")


def _participle(status: str) -> str:
    return "was cancelled" if status == "cancelled" else status


def write_made(model: str, collection: str, given: dict[str, Any], out: Path) -> None:
    """Have the model make something, and write it to `out`; what is None is not asked for."""
    body = {field: value for field, value in given.items() if value is not None}
    with ServiceClient.from_environment() as client:
        written = write_file(out, client.download(f"models/{segment(model)}/{collection}", body))
    print(f"{out}: {size(written)}", file=sys.stderr)


def list_items(
    path: str,
    columns: Sequence[str],
    row: Callable[[dict[str, Any]], list[str]],
    filters: Mapping[str, str] | None = None,
) -> None:
    """Print everything of one kind that meets the filters as a table."""
    with ServiceClient.from_environment() as client:
        print(table(columns, [row(item) for item in client.items(path, filters)]))


def steer(job_id: str, action: str) -> None:
    """Cancel, pause or resume exactly this job."""
    with ServiceClient.from_environment() as client:
        job = client.post(f"jobs/{segment(job_id)}/{action}")
    asked = job["stop_requested"]
    status = f"{job['status']}, and asked to {asked}" if asked else job["status"]
    print(f"Job {job_id} is {status}.")
