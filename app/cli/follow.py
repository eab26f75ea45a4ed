"""Following a job by its event stream, over every break of the connection."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from app.cli.client import ServiceClient, segment
from app.cli.errors import CommandError, ServiceBusy, ServiceUnreachable
from app.cli.progress import View, optional
from app.cli.tables import duration, size

GIVE_UP_SECONDS = 120.0  # without one answer
RETRY_SECONDS = (0.5, 1.0, 2.0, 5.0)
WAITED_FOR = ("queued", "running", "paused")
NEWEST = "9" * 18  # as Last-Event-ID: only what follows


@dataclass(frozen=True)
class Ending:
    """How a job ended, and why where it failed."""

    status: str
    error: str | None


def follow_training(
    client: ServiceClient, job_id: str, view: View, *, from_now: bool = False
) -> Ending:
    """Show a training until it ends."""
    return _follow(client, job_id, view, _training_state, _show_training, from_now)


def follow_ingest(
    client: ServiceClient, job_id: str, view: View, *, from_now: bool = False
) -> Ending:
    """Show an ingest until it ends."""
    return _follow(client, job_id, view, _running_as("packing"), _show_ingest, from_now)


def follow_evaluation(
    client: ServiceClient, job_id: str, view: View, *, from_now: bool = False
) -> Ending:
    """Show an evaluation until it ends."""
    return _follow(client, job_id, view, _running_as("generating"), _show_evaluation, from_now)


def follow_synthesis(
    client: ServiceClient, job_id: str, view: View, *, from_now: bool = False
) -> Ending:
    """Show a synthesis until it ends."""
    return _follow(client, job_id, view, _running_as("generating"), _show_synthesis, from_now)


def _follow(
    client: ServiceClient,
    job_id: str,
    view: View,
    describe: Callable[[dict[str, Any]], str],
    show: Callable[[str, dict[str, Any], View], None],
    from_now: bool,
) -> Ending:
    """`describe` words a state, and `show` shows any other event.

    `from_now`: what has happened before is not told again; the job's state as it is comes first.
    """
    if from_now:
        job = client.get(f"jobs/{segment(job_id)}")
        if job["status"] not in WAITED_FOR:
            return Ending(job["status"], job["error"])
        _show_now(job, describe, view)
    for event, data in stream_events(client, job_id, view.note, NEWEST if from_now else None):
        if event == "end":
            return Ending(data["status"], data["error"])
        if event != "state":
            show(event, data, view)
        elif data["status"] in WAITED_FOR:
            if data.get("reason"):
                view.note(_restart(data))
            view.describe(describe(data))
    raise CommandError(f"the event stream of job {job_id} has no end")


def _show_now(job: dict[str, Any], describe: Callable[[dict[str, Any]], str], view: View) -> None:
    place = f", at place {job['position']} of its queue" if job["position"] is not None else ""
    again = f", attempt {job['attempt']}" if job["attempt"] > 1 else ""
    view.describe(f"{describe(job)}{place}{again}")
    if job["error"]:  # why it waits
        view.note(str(job["error"]))
    progress = job["progress"]
    if progress["images_total"]:
        view.update(progress["images_seen"], progress["images_total"], training_figures(progress))


def _restart(data: dict[str, Any]) -> str:
    """Why a job waits or runs again, and for which time."""
    if data["status"] == "running":
        return f"attempt {data['attempt']} begins: {data['reason']}"
    tried = f" after attempt {data['attempt']}" if data["attempt"] else ""
    return f"{data['status']} again{tried}: {data['reason']}"


def _running_as(name: str) -> Callable[[dict[str, Any]], str]:
    return lambda data: name if data["status"] == "running" else str(data["status"])


def _show_training(event: str, data: dict[str, Any], view: View) -> None:
    if event == "progress":
        view.update(data["images_seen"], data["images_total"], training_figures(data))
    elif event == "checkpoint":
        view.note(f"checkpoint {data['id']} at {data['images_seen']:,} images")
    elif event == "health":
        view.note(data["message"])


def _show_evaluation(event: str, data: dict[str, Any], view: View) -> None:
    if event == "progress":
        seen, total = data["images_seen"], data["images_total"]
        view.describe("scoring" if seen == total else "generating")
        view.update(seen, total, training_figures(data))


def _show_synthesis(event: str, data: dict[str, Any], view: View) -> None:
    if event == "progress":
        view.update(data["images_seen"], data["images_total"], training_figures(data))


def _show_ingest(event: str, data: dict[str, Any], view: View) -> None:
    """Bytes while they are read, twice with levels=auto; then pictures while they are examined."""
    if event != "progress":
        return
    phase = data.get("phase", "packing")
    if phase in ("measuring", "packing"):
        view.describe(phase)
        view.update(data["bytes_read"], data["bytes_total"], ingest_figures(data))
        return
    view.describe(phase)
    view.update(data["examined"], data["accepted"], f"{data['examined']:,} pictures")


def stream_events(
    client: ServiceClient,
    job_id: str,
    on_break: Callable[[str], None],
    last_id: str | None = None,
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each (event, data) of the job after `last_id` exactly once, `end` being the last.

    A stream that breaks is taken up after the last event that came; when the service answers
    nothing for two minutes, ServiceUnreachable.
    """
    breaks, heard_at = 0, time.monotonic()
    while True:
        try:
            for event in client.events(f"jobs/{segment(job_id)}/events", last_id):
                breaks, heard_at = 0, time.monotonic()
                last_id = event.id or last_id
                data = event.json()
                assert isinstance(data, dict)
                yield event.event, data
                if event.event == "end":
                    return
            job = client.get(f"jobs/{segment(job_id)}") if last_id == NEWEST else None
            if job is not None and job["status"] not in WAITED_FOR:
                # It ended before the stream was opened, which then has nothing to tell.
                yield "end", {"status": job["status"], "error": job["error"]}
                return
        except (ServiceUnreachable, ServiceBusy) as error:
            if time.monotonic() - heard_at > GIVE_UP_SECONDS:
                raise
            if breaks == 1:  # the first attempt to take it up again failed too
                on_break(f"{error} Trying again; the job goes on by itself.")
        if time.monotonic() - heard_at > GIVE_UP_SECONDS:
            raise CommandError(f"the event stream of job {job_id} is silent")
        time.sleep(RETRY_SECONDS[min(breaks, len(RETRY_SECONDS) - 1)])
        breaks += 1


def training_figures(data: dict[str, Any]) -> str:
    """`12,345/750,000 images, 412/s, 29 min 50 s left, G 1.02 D 0.71`."""
    seen, total = data["images_seen"], data["images_total"]
    eta = data.get("eta_seconds")
    generator = optional(data, "generator_loss", "G {:.2f}")
    discriminator = optional(data, "discriminator_loss", "D {:.2f}")
    figures = [
        f"{seen:,}/{total:,} images",
        optional(data, "images_per_second", "{:,.0f}/s"),
        None if eta is None else f"{duration(eta)} left",
        " ".join(loss for loss in (generator, discriminator) if loss),
    ]
    return ", ".join(figure for figure in figures if figure)


def ingest_figures(data: dict[str, Any]) -> str:
    """`1.2 MB of 9.4 MB, 400 accepted, 3 rejected`."""
    figures = [
        f"{size(data['bytes_read'])} of {size(data['bytes_total'])}",
        f"{data['accepted']:,} accepted",
        f"{data['duplicates']:,} duplicates" if data["duplicates"] else None,
        f"{data['rejected']:,} rejected" if data["rejected"] else None,
    ]
    return ", ".join(figure for figure in figures if figure)


def _training_state(data: dict[str, Any]) -> str:
    if data["status"] != "running":
        return str(data["status"])
    if "device" in data:
        return f"training on {data['device']}"
    return "training" if data.get("progress", {}).get("images_seen") else "starting"
