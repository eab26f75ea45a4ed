"""Following a job by its event stream, which is resumed when the connection breaks."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from app.cli.client import CONNECT_SECONDS, STREAM_SECONDS, ServiceClient, ServiceObject, segment
from app.cli.console import duration, size
from app.cli.errors import CommandError, ServiceBusy, ServiceUnreachable
from app.cli.progress import View

GIVE_UP_SECONDS = 120.0  # without an answer from the service
RETRY_SECONDS = (0.5, 1.0, 2.0, 5.0)
UNFINISHED = ("queued", "running", "paused")
PROJECTION_PHASES = {
    "encoder": "training the encoder, once for this checkpoint",
    "calibration": "projecting held-out pictures, once for this checkpoint",
    "projection": "projecting",
}
NEWEST = "9" * 18  # as Last-Event-ID: skips every event that exists


@dataclass(frozen=True)
class Ending:
    """The status with which a job ended, and the reason if it failed."""

    status: str
    error: str | None


def follow_job(
    client: ServiceClient, job_id: str, kind: str, view: View, *, from_now: bool = False
) -> Ending:
    """Show a job until it ends: all its events, or with `from_now` its state and later events."""
    display = DISPLAYS.get(kind, DISPLAYS["train"])
    if from_now:
        job = client.get(f"jobs/{segment(job_id)}")
        if job["status"] not in UNFINISHED:
            return Ending(job["status"], job["error"])
        _show_state(job, display, view)
    for event, data in stream_events(client, job_id, view.note, NEWEST if from_now else None):
        if event == "end":
            return Ending(data["status"], data["error"])
        if event != "state":
            display.show(event, data, view)
        elif data["status"] in UNFINISHED:
            if data.get("reason"):
                view.note(_describe_restart(data))
            view.describe(display.describe(data))
    raise CommandError(f"the event stream of job {job_id} ended without the event `end`")


def stream_events(
    client: ServiceClient,
    job_id: str,
    on_break: Callable[[str], None],
    last_id: str | None = None,
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each (event, data) of the job after `last_id` exactly once; the last one is `end`.

    A stream that breaks is resumed after the last event received. Raises ServiceUnreachable when
    the service has not answered for two minutes.
    """
    breaks, last_event_at = 0, time.monotonic()
    while True:
        opened_at = time.monotonic()
        try:
            for event in client.events(f"jobs/{segment(job_id)}/events", last_id):
                breaks, last_event_at = 0, time.monotonic()
                last_id = event.id or last_id
                data = json.loads(event.data, object_hook=ServiceObject)
                assert isinstance(data, dict)
                yield event.event, data
                if event.event == "end":
                    return
            job = client.get(f"jobs/{segment(job_id)}") if last_id == NEWEST else None
            if job is not None and job["status"] not in UNFINISHED:
                # The job ended before the stream was opened, so the stream has no event.
                yield "end", {"status": job["status"], "error": job["error"]}
                return
            failure: CommandError | None = None
        except (ServiceUnreachable, ServiceBusy) as error:
            failure = error
        if time.monotonic() - opened_at > CONNECT_SECONDS + STREAM_SECONDS:
            last_event_at = time.monotonic()  # it was open, and there was no event to send
        if time.monotonic() - last_event_at > GIVE_UP_SECONDS:
            raise failure or CommandError(
                f"the event stream of job {job_id} sent nothing for {GIVE_UP_SECONDS:.0f} s: "
                f"run `moggy follow {job_id}` again"
            )
        if failure is not None and breaks == 1:  # the first attempt to resume it failed too
            on_break(f"{failure} Reconnecting; the job continues meanwhile.")
        time.sleep(RETRY_SECONDS[min(breaks, len(RETRY_SECONDS) - 1)])
        breaks += 1


class Display(NamedTuple):
    """How a kind of job is shown: `describe` words its state, `show` shows any other event."""

    describe: Callable[[dict[str, Any]], str]
    show: Callable[[str, dict[str, Any], View], None]


def _show_state(job: dict[str, Any], display: Display, view: View) -> None:
    position = "" if job["position"] is None else f", position {job['position']} in its queue"
    attempt = f", attempt {job['attempt']}" if job["attempt"] > 1 else ""
    view.describe(f"{display.describe(job)}{position}{attempt}")
    if job["error"]:  # the reason why it waits
        view.note(str(job["error"]))
    progress = job["progress"]
    if progress["images_total"]:
        view.update(progress["images_seen"], progress["images_total"], image_figures(progress))


def _describe_restart(data: dict[str, Any]) -> str:
    if data["status"] == "running":
        return f"attempt {data['attempt']} begins: {data['reason']}"
    attempt = f" after attempt {data['attempt']}" if data["attempt"] else ""
    return f"{data['status']} again{attempt}: {data['reason']}"


def _running_as(activity: str) -> Callable[[dict[str, Any]], str]:
    return lambda data: activity if data["status"] == "running" else str(data["status"])


def _describe_training(data: dict[str, Any]) -> str:
    if data["status"] != "running":
        return str(data["status"])
    if "device" in data:
        return f"training on {data['device']}"
    return "training" if data.get("progress", {}).get("images_seen") else "starting"


def _show_training(event: str, data: dict[str, Any], view: View) -> None:
    if event == "progress":
        view.update(data["images_seen"], data["images_total"], image_figures(data))
    elif event == "checkpoint":
        view.note(f"checkpoint {data['id']} at {data['images_seen']:,} images")
    elif event == "health":
        view.note(data["message"])


def _show_evaluation(event: str, data: dict[str, Any], view: View) -> None:
    if event == "progress":
        images_seen, total = data["images_seen"], data["images_total"]
        view.describe("scoring" if images_seen == total else "generating")
        view.update(images_seen, total, image_figures(data))


def _show_synthesis(event: str, data: dict[str, Any], view: View) -> None:
    if event == "progress":
        view.update(data["images_seen"], data["images_total"], image_figures(data))


def _show_ingest(event: str, data: dict[str, Any], view: View) -> None:
    """Show the bytes read, then the pictures examined. With levels=auto files are read twice."""
    if event != "progress":
        return
    phase = data.get("phase", "packing")
    view.describe(phase)
    if phase in ("measuring", "packing"):
        view.update(data["bytes_read"], data["bytes_total"], ingest_figures(data))
    else:
        view.update(data["examined"], data["accepted"], f"{data['examined']:,} pictures")


def _show_projection(event: str, data: dict[str, Any], view: View) -> None:
    """Show the phases: the encoder, its calibration, and the projection itself."""
    if event == "progress":
        phase = str(data["phase"])
        view.describe(PROJECTION_PHASES.get(phase, phase))
        done, total = data["images_seen"], data["images_total"]
        view.update(done, total, f"{done:,}/{total:,}" if total else "")


def _show_nothing(_event: str, _data: dict[str, Any], _view: View) -> None:
    """A job of this kind is short, and its progress is not shown."""


DISPLAYS = {
    "train": Display(_describe_training, _show_training),
    "ingest": Display(_running_as("packing"), _show_ingest),
    "evaluate": Display(_running_as("generating"), _show_evaluation),
    "synthesize": Display(_running_as("generating"), _show_synthesis),
    "export": Display(_running_as("exporting"), _show_nothing),
    "import": Display(_running_as("checking the weights"), _show_nothing),
    "index": Display(_running_as("indexing"), _show_synthesis),
    "encoder": Display(_running_as("starting"), _show_projection),
    "project": Display(_running_as("starting"), _show_projection),
    "directions": Display(_running_as("finding directions"), _show_nothing),
}


def image_figures(data: dict[str, Any]) -> str:
    """`12,345/750,000 images, 412/s, 29 min 50 s left, G 1.02 D 0.71`."""
    seconds = data.get("eta_seconds")
    losses = [
        _format(data, "generator_loss", "G {:.2f}"),
        _format(data, "discriminator_loss", "D {:.2f}"),
    ]
    figures = [
        f"{data['images_seen']:,}/{data['images_total']:,} images",
        _format(data, "images_per_second", "{:,.0f}/s"),
        "" if seconds is None else f"{duration(seconds)} left",
        " ".join(loss for loss in losses if loss),
    ]
    return ", ".join(figure for figure in figures if figure)


def ingest_figures(data: dict[str, Any]) -> str:
    """`1.2 MB of 9.4 MB, 400 accepted, 3 rejected`."""
    figures = [
        f"{size(data['bytes_read'])} of {size(data['bytes_total'])}",
        f"{data['accepted']:,} accepted",
        f"{data['duplicates']:,} duplicates" if data["duplicates"] else "",
        f"{data['rejected']:,} rejected" if data["rejected"] else "",
    ]
    return ", ".join(figure for figure in figures if figure)


def _format(data: dict[str, Any], name: str, form: str) -> str:
    """A figure as text; empty if the service has not measured it."""
    value = data.get(name)
    return "" if value is None else form.format(value)
