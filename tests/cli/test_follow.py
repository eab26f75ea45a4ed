from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from app.cli import follow
from app.cli.client import ServiceClient
from app.cli.errors import CommandError, ServiceUnreachable
from app.cli.follow import image_figures, stream_events
from app.cli.progress import LineView

from .conftest import RUNNING_JOB, FakeService, Moggy, Result, as_events, as_json, as_problem

pytestmark = pytest.mark.usefixtures("quick_retries")

EVENTS = "GET /v1/jobs/j1/events"
STATE = {"status": "running", "attempt": 1, "error": None}
END = {"status": "succeeded", "error": None}


def test_a_broken_stream_is_resumed_after_the_last_event(service: FakeService) -> None:
    service.on(
        EVENTS,
        as_events((4, "state", STATE), (7, "progress", {"images_seen": 64})),
        as_problem(503, "Unavailable", "the database does not answer"),
        as_events((9, "end", END)),
    )
    with ServiceClient(service.url) as client:
        events = list(stream_events(client, "j1", lambda _: None))
    assert [name for name, _ in events] == ["state", "progress", "end"]
    resumed = [request.headers.get("Last-Event-ID") for request in service.received]
    assert resumed == [None, "7", "7"]


def test_an_absent_service_is_reported_once_and_then_given_up(
    service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.on(EVENTS, as_events((1, "state", STATE)), as_json({}), as_json({}))
    notes: list[str] = []
    slept: list[float] = []
    clock = SimpleNamespace(sleep=slept.append, monotonic=lambda: sum(slept))
    monkeypatch.setattr(follow, "time", clock)
    monkeypatch.setattr(follow, "RETRY_SECONDS", (0.5, 5.0))
    with (
        ServiceClient(service.url) as client,
        pytest.raises(ServiceUnreachable, match=r"The connection to .* broke"),
    ):
        list(stream_events(client, "j1", notes.append))
    assert len(notes) == 1
    assert notes[0].endswith("Reconnecting; the job continues meanwhile.")
    assert sum(slept) > follow.GIVE_UP_SECONDS


def test_a_missing_job_is_an_error_at_once(service: FakeService) -> None:
    with ServiceClient(service.url) as client, pytest.raises(CommandError, match=r"^Not found"):
        list(stream_events(client, "j1", lambda _: None))
    assert len(service.received) == 1


def test_figures_leave_out_what_is_not_measured() -> None:
    data = {
        "images_seen": 12345,
        "images_total": 750000,
        "images_per_second": 412.3,
        "eta_seconds": 1789.0,
        "generator_loss": 1.021,
        "discriminator_loss": 0.707,
    }
    expected = "12,345/750,000 images, 412/s, 29 min 49 s left, G 1.02 D 0.71"
    assert image_figures(data) == expected
    unmeasured = dict.fromkeys(data) | {"images_seen": 0, "images_total": 64}
    assert image_figures(unmeasured) == "0/64 images"


TRAINING = RUNNING_JOB | {
    "kind": "train",
    "model": "cats",
    "attempt": 2,
    "progress": {
        "images_seen": 640,
        "images_total": 1280,
        "images_per_second": 400.0,
        "eta_seconds": 2.0,
    },
}


def test_following_shows_the_present_state_and_no_earlier_event(
    service: FakeService, moggy: Moggy
) -> None:
    service.on("GET /v1/jobs/j1", as_json(TRAINING))
    service.on(EVENTS, as_events((9, "end", END)))
    result = moggy("follow", "j1")
    assert result.code == 0
    assert result.err.splitlines() == [
        "training, attempt 2",
        "training, attempt 2: 50 % 640/1,280 images, 400/s, 2 s left",
        "Job j1 succeeded: cats has seen 640 images.",
    ]
    (stream,) = (request for request in service.received if request.path.endswith("/events"))
    assert stream.headers["Last-Event-ID"] == "9" * 18


def test_a_job_that_has_ended_needs_no_stream(service: FakeService, moggy: Moggy) -> None:
    service.on("GET /v1/jobs/j1", as_json(TRAINING | {"status": "failed", "error": "no memory"}))
    assert moggy("follow", "j1") == Result(1, "", "Job j1 failed: no memory\n")
    assert set(service.lines()) == {"GET /v1/jobs/j1"}


def test_a_job_that_ends_before_its_stream_is_opened_is_noticed(
    service: FakeService, moggy: Moggy
) -> None:
    ended = TRAINING | {"status": "succeeded"}
    # The three requests are for its kind, for its state, and after a stream without events.
    service.on("GET /v1/jobs/j1", as_json(TRAINING), as_json(TRAINING), as_json(ended))
    service.on(EVENTS, (204, "text/plain", b""))
    assert moggy("follow", "j1").code == 0


def test_each_restart_is_shown_with_its_attempt_and_its_reason(
    service: FakeService, moggy: Moggy
) -> None:
    service.on("GET /v1/jobs/j1", as_json(TRAINING | {"status": "queued", "position": 3}))
    crash = {"status": "queued", "attempt": 1, "error": None, "reason": "signal 9 (SIGKILL)"}
    silent = {"status": "running", "attempt": 2, "error": None, "reason": "its lease ran out"}
    parked = {"status": "queued", "attempt": 0, "error": "e", "reason": "the disk is full"}
    events = ((1, "state", crash), (2, "state", silent), (3, "state", parked), (4, "end", END))
    service.on(EVENTS, as_events(*events))
    lines = moggy("follow", "j1").err.splitlines()
    assert lines[0] == "queued, position 3 in its queue, attempt 2"
    assert "queued again after attempt 1: signal 9 (SIGKILL)" in lines
    assert "attempt 2 begins: its lease ran out" in lines
    assert "queued again: the disk is full" in lines


def test_progress_beyond_its_total_is_shown_as_100_percent(
    capsys: pytest.CaptureFixture[str],
) -> None:
    view = LineView()
    view.update(1300, 1280, "1,300/1,280 images")
    assert capsys.readouterr().err == ": 100 % 1,300/1,280 images\n"


def test_a_stream_that_was_open_and_silent_is_resumed_after_a_restart(
    service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = 0.0

    service.on(EVENTS, as_events((1, "state", STATE)), as_json({}), as_events((2, "end", END)))
    monkeypatch.setattr(
        follow, "time", SimpleNamespace(sleep=lambda _: None, monotonic=lambda: clock)
    )
    events = ServiceClient.events

    def silent_for_long(*arguments: Any) -> Iterator[Any]:
        nonlocal clock
        yield from events(*arguments)
        clock += 1000

    monkeypatch.setattr(ServiceClient, "events", silent_for_long)
    with ServiceClient(service.url) as client:
        names = [name for name, _ in stream_events(client, "j1", lambda _: None)]
    assert names == ["state", "end"]
