"""Commands about datasets: add, list, show, delete."""

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from app.cli.client import ServiceClient, segment
from app.cli.command_group import CommandGroup
from app.cli.console import confirm_deletion, local_time, printable, size, table
from app.cli.errors import INTERRUPTED, CommandError
from app.cli.files import upload_with_progress
from app.cli.folders import LeftOut
from app.cli.follow import Ending, follow_job
from app.cli.options import DatasetArgument, YesOption, without_none
from app.cli.progress import View, make_view
from app.cli.uploads import plan_upload

DATASET_COLUMNS = ("DATASET", "STATUS", "IMAGES", "SHAPE", "CLASSES", "CREATED")
REASONS_SHOWN = 5
CLASSES_SHOWN = 20

datasets_cli = typer.Typer()
dataset_cli = typer.Typer(cls=CommandGroup, help="Add, show or delete a dataset.")
datasets_cli.add_typer(dataset_cli, name="dataset")


@dataset_cli.command("add")
def add_dataset(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH...", help="Folders, archives, pictures, arrays, Parquet."),
    ],
    name: Annotated[str, typer.Option(help="The dataset's name.")],
    size: Annotated[
        str | None,
        typer.Option(
            help="Side of the packed pictures in pixels, like 64, or WIDTHxHEIGHT, like 96x64 [64]."
        ),
    ] = None,
    fit: Annotated[
        Literal["crop", "pad", "stretch"] | None,
        typer.Option(help="How to fit a picture of other proportions into that size [crop]."),
    ] = None,
    channels: Annotated[
        Literal["auto", "rgb", "grey", "rgba"] | None,
        typer.Option(help="Channels of the packed pictures [auto: grey where all pictures are]."),
    ] = None,
    horizontal_flip: Annotated[
        Literal["auto", "yes", "no"] | None,
        typer.Option(
            help="Whether a training may mirror the pictures [auto: decided from the pictures].",
        ),
    ] = None,
    near_duplicates: Annotated[
        Literal["keep", "drop"] | None,
        typer.Option(
            help="What to do with pictures that look almost like another [keep: only report them]."
        ),
    ] = None,
    unclassified: Annotated[
        Literal["ignore-classes", "drop"] | None,
        typer.Option(
            help="If some pictures have no class: leave those out (drop), or keep all pictures, "
            "without classes [ignore-classes].",
        ),
    ] = None,
    names: Annotated[
        str | None,
        typer.Option(
            metavar="CODE-PAGE",
            help="Code page of the file names in zips and tars that are not UTF-8, like shift_jis, "
            "gbk or cp866.",
        ),
    ] = None,
    levels: Annotated[
        Literal["full", "auto"] | None,
        typer.Option(
            help="full: keep the values as they are. auto: stretch the values that occur to the "
            "range from black to white, for masks of 0 and 1, or 10 to 14 bits stored in 16 "
            "[full].",
        ),
    ] = None,
    wait: Annotated[bool, typer.Option(help="Wait until the dataset is ready.")] = True,
) -> None:
    """Upload pictures and pack them as a dataset."""
    options = {
        "name": name,
        "size": size,
        "fit": fit,
        "channels": channels,
        "horizontal_flip": horizontal_flip,
        "near_duplicates": near_duplicates,
        "unclassified": unclassified,
        "names": names,
        "levels": levels,
    }
    _add(paths, without_none(options), wait=wait)


def _add(paths: list[Path], fields: dict[str, str], *, wait: bool) -> None:
    plan = plan_upload(paths)
    _print_left_out(plan.left_out)
    name = fields["name"]
    with ServiceClient.from_environment() as client:
        existing = client.find(f"datasets/{segment(name)}")
        # Checked before a large upload, not after it. An upload replaces a failed dataset.
        if existing is not None and existing["status"] != "failed":
            raise CommandError(
                f"Conflict: there is a dataset {name!r} already: choose another name, "
                "or delete it first (name)"
            )
        with make_view() as view:
            dataset = upload_with_progress(client, "datasets", fields, plan.parts, view)
            ending = _follow_ingest(client, name, dataset["job"], view) if wait else None
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


def follow_ingest(client: ServiceClient, name: str, job_id: str) -> None:
    """Show the ingest of dataset `name` until it ends, and print its report."""
    with make_view() as view:
        ending = _follow_ingest(client, name, job_id, view, from_now=True)
    _report_ingest(client, name, ending)


def _follow_ingest(
    client: ServiceClient, name: str, job_id: str, view: View, *, from_now: bool = False
) -> Ending:
    try:
        return follow_job(client, job_id, "ingest", view, from_now=from_now)
    except KeyboardInterrupt as interrupt:
        raise CommandError(
            f"Stopped waiting: {name} is uploaded, and the service continues to pack it. "
            f"`moggy follow {job_id}` shows its progress again, `moggy cancel {job_id}` ends it.",
            INTERRUPTED,
        ) from interrupt


def _report_ingest(client: ServiceClient, name: str, ending: Ending) -> None:
    if ending.status != "succeeded":
        raise CommandError(f"{name}: {ending.error or f'its ingest was {ending.status}'}")
    _print_report(client.url, client.get(f"datasets/{segment(name)}"))


@datasets_cli.command()
def datasets() -> None:
    """List the datasets, newest first."""
    with ServiceClient.from_environment() as client:
        rows = [_dataset_row(dataset) for dataset in client.items("datasets")]
    print(table(DATASET_COLUMNS, rows))


def _dataset_row(dataset: dict[str, Any]) -> list[str]:
    images, shape, classes = dataset["images"], dataset["shape"], dataset["classes"]
    return [
        dataset["name"],
        dataset["status"],
        "-" if images is None else f"{images:,}",
        "{1}×{0}×{2}".format(*shape) if shape else "-",  # width first, as everywhere
        str(len(classes)) if classes else "-",
        local_time(dataset["created_at"]),
    ]


@dataset_cli.command("show")
def show_dataset(name: DatasetArgument) -> None:
    """Show a dataset: its status, its classes and its report."""
    with ServiceClient.from_environment() as client:
        dataset = client.get(f"datasets/{segment(name)}")
    size_text = "" if dataset["bytes"] is None else f", {size(dataset['bytes'])}"
    print(f"{name}: {dataset['status']}, added {local_time(dataset['created_at'])}{size_text}")
    print(
        f"  packed by job {dataset['job']}: size {dataset['size']}, fit {dataset['fit']}, "
        f"channels {dataset['channels']}"
    )
    if dataset["error"]:
        print(f"  error: {printable(dataset['error'])}")
    if dataset["status"] == "ready":
        _print_report(client.url, dataset)
    elif dataset["status"] == "ingesting":
        print(f"  `moggy follow {dataset['job']}` shows its progress")


@dataset_cli.command("delete")
def delete_dataset(name: DatasetArgument, yes: YesOption = False) -> None:
    """Delete a dataset that no job uses, and free its bytes."""
    path = f"datasets/{segment(name)}"
    with ServiceClient.from_environment() as client:
        dataset = client.get(path)
        images = dataset["images"]
        content = dataset["status"] if images is None else f"{images:,} images"
        confirm_deletion(f"dataset {name} ({content})", confirmed=yes)
        client.delete(path)
    print(f"Dataset {name} is deleted.")


def _print_report(url: str, dataset: dict[str, Any]) -> None:
    report = dataset["report"]
    height, width, channels = dataset["shape"]
    print(
        f"{dataset['name']}: {dataset['images']:,} images of {width}×{height}×{channels} "
        f"from {report['received']:,} files: {report['accepted']:,} accepted, "
        f"{report['duplicates']:,} duplicates, {report['rejected_count']:,} rejected"
    )
    if dataset["classes"]:
        print(f"  classes: {_describe_classes(dataset)}")
    for note in report.get("notes", []):
        print(f"  {printable(note)}")
    print(f"  training may mirror the pictures: {'yes' if dataset['horizontal_flip'] else 'no'}")
    if report.get("labels"):
        print(f"  {report['labels']['says']}")
    _print_doctor(f"{url}/v1/datasets/{segment(dataset['name'])}", report.get("doctor"))
    for rejection in report["rejected"][:REASONS_SHOWN]:
        print(f"  rejected {printable(rejection['file'])}: {printable(rejection['reason'])}")
    if report["rejected_count"] > REASONS_SHOWN:
        print(f"  … and {report['rejected_count'] - REASONS_SHOWN:,} more")


def _describe_classes(dataset: dict[str, Any]) -> str:
    """`tabby 1,200, white 800`; without counts for a dataset that an old version packed."""
    balance = (dataset["report"].get("doctor") or {}).get("class_balance")
    names = [printable(name) for name in dataset["classes"]]
    if balance:
        names = [f"{name} {count:,}" for name, count in zip(names, balance["counts"], strict=True)]
    more = len(names) - CLASSES_SHOWN
    return ", ".join(names[:CLASSES_SHOWN]) + (f" and {more:,} more" if more > 0 else "")


def _print_doctor(dataset_url: str, doctor: dict[str, Any] | None) -> None:
    """Print the faults that the doctor found in the pictures, with its advice."""
    if doctor is None:
        return
    findings = [finding for finding in doctor["findings"] if finding["count"]]
    for finding in (*findings, doctor["class_balance"], doctor["effective_images"]):
        if finding is not None:
            print("  " + " ".join(part for part in (finding["says"], finding["suggests"]) if part))
    if findings:
        print(f"  to see them: {dataset_url}/doctor.png")
