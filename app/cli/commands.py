"""What the commands do with a running service."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from app.cli.client import ServiceClient, segment
from app.cli.console import printable
from app.cli.errors import INTERRUPTED, CommandError
from app.cli.files import check_folder, fetch_files
from app.cli.folders import LeftOut
from app.cli.follow import (
    Ending,
    follow_evaluation,
    follow_ingest,
    follow_synthesis,
    follow_training,
)
from app.cli.outputs import write_file
from app.cli.progress import View, make_view
from app.cli.tables import SCORE_COLUMNS, duration, inception_line, score_rows, size, table
from app.cli.uploads import plan_upload

REASONS_SHOWN = 5


def add_dataset(paths: list[Path], fields: dict[str, str], *, wait: bool) -> None:
    """Upload, wait for the ingest, print its report."""
    plan = plan_upload(paths)
    _print_left_out(plan.left_out)
    name = fields["name"]
    with ServiceClient.from_environment() as client:
        if client.find(f"datasets/{segment(name)}") is not None:
            raise CommandError(  # known before a large upload, not after it
                f"Conflict: there is a dataset {name!r} already: choose another name, "
                "or delete it first (name)"
            )
        with make_view() as view:
            view.describe("uploading")

            def on_progress(sent: int, total: int) -> None:
                view.update(sent, total, f"{size(sent)} of {size(total)}")

            dataset = client.upload("datasets", fields, plan.parts, on_progress)
            ending = _wait_for_ingest(client, dataset, view) if wait else None
        if ending is None:
            print(f"{name}: uploaded, and being packed by job {dataset['job']}")
        else:
            _report_ingest(client, name, ending)
            if plan.left_out:
                print(f"  left out of the upload: {len(plan.left_out):,}, listed above")


def _print_left_out(left_out: list[LeftOut]) -> None:
    if not left_out:
        return
    print(f"Left out of the upload: {len(left_out):,}", file=sys.stderr)
    for entry in left_out[:REASONS_SHOWN]:
        print(f"  {printable(entry.path)}: {printable(entry.reason)}", file=sys.stderr)
    if len(left_out) > REASONS_SHOWN:
        print(f"  … and {len(left_out) - REASONS_SHOWN:,} more", file=sys.stderr)


def delete(collection: str, name: str) -> None:
    """Delete a dataset or a model, and free its bytes."""
    with ServiceClient.from_environment() as client:
        client.delete(f"{collection}/{segment(name)}")
    print(f"{name} is deleted.")


def _wait_for_ingest(client: ServiceClient, dataset: dict[str, Any], view: Any) -> Ending:
    try:
        return follow_ingest(client, dataset["job"], view)
    except KeyboardInterrupt as interrupt:
        raise CommandError(
            f"Not waiting any longer: {dataset['name']} is uploaded and goes on being packed. "
            f"`moggy cancel {dataset['job']}` ends that.",
            INTERRUPTED,
        ) from interrupt


def _print_report(dataset: dict[str, Any]) -> None:
    report = dataset["report"]
    height, width, channels = dataset["shape"]
    print(
        f"{dataset['name']}: {dataset['images']:,} images of {width}×{height}×{channels} "
        f"from {report['received']:,} files: {report['accepted']:,} accepted, "
        f"{report['duplicates']:,} duplicates, {report['rejected_count']:,} rejected"
    )
    if dataset["classes"]:
        print(f"  classes: {', '.join(map(printable, dataset['classes']))}")
    print(f"  may be mirrored: {'yes' if dataset['horizontal_flip'] else 'no'}")
    _print_doctor(dataset["name"], report.get("doctor"))
    for rejection in report["rejected"][:REASONS_SHOWN]:
        print(f"  rejected {printable(rejection['file'])}: {printable(rejection['reason'])}")
    if report["rejected_count"] > REASONS_SHOWN:
        print(f"  … and {report['rejected_count'] - REASONS_SHOWN:,} more")


def _print_doctor(name: str, doctor: dict[str, Any] | None) -> None:
    """What was found in the pictures, and what to do about it."""
    if doctor is None:
        return
    found = [finding for finding in doctor["findings"] if finding["count"]]
    for one in (*found, doctor["class_balance"], doctor["effective_images"]):
        if one is not None:
            print("  " + " ".join(part for part in (one["says"], one["suggests"]) if part))
    if found:
        print(f"  to see them: GET /v1/datasets/{name}/doctor.png")


def train(body: dict[str, Any], *, follow: bool) -> None:
    """Queue a training, print its id, and follow it where that is asked."""
    with ServiceClient.from_environment() as client:
        job = client.post("jobs", body)
        print(job["id"], flush=True)
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
    print(f"  time    {time} ({estimate['device']}{pace})")
    print(f"  memory  {size(estimate['memory_bytes'])}")
    checkpoints = f"{estimate['checkpoints']} checkpoint{'s' * (estimate['checkpoints'] != 1)}"
    print(f"  disk    {size(estimate['disk_bytes'])}, with {checkpoints}")
    for warning in quote["warnings"]:
        print(f"  warning: {warning}")


def follow_job(job_id: str) -> None:
    with ServiceClient.from_environment() as client:
        job = client.get(f"jobs/{segment(job_id)}")
        if job["kind"] == "ingest":
            _follow_ingest(client, job_id, job["dataset"])
        elif job["kind"] == "evaluate":
            _follow_evaluation(client, job_id)
        elif job["kind"] == "synthesize":
            _follow_synthesis(client, job_id)
            print(f"`moggy download {job_id} --out FOLDER` fetches its files.", file=sys.stderr)
        else:
            _follow(client, job_id)


def _follow_ingest(client: ServiceClient, job_id: str, name: str) -> None:
    with make_view() as view:
        ending = _wait_for_ingest(client, {"name": name, "job": job_id}, view)
    _report_ingest(client, name, ending)


def _report_ingest(client: ServiceClient, name: str, ending: Ending) -> None:
    if ending.status != "succeeded":
        raise CommandError(f"{name}: {ending.error or f'its ingest was {ending.status}'}")
    _print_report(client.get(f"datasets/{segment(name)}"))


def evaluate(body: dict[str, Any]) -> None:
    """Have a checkpoint scored, and print how good it is."""
    with ServiceClient.from_environment() as client:
        _follow_evaluation(client, client.post("jobs", body)["id"])


def _follow_evaluation(client: ServiceClient, job_id: str) -> None:
    job = _follow_to_success(client, job_id, follow_evaluation)
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
        _download(client, job_id, out)


def _download(client: ServiceClient, job_id: str, out: Path) -> None:
    with make_view() as view:
        paths = fetch_files(client, job_id, out, view)
    written = sum(path.stat().st_size for path in paths)
    print(f"{out}: {len(paths):,} files, {size(written)}", file=sys.stderr)


def _follow_synthesis(client: ServiceClient, job_id: str) -> None:
    job = _follow_to_success(client, job_id, follow_synthesis)
    result = job["result"]
    print(
        f"Job {job_id} succeeded: {result['images']:,} images of {job['model']} in "
        f"{result['shards']:,} {job['config']['layout']} shard{'s' * (result['shards'] != 1)}.",
        file=sys.stderr,
    )


def _follow(client: ServiceClient, job_id: str) -> None:
    job = _follow_to_success(client, job_id, follow_training)
    seen = job["progress"]["images_seen"]
    print(f"Job {job_id} succeeded: {job['model']} has seen {seen:,} images.", file=sys.stderr)


def _follow_to_success(
    client: ServiceClient, job_id: str, follow: Callable[[ServiceClient, str, View], Ending]
) -> Any:
    """The job once it has succeeded; any other end is a CommandError."""
    try:
        with make_view() as view:
            ending = follow(client, job_id, view)
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
    path: str, columns: Sequence[str], row: Callable[[dict[str, Any]], list[str]]
) -> None:
    """Print everything of one kind as a table."""
    with ServiceClient.from_environment() as client:
        print(table(columns, [row(item) for item in client.items(path)]))


def steer(job_id: str, action: str) -> None:
    """Cancel, pause or resume exactly this job."""
    with ServiceClient.from_environment() as client:
        job = client.post(f"jobs/{segment(job_id)}/{action}")
    asked = job["stop_requested"]
    status = f"{job['status']}, and asked to {asked}" if asked else job["status"]
    print(f"Job {job_id} is {status}.")
