"""The stream of several jobs, against their own streams."""

import json
import threading
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi.testclient import TestClient
from queued_jobs import claim_job, post_training
from running_api import running_api

from app.domain import leases
from app.domain.database import Database
from app.domain.job_states import Status
from app.domain.settings import Settings
from app.routes.events import MAX_JOBS, _starting_points
from app.routes.job_event_schemas import MergedEvent


@pytest.fixture
def two_jobs(client: TestClient, cats: str, database: Database) -> list[str]:
    """Two trainings that have ended, whose events alternate."""
    created = [post_training(client)["id"] for _ in range(2)]
    claims = [claim_job(database) for _ in created]
    for images_seen in (64, 128, 192):
        for claim in claims:
            with database.write() as session:
                leases.record(session, claim, "progress", {"images_seen": images_seen})
    for claim in claims:
        with database.write() as session:
            leases.end(session, claim, Status.SUCCEEDED)
    return [claim.job_id for claim in claims]


def parse(stream: str) -> list[dict[str, Any]]:
    """The events of a stream: blocks that have data."""
    events = []
    for block in stream.strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines())
        if "data" in fields:
            events.append(fields | {"data": json.loads(fields["data"])})
    return events


def read(client: TestClient, jobs: list[str], **options: Any) -> list[dict[str, Any]]:
    return parse(client.get("/v1/events", params={"jobs": ",".join(jobs)}, **options).text)


def test_the_stream_has_the_events_of_every_job_in_its_order(
    client: TestClient, two_jobs: list[str]
) -> None:
    by_job: dict[str, list[Any]] = defaultdict(list)
    for event in read(client, two_jobs):
        MergedEvent.model_validate(event)
        by_job[event["data"]["job"]].append((event["event"], event["data"]["data"]))
    for job in two_jobs:
        own = parse(client.get(f"/v1/jobs/{job}/events").text)
        assert by_job[job] == [(event["event"], event["data"]) for event in own]
        assert by_job[job][-1][0] == "end"


def test_each_id_continues_every_job_without_gaps_or_repeats(
    client: TestClient, two_jobs: list[str]
) -> None:
    events = read(client, two_jobs)
    for seen, event in enumerate(events[:-1], start=1):
        rest = read(client, two_jobs, headers={"Last-Event-ID": event["id"]})
        received = [event["data"] for event in events[:seen] + rest]
        for job in two_jobs:
            whole = [event["data"] for event in events if event["data"]["job"] == job]
            assert [data for data in received if data["job"] == job] == whole


def test_a_stream_of_jobs_that_have_ended_is_answered_204_after_its_end(
    client: TestClient, two_jobs: list[str]
) -> None:
    last = read(client, two_jobs)[-1]["id"]
    query = {"jobs": ",".join(two_jobs)}
    answers = [
        client.get("/v1/events", params=query, headers={"Last-Event-ID": last}),
        client.get("/v1/events", params=query | {"from": "next"}),
    ]
    assert [(answer.status_code, answer.content) for answer in answers] == [(204, b"")] * 2


def test_a_stream_that_breaks_before_its_first_event_loses_none(
    client: TestClient, two_jobs: list[str]
) -> None:
    first, second = two_jobs
    seen = read(client, [first])[2]["id"]
    query = {"jobs": ",".join(two_jobs), "from": "next"}
    answer = client.get("/v1/events", params=query, headers={"Last-Event-ID": seen})
    position, _, rest = answer.text.partition("\n\n")
    start = position.removeprefix("id: ")
    assert start.startswith(f"{seen},{second}:")
    again = client.get("/v1/events", params=query, headers={"Last-Event-ID": start})
    assert parse(again.text) == parse(rest) != []


def test_a_job_that_the_last_event_does_not_name_begins_where_from_says(
    client: TestClient, two_jobs: list[str], database: Database
) -> None:
    first, second = two_jobs
    last = read(client, [first])[-1]["id"]
    rest = read(client, two_jobs, headers={"Last-Event-ID": last})
    assert [event["data"]["job"] for event in rest] == [second] * len(rest)
    assert [event["data"]["data"] for event in rest] == [
        event["data"] for event in parse(client.get(f"/v1/jobs/{second}/events").text)
    ]


def test_a_position_beyond_the_newest_event_loses_no_later_events(
    client: TestClient, cats: str, database: Database
) -> None:
    job = post_training(client)["id"]
    beyond = _starting_points(database, job, last_event_id=f"{job}:{'9' * 18}")
    assert beyond == _starting_points(database, job, start="next")


def test_an_unknown_job_is_named(client: TestClient, two_jobs: list[str]) -> None:
    answer = client.get("/v1/events", params={"jobs": f"{two_jobs[0]},abc"})
    assert (answer.status_code, "'abc'" in answer.json()["detail"]) == (404, True)


@pytest.mark.parametrize("jobs", ["", ",", ",".join(f"{n:x}" for n in range(MAX_JOBS + 1))])
def test_a_stream_names_some_jobs_and_not_too_many(client: TestClient, jobs: str) -> None:
    answer = client.get("/v1/events", params={"jobs": jobs})
    assert (answer.status_code, answer.json()["field"]) == (422, "jobs")


@pytest.mark.parametrize("last", ["x", "12", "ab:-1", "ab:1.5", f"ab:{'9' * 30}", "ab:\u0661"])
def test_a_position_that_is_not_one_is_refused(
    client: TestClient, two_jobs: list[str], last: str
) -> None:
    answer = client.get(
        "/v1/events",
        params={"jobs": ",".join(two_jobs)},
        headers=[(b"Last-Event-ID", last.encode())],
    )
    assert (answer.status_code, answer.json()["field"]) == (422, "Last-Event-ID")


def test_open_streams_end_when_the_service_stops(tmp_path: Path, valkey_url: str) -> None:
    def read_all(url: str, begun: threading.Event) -> str:
        lines = []
        with httpx2.stream("GET", url, timeout=60) as stream:
            for line in stream.iter_lines():
                lines.append(line)
                begun.set()
        return "\n".join(lines)

    settings = Settings(home=tmp_path / "home", redis_url=valkey_url)
    with ThreadPoolExecutor() as threads, running_api(tmp_path, settings) as running:
        one, other, *_ = running.jobs
        paths = (f"/v1/events?jobs={one},{other}", f"/v1/jobs/{one}/events")
        events = [threading.Event() for _ in paths]
        streams = [
            threads.submit(read_all, running.url + path, begun)
            for path, begun in zip(paths, events, strict=True)
        ]
        for begun in events:
            assert begun.wait(60)
    for stream in streams:  # a stream that is cut off raises an error
        assert "event: end" not in stream.result(60)
