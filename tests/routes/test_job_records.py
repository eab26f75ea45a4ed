"""What a job records: its event stream, metrics, log, samples and health."""

import json

import pytest
from fastapi.testclient import TestClient
from queued_jobs import claim_job, post_training

from app.domain import events, leases
from app.domain.database import Database
from app.domain.job_objects import sample_key, store_log
from app.domain.job_states import Status
from app.domain.leases import Claim
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.routes.job_event_schemas import JobEvent, event_schemas
from app.routes.job_records import _starting_point
from models.training.health.signals import SIGNALS


def run_to_its_end(database: Database, job_id: str) -> None:
    """Write a worker's events: three progress rows, two after a resume, a sample, the end."""
    claim = claim_job(database)
    with database.write() as session:
        for images_seen, loss in [(64, 0.7), (128, 0.6), (192, 0.5), (128, 0.55), (256, 0.4)]:
            row = {"images_seen": images_seen, "generator_loss": loss}
            leases.record(session, claim, "progress", row)
        sample = {"images_seen": 256, "url": f"/v1/jobs/{job_id}/samples/256.png"}
        leases.record(session, claim, "sample", sample, once="sample:256")
        leases.end(session, claim, Status.SUCCEEDED)


def test_the_stream_sends_every_event_once_in_order_and_ends(
    client: TestClient, cats: str, database: Database
) -> None:
    job = post_training(client)["id"]
    run_to_its_end(database, job)
    stream = client.get(f"/v1/jobs/{job}/events")
    assert stream.headers["content-type"].startswith("text/event-stream")
    blocks = [block.splitlines() for block in stream.text.strip().split("\n\n")]
    types = [line.removeprefix("event: ") for block in blocks for line in block if "event:" in line]
    assert types == ["state", "state", *["progress"] * 5, "sample", "state", "end"]
    ids = [line.removeprefix("id: ") for block in blocks for line in block if "id: " in line]
    assert ids == sorted(ids, key=int)
    for block in blocks:
        fields = dict(line.split(": ", 1) for line in block)
        JobEvent.model_validate(fields | {"data": json.loads(fields["data"])})
    rest = client.get(f"/v1/jobs/{job}/events", headers={"Last-Event-ID": ids[-2]})
    assert rest.text.count("event: ") == 1
    assert "event: end" in rest.text


def test_a_stream_resumed_after_its_end_is_answered_204(
    client: TestClient, cats: str, database: Database
) -> None:
    job = post_training(client)["id"]
    run_to_its_end(database, job)
    with database.read() as session:
        last = events.read_after(session, job, 0)[-1]
    assert last.type == "end"
    for last_event_id in (last.id, last.id + 1, 10**17):
        answer = client.get(f"/v1/jobs/{job}/events", headers={"Last-Event-ID": str(last_event_id)})
        assert (answer.status_code, answer.content) == (204, b"")
    for beginning in ("", "0"):
        answer = client.get(f"/v1/jobs/{job}/events", headers={"Last-Event-ID": beginning})
        assert (answer.status_code, answer.text.count("event: ")) == (200, 10)


def test_an_id_beyond_the_newest_event_loses_no_later_events(
    client: TestClient, cats: str, database: Database
) -> None:
    job = post_training(client)["id"]
    after = _starting_point(job, database, "9" * 18)
    run_to_its_end(database, job)
    with database.read() as session:
        types = [event.type for event in events.read_after(session, job, after)]
    assert types == ["state", *["progress"] * 5, "sample", "state", "end"]


def test_a_stream_is_refused_before_it_opens(client: TestClient, cats: str) -> None:
    assert client.get("/v1/jobs/nonsense/events").status_code == 404
    job = post_training(client)["id"]
    for garbage in ("x", "-1", "1.5", "9" * 30, "\u0661"):
        headers = [(b"Last-Event-ID", garbage.encode())]
        answer = client.get(f"/v1/jobs/{job}/events", headers=headers)
        assert (answer.status_code, answer.json()["field"]) == (422, "Last-Event-ID")


def test_metrics_drop_the_rows_that_a_resume_repeated(
    client: TestClient, cats: str, database: Database
) -> None:
    job = post_training(client)["id"]
    run_to_its_end(database, job)
    series = client.get(f"/v1/jobs/{job}/metrics").json()["series"]
    assert series == {"images_seen": [64, 128, 256], "generator_loss": [0.7, 0.55, 0.4]}
    table = client.get(f"/v1/jobs/{job}/metrics", headers={"Accept": "text/csv"})
    assert table.text.splitlines() == [
        "images_seen,generator_loss",
        "64,0.7",
        "128,0.55",
        "256,0.4",
    ]


def test_metrics_leave_out_values_that_are_not_numbers(
    client: TestClient, cats: str, database: Database
) -> None:
    job_id = post_training(client)["id"]
    claim = claim_job(database)
    with database.write() as session:
        for phase, accepted in (("packing", 5), ("comparing", 9)):
            row = {"phase": phase, "accepted": accepted}
            leases.record(session, claim, "progress", row)
    assert client.get(f"/v1/jobs/{job_id}/metrics").json()["series"] == {"accepted": [5, 9]}


def test_a_sample_that_a_rollback_discarded_is_neither_listed_nor_served_again(
    client: TestClient, cats: str, database: Database, settings: Settings
) -> None:
    job_id = post_training(client)["id"]
    claim = claim_job(database)
    with database.write() as session:
        for count, images_seen in enumerate((64, 128, 192, 128)):
            row = {
                "images_seen": images_seen,
                "url": f"/v1/jobs/{job_id}/samples/{images_seen}.png",
            }
            leases.record(session, claim, "sample", row, once=f"{count}")
    listed = client.get(f"/v1/jobs/{job_id}/samples").json()["items"]
    assert [sample["images_seen"] for sample in listed] == [64, 128]

    store = ObjectStore(settings)
    store.put_bytes(sample_key(job_id, 128), b"old")
    url = listed[-1]["url"]
    tag = client.get(url).headers["ETag"]
    assert client.get(url, headers={"If-None-Match": tag}).status_code == 304
    store.put_bytes(sample_key(job_id, 128), b"new")
    assert client.get(url, headers={"If-None-Match": tag}).content == b"new"


def test_a_job_lists_its_health_events_newest_last(
    client: TestClient, cats: str, database: Database
) -> None:
    job_id = post_training(client)["id"]
    messages = [{"kind": "rollback", "message": f"rolled back, time {n}"} for n in (1, 2)]
    claim = claim_job(database)
    with database.write() as session:
        for data in messages:
            leases.record(session, claim, "health", data)
    (listed,) = client.get("/v1/jobs").json()["items"]
    for job in (client.get(f"/v1/jobs/{job_id}").json(), listed):
        assert [event["message"] for event in job["health"]] == [
            data["message"] for data in messages
        ]
        assert [event["kind"] for event in job["health"]] == ["rollback", "rollback"]


def test_samples_are_listed_and_a_missing_one_is_not_found(
    client: TestClient, cats: str, database: Database
) -> None:
    job = post_training(client)["id"]
    run_to_its_end(database, job)
    assert client.get(f"/v1/jobs/{job}/samples").json()["items"] == [
        {"images_seen": 256, "url": f"/v1/jobs/{job}/samples/256.png"}
    ]
    answer = client.get(f"/v1/jobs/{job}/samples/999.png")
    assert (answer.status_code, "999" in answer.json()["detail"]) == (404, True)


@pytest.mark.parametrize("images_seen", ["-1", "9" * 300, "9" * 5000, "nan", "%00"])
def test_an_invalid_number_of_images_is_refused(
    client: TestClient, cats: str, images_seen: str
) -> None:
    answer = client.get(f"/v1/jobs/{post_training(client)['id']}/samples/{images_seen}.png")
    assert (answer.status_code, answer.json()["field"]) == (422, "images_seen")


def test_a_stream_has_no_events_of_other_jobs(
    client: TestClient, cats: str, database: Database
) -> None:
    first, second = post_training(client)["id"], post_training(client)["id"]
    run_to_its_end(database, first)
    with database.read() as session:
        assert {row.job for row in events.read_after(session, second, 0)} == {second}


def test_the_log_of_a_job_is_text(client: TestClient, cats: str, settings: Settings) -> None:
    job = post_training(client)["id"]
    path = f"/v1/jobs/{job}/log"
    assert (client.get(path).status_code, client.get(path).text) == (200, "")
    store_log(ObjectStore(settings), Claim(job, 1), "Größe: out of memory\n".encode())
    answer = client.get(path)
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.text == "Größe: out of memory\n"
    assert client.get("/v1/jobs/nobody/log").status_code == 404


def test_every_signal_of_a_training_has_a_name_in_the_document() -> None:
    schema = event_schemas()["HealthData"]["properties"]["signal"]["anyOf"][0]
    names = [signal.name for signal in SIGNALS]
    assert schema["enum"] == [*names, "plateau", "not_finite"]
