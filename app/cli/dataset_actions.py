"""What the commands about datasets do with a running service."""

import sys
from pathlib import Path
from typing import Any

from app.cli.client import ServiceClient, segment
from app.cli.confirmation import make_sure
from app.cli.console import printable
from app.cli.errors import INTERRUPTED, CommandError
from app.cli.folders import LeftOut
from app.cli.follow import Ending, follow_ingest
from app.cli.progress import View, make_view
from app.cli.tables import moment, size
from app.cli.uploads import plan_upload

REASONS_SHOWN = 5
CLASSES_SHOWN = 20


def add_dataset(paths: list[Path], fields: dict[str, str], *, wait: bool) -> None:
    """Upload, wait for the ingest, print its report."""
    plan = plan_upload(paths)
    _print_left_out(plan.left_out)
    name = fields["name"]
    with ServiceClient.from_environment() as client:
        existing = client.find(f"datasets/{segment(name)}")
        if existing is not None and existing["status"] != "failed":  # which an upload replaces
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


def show_dataset(name: str) -> None:
    """Print a dataset's state, how it was packed, and its report."""
    with ServiceClient.from_environment() as client:
        dataset = client.get(f"datasets/{segment(name)}")
    held = "" if dataset["bytes"] is None else f", {size(dataset['bytes'])}"
    print(f"{name}: {dataset['status']}, added {moment(dataset['created_at'])}{held}")
    print(
        f"  packed by job {dataset['job']}: size {dataset['size']}, fit {dataset['fit']}, "
        f"channels {dataset['channels']}"
    )
    if dataset["error"]:
        print(f"  error: {printable(dataset['error'])}")
    if dataset["status"] == "ready":
        _print_report(dataset)
    elif dataset["status"] == "ingesting":
        print(f"  `moggy follow {dataset['job']}` shows how far that is")


def delete_dataset(name: str, *, sure: bool) -> None:
    """Delete a dataset, and free its bytes, once the user is sure."""
    path = f"datasets/{segment(name)}"
    with ServiceClient.from_environment() as client:
        dataset = client.get(path)
        images = dataset["images"]
        held = dataset["status"] if images is None else f"{images:,} images"
        make_sure(f"dataset {name} ({held})", sure=sure)
        client.delete(path)
    print(f"Dataset {name} is deleted.")


def follow_ingest_job(client: ServiceClient, job_id: str, name: str) -> None:
    with make_view() as view:
        ending = _wait_for_ingest(client, {"name": name, "job": job_id}, view, from_now=True)
    _report_ingest(client, name, ending)


def _report_ingest(client: ServiceClient, name: str, ending: Ending) -> None:
    if ending.status != "succeeded":
        raise CommandError(f"{name}: {ending.error or f'its ingest was {ending.status}'}")
    _print_report(client.get(f"datasets/{segment(name)}"))


def _wait_for_ingest(
    client: ServiceClient, dataset: dict[str, Any], view: View, *, from_now: bool = False
) -> Ending:
    try:
        return follow_ingest(client, dataset["job"], view, from_now=from_now)
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
        print(f"  classes: {_classes(dataset)}")
    for note in report.get("notes", []):
        print(f"  {printable(note)}")
    print(f"  training may mirror the pictures: {'yes' if dataset['horizontal_flip'] else 'no'}")
    if report.get("labels"):
        print(f"  {report['labels']['says']}")
    _print_doctor(dataset["name"], report.get("doctor"))
    for rejection in report["rejected"][:REASONS_SHOWN]:
        print(f"  rejected {printable(rejection['file'])}: {printable(rejection['reason'])}")
    if report["rejected_count"] > REASONS_SHOWN:
        print(f"  … and {report['rejected_count'] - REASONS_SHOWN:,} more")


def _classes(dataset: dict[str, Any]) -> str:
    """`tabby 1,200, white 800`; without the counts of what was packed before there were some."""
    balance = (dataset["report"].get("doctor") or {}).get("class_balance")
    names = [printable(name) for name in dataset["classes"]]
    if balance:
        names = [f"{name} {count:,}" for name, count in zip(names, balance["counts"], strict=True)]
    more = len(names) - CLASSES_SHOWN
    return ", ".join(names[:CLASSES_SHOWN]) + (f" and {more:,} more" if more > 0 else "")


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
