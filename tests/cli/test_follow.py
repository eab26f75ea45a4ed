from types import SimpleNamespace

import pytest

from app.cli import follow
from app.cli.client import ServiceClient
from app.cli.errors import CommandError, ServiceUnreachable
from app.cli.follow import stream_events, training_figures

from .conftest import FakeService, as_events, as_json, as_problem

EVENTS = "GET /v1/jobs/j1/events"
STATE = {"status": "running", "attempt": 1, "error": None}
END = {"status": "succeeded", "error": None}


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "RETRY_SECONDS", (0.01,))


def test_a_stream_that_breaks_is_taken_up_after_the_last_event(service: FakeService) -> None:
    service.on(
        EVENTS,
        as_events((4, "state", STATE), (7, "progress", {"images_seen": 64})),
        as_problem(503, "Unavailable", "the database does not answer"),
        as_events((9, "end", END)),
    )
    with ServiceClient(service.url) as client:
        events = list(stream_events(client, "j1", lambda _: None))
    assert [name for name, _ in events] == ["state", "progress", "end"]
    resumed = [asked.headers.get("Last-Event-ID") for asked in service.asked]
    assert resumed == [None, "7", "7"]


def test_a_service_that_stays_away_is_told_once_and_given_up_in_the_end(
    service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.on(EVENTS, as_events((1, "state", STATE)), as_json({}), as_json({}))
    told: list[str] = []
    slept: list[float] = []
    clock = SimpleNamespace(sleep=slept.append, monotonic=lambda: sum(slept))
    monkeypatch.setattr(follow, "time", clock)
    monkeypatch.setattr(follow, "RETRY_SECONDS", (0.5, 5.0))
    with (
        ServiceClient(service.url) as client,
        pytest.raises(ServiceUnreachable, match=r"The connection to .* broke"),
    ):
        list(stream_events(client, "j1", told.append))
    assert len(told) == 1
    assert told[0].endswith("Trying again; the job goes on by itself.")
    assert sum(slept) > follow.GIVE_UP_SECONDS


def test_a_job_that_is_not_there_is_an_error_at_once(service: FakeService) -> None:
    with ServiceClient(service.url) as client, pytest.raises(CommandError, match=r"^Not found"):
        list(stream_events(client, "j1", lambda _: None))
    assert len(service.asked) == 1


def test_figures_name_what_is_known_and_leave_out_the_rest() -> None:
    data = {
        "images_seen": 12345,
        "images_total": 750000,
        "images_per_second": 412.3,
        "eta_seconds": 1789.0,
        "generator_loss": 1.021,
        "discriminator_loss": 0.707,
    }
    expected = "12,345/750,000 images, 412/s, 29 min 49 s left, G 1.02 D 0.71"
    assert training_figures(data) == expected
    unmeasured = dict.fromkeys(data) | {"images_seen": 0, "images_total": 64}
    assert training_figures(unmeasured) == "0/64 images"
