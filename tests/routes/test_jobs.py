"""Jobs over HTTP: asking, asking again, what is refused, and steering."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.domain import events, leases
from app.domain.database import Database
from app.domain.job_objects import sample_key
from app.domain.job_states import Status
from app.domain.leases import Claim
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.domain.tables import Checkpoint, Dataset


def ask(client: TestClient, **changes: Any) -> dict[str, Any]:
    answer = client.post("/v1/jobs", json={"dataset": "cats", "model": "cats"} | changes)
    assert answer.status_code == 202, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_a_training_is_queued_with_its_resolved_config(client: TestClient, cats: str) -> None:
    answer = client.post("/v1/jobs", json={"dataset": cats, "model": "cats", "epochs": 250})
    job = answer.json()
    assert answer.headers["location"] == f"/v1/jobs/{job['id']}"
    assert (job["status"], job["position"], job["kind"]) == ("queued", 1, "train")
    assert job["config"]["images"] == 750_000
    assert job["config"]["shape"] == [64, 64, 3]
    assert (job["preset"], job["resume_from"], job["health"]) == ("small-data", None, [])
    assert job["progress"] == {
        "images_seen": 0,
        "images_total": 750_000,
        "images_per_second": None,
        "eta_seconds": None,
    }
    assert client.get(f"/v1/jobs/{job['id']}").json() == job


def test_positions_follow_the_order_of_asking(client: TestClient, cats: str) -> None:
    placed = [ask(client)["position"] for _ in range(3)]
    assert placed == [1, 2, 3]
    newest_first = client.get("/v1/jobs").json()["items"]
    assert [job["position"] for job in newest_first] == [3, 2, 1]


def test_pages_go_on_where_the_last_one_ended(client: TestClient, cats: str) -> None:
    ids = [ask(client)["id"] for _ in range(5)]
    seen, cursor = [], None
    while True:
        page = client.get("/v1/jobs", params={"limit": 2} | ({"cursor": cursor} if cursor else {}))
        seen += [job["id"] for job in page.json()["items"]]
        cursor = page.json()["next"]
        if cursor is None:
            break
    assert seen == ids[::-1]


def test_the_same_idempotency_key_makes_one_job(client: TestClient, cats: str) -> None:
    headers = {"Idempotency-Key": "once"}
    request = {"dataset": cats, "model": "cats", "images": 64}
    first, again = (client.post("/v1/jobs", json=request, headers=headers) for _ in range(2))
    assert first.json()["id"] == again.json()["id"]
    other = client.post("/v1/jobs", json=request | {"images": 128}, headers=headers)
    assert other.status_code == 409
    assert first.json()["id"] in other.json()["detail"]


@pytest.mark.parametrize(
    ("change", "status", "field", "words"),
    [
        ({"dataset": "dogs"}, 404, "dataset", "there is no dataset 'dogs'"),
        ({"dataset": None}, 422, "dataset", "string"),
        ({"model": "My Model"}, 422, "model", "pattern"),
        ({"preset": "stylegan"}, 422, "preset", "dcgan"),
        ({"images": 0}, 422, "images", "out of range"),
        ({"images": "many"}, 422, "images", "integer"),
        ({"images": 10, "epochs": 1}, 422, "epochs", "not both"),
        ({"epochs": 0}, 422, "epochs", "greater than or equal to 1"),
        ({"batch_size": 1}, 422, "batch_size", "2 to 1024"),
        ({"seed": 2**53}, 422, "seed", "out of range"),
        ({"overrides": {"width": 7}}, 422, "width", "8 to 256"),
        ({"overrides": {"widht": 64}}, 422, "widht", "not a field"),
        ({"overrides": {"shape": [128, 128, 3]}}, 422, "shape", "cannot be overridden"),
        ({"overrides": {"conditional": True}}, 422, "conditional", "needs classes"),
        ({"resume_from": "dogs"}, 404, "resume_from", "neither a checkpoint nor a model"),
        ({"resume_from": 7}, 422, "resume_from", "string"),
        ({"overrides": {"generator_learning_rate": 1}}, 422, "generator_learning_rate", "0.1"),
        ({"overides": {}}, 422, "overides", "Extra inputs"),
        ({"model": None}, 422, "model", "needs model"),
        ({"kind": "paint"}, 422, "kind", "'train' or 'evaluate'"),
        ({"checkpoint": "c1"}, 422, "checkpoint", "ask for kind evaluate"),
        ({"stability": "on"}, 422, "stability", "'off' or 'auto'"),
        ({"stability": "auto", "overrides": {"stability": "off"}}, 422, "stability", "once"),
        ({"kind": "evaluate", "seed": 1}, 422, "seed", "ask for kind train"),
        ({"kind": "evaluate", "model": None}, 422, "model", "needs model or checkpoint"),
        ({"kind": "evaluate", "model": "dogs"}, 404, "model", "there is no model 'dogs'"),
    ],
)
def test_a_wrong_request_names_the_field_and_queues_nothing(
    client: TestClient, cats: str, change: dict[str, Any], status: int, field: str, words: str
) -> None:
    answer = client.post("/v1/jobs", json={"dataset": cats, "model": "cats"} | change)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["status"], problem["field"]) == (status, field)
    assert words in problem["detail"]
    assert client.get("/v1/jobs").json()["items"] == []


def test_a_dataset_that_is_not_ready_is_a_conflict(
    client: TestClient, cats: str, database: Database
) -> None:
    with database.write() as session:
        session.query(Dataset).one().status = "ingesting"
    answer = client.post("/v1/jobs", json={"dataset": cats, "model": "cats"})
    assert (answer.status_code, answer.json()["field"]) == (409, "dataset")


@pytest.mark.parametrize("path", ["/v1/jobs?dryrun=true", "/v1/jobs?limits=3"])
def test_an_unknown_query_parameter_is_refused(client: TestClient, cats: str, path: str) -> None:
    request = {"dataset": cats, "model": "cats"}
    answer = client.post(path, json=request) if "dry" in path else client.get(path)
    assert answer.status_code == 422
    assert "is not known here" in answer.json()["detail"]
    assert client.get("/v1/jobs").json()["items"] == []


def test_a_dry_run_is_refused_as_the_training_would_be(client: TestClient, cats: str) -> None:
    path, request = "/v1/jobs?dry_run=true", {"dataset": cats, "model": "cats"}
    wrong = [
        ({"dataset": "dogs"}, 404, "dataset"),
        ({"resume_from": "dogs"}, 404, "resume_from"),
        ({"overrides": {"width": 7}}, 422, "width"),
        ({"kind": "evaluate"}, 422, "kind"),
    ]
    for change, status, field in wrong:
        answer = client.post(path, json=request | change)
        assert (answer.status_code, answer.json()["field"]) == (status, field)


@pytest.mark.slow
def test_a_dry_run_answers_the_config_an_estimate_and_warnings_and_queues_nothing(
    client: TestClient, cats: str
) -> None:
    request = {
        **{"dataset": cats, "model": "cats", "preset": "mlp", "epochs": 1, "stability": "auto"},
        "overrides": {"width": 8, "batch_size": 4},
    }
    answer = client.post("/v1/jobs?dry_run=true", json=request)
    assert answer.status_code == 200, answer.text
    quote = answer.json()
    assert set(quote) == {"config", "estimate", "warnings"}
    assert (quote["config"]["images"], quote["config"]["stability"]) == (3000, "auto")
    assert quote["estimate"]["memory_bytes"] > 10**8
    assert quote["estimate"]["disk_bytes"] > 10**6
    assert any("3,000 images are 1.0 of each picture" in one for one in quote["warnings"])
    assert client.get("/v1/jobs").json()["items"] == []
    assert client.get("/v1/models/cats").status_code == 404
    assert ask(client, **{"preset": "mlp", **request})["config"] == quote["config"]


def test_an_evaluation_is_queued_for_the_served_checkpoint(
    client: TestClient, cats: str, database: Database
) -> None:
    config = ask(client)["config"]
    with database.write() as session:
        for one, kid in (("c1", 0.1), ("c2", 0.2)):
            stored = {"images_seen": 64, "config": config, "key": one, "sha256": "", "bytes": 7}
            session.add(Checkpoint(id=one, model="cats", kid=kid, **stored))
            session.flush()
    job = ask(client, kind="evaluate")
    assert (job["kind"], job["checkpoint"], job["dataset"]) == ("evaluate", "c1", "cats")
    assert (job["config"], job["result"], job["position"]) == ({"images": 3000}, None, 1)
    assert job["progress"]["images_total"] == 3000
    other = ask(client, kind="evaluate", checkpoint="c2", model=None, images=50)
    assert (other["model"], other["checkpoint"]) == ("cats", "c2")
    assert client.post(f"/v1/jobs/{job['id']}/pause").status_code == 409
    assert client.post(f"/v1/jobs/{job['id']}/cancel").json()["status"] == "cancelled"


def test_cancel_ends_that_job_alone(client: TestClient, cats: str) -> None:
    first, second = ask(client), ask(client)
    answer = client.post(f"/v1/jobs/{first['id']}/cancel")
    assert answer.json()["status"] == "cancelled"
    assert client.get(f"/v1/jobs/{second['id']}").json()["position"] == 1
    assert client.post(f"/v1/jobs/{first['id']}/cancel").status_code == 409
    assert client.post("/v1/jobs/nonsense/cancel").status_code == 404


def test_a_queued_job_is_paused_and_resumed(client: TestClient, cats: str) -> None:
    job = ask(client)["id"]
    assert client.post(f"/v1/jobs/{job}/pause").json()["status"] == "paused"
    assert client.post(f"/v1/jobs/{job}/pause").status_code == 409
    resumed = client.post(f"/v1/jobs/{job}/resume").json()
    assert (resumed["status"], resumed["position"]) == ("queued", 1)
    assert client.post(f"/v1/jobs/{job}/resume").status_code == 409


def test_a_model_or_dataset_in_use_is_not_deleted(client: TestClient, cats: str) -> None:
    job = ask(client)["id"]
    for path in ("/v1/models/cats", "/v1/datasets/cats"):
        answer = client.delete(path)
        assert answer.status_code == 409
        assert job in answer.json()["detail"]
    client.post(f"/v1/jobs/{job}/cancel")
    assert client.delete("/v1/models/cats").status_code == 204
    assert client.delete("/v1/datasets/cats").status_code == 204
    assert client.get("/v1/models/cats").status_code == 404


def run_to_its_end(database: Database, job_id: str) -> None:
    """What a worker writes, written by hand: two progress rows, a resume, a sample, the end."""
    with database.write() as session:
        job = leases.claim(session, "train", 60, 3)
        assert job is not None
        claim = Claim(job.id, job.epoch)
        for seen, loss in [(64, 0.7), (128, 0.6), (192, 0.5), (128, 0.55), (256, 0.4)]:
            row = {"images_seen": seen, "generator_loss": loss}
            leases.record(session, claim, "progress", row)
        sample = {"images_seen": 256, "url": f"/v1/jobs/{job_id}/samples/256.png"}
        leases.record(session, claim, "sample", sample, once="sample:256")
        leases.end(session, claim, Status.SUCCEEDED)


def test_the_stream_tells_every_event_once_in_order_and_ends(
    client: TestClient, cats: str, database: Database
) -> None:
    job = ask(client)["id"]
    run_to_its_end(database, job)
    stream = client.get(f"/v1/jobs/{job}/events")
    assert stream.headers["content-type"].startswith("text/event-stream")
    blocks = [block.splitlines() for block in stream.text.strip().split("\n\n")]
    types = [line.removeprefix("event: ") for block in blocks for line in block if "event:" in line]
    assert types == ["state", "state", *["progress"] * 5, "sample", "state", "end"]
    ids = [line.removeprefix("id: ") for block in blocks for line in block if "id: " in line]
    assert ids == sorted(ids, key=int)
    rest = client.get(f"/v1/jobs/{job}/events", headers={"Last-Event-ID": ids[-2]})
    assert rest.text.count("event: ") == 1
    assert "event: end" in rest.text
    assert client.get(f"/v1/jobs/{job}/events", headers={"Last-Event-ID": ids[-1]}).text == ""


def test_a_stream_is_refused_before_it_opens(client: TestClient, cats: str) -> None:
    assert client.get("/v1/jobs/nonsense/events").status_code == 404
    job = ask(client)["id"]
    answer = client.get(f"/v1/jobs/{job}/events", headers={"Last-Event-ID": "x"})
    assert answer.status_code == 422


def test_metrics_forget_what_a_resume_did_again(
    client: TestClient, cats: str, database: Database
) -> None:
    job = ask(client)["id"]
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


def test_metrics_are_numbers_whatever_else_a_progress_event_says(
    client: TestClient, cats: str, database: Database
) -> None:
    job_id = ask(client)["id"]
    with database.write() as session:
        job = leases.claim(session, "train", 60, 3)
        assert job is not None
        for phase, accepted in (("packing", 5), ("comparing", 9)):
            row = {"phase": phase, "accepted": accepted}
            leases.record(session, Claim(job.id, job.epoch), "progress", row)
    assert client.get(f"/v1/jobs/{job_id}/metrics").json()["series"] == {"accepted": [5, 9]}


def test_a_grid_that_a_rollback_undid_is_listed_no_more_and_never_shown_for_the_new_one(
    client: TestClient, cats: str, database: Database, settings: Settings
) -> None:
    job_id = ask(client)["id"]
    with database.write() as session:
        job = leases.claim(session, "train", 60, 3)
        assert job is not None
        for count, seen in enumerate((64, 128, 192, 128)):
            row = {"images_seen": seen, "url": f"/v1/jobs/{job_id}/samples/{seen}.png"}
            leases.record(session, Claim(job.id, job.epoch), "sample", row, once=f"{count}")
    listed = client.get(f"/v1/jobs/{job_id}/samples").json()["items"]
    assert [one["images_seen"] for one in listed] == [64, 128]

    store = ObjectStore(settings)
    store.put_bytes(sample_key(job_id, 128), b"old")
    url = listed[-1]["url"]
    tag = client.get(url).headers["ETag"]
    assert client.get(url, headers={"If-None-Match": tag}).status_code == 304
    store.put_bytes(sample_key(job_id, 128), b"new")
    assert client.get(url, headers={"If-None-Match": tag}).content == b"new"


def test_a_job_shows_what_its_health_events_said_the_newest_last(
    client: TestClient, cats: str, database: Database
) -> None:
    job_id = ask(client)["id"]
    told = [{"kind": "rollback", "message": f"rolled back, time {n}"} for n in (1, 2)]
    with database.write() as session:
        job = leases.claim(session, "train", 60, 3)
        assert job is not None
        for data in told:
            leases.record(session, Claim(job.id, job.epoch), "health", data)
    assert client.get(f"/v1/jobs/{job_id}").json()["health"] == told
    assert client.get("/v1/jobs").json()["items"][0]["health"] == told


def test_a_training_goes_on_from_another_model(
    client: TestClient, cats: str, database: Database
) -> None:
    config = ask(client)["config"]
    with database.write() as session:
        stored = {"images_seen": 64, "config": config, "key": "k", "sha256": "", "bytes": 7}
        session.add(Checkpoint(id="c", model="cats", **stored))
    job = ask(client, model="kittens", resume_from="cats")
    assert (job["resume_from"], job["preset"]) == ("c", "small-data")
    wider = {"dataset": cats, "model": "kittens", "resume_from": "c", "overrides": {"width": 64}}
    answer = client.post("/v1/jobs", json=wider)
    assert (answer.status_code, answer.json()["field"]) == (422, "width")


def test_a_dataset_of_a_shape_that_cannot_be_built_is_refused_with_the_nearest(
    client: TestClient, cats: str, database: Database
) -> None:
    with database.write() as session:
        session.query(Dataset).one().shape = [50, 61, 3]
    answer = client.post("/v1/jobs", json={"dataset": cats, "model": "cats"})
    assert (answer.status_code, answer.json()["field"]) == (422, "dataset")
    assert "[50, 61, 3]" in answer.json()["detail"]


def test_samples_are_listed_and_a_missing_one_is_not_found(
    client: TestClient, cats: str, database: Database
) -> None:
    job = ask(client)["id"]
    run_to_its_end(database, job)
    assert client.get(f"/v1/jobs/{job}/samples").json()["items"] == [
        {"images_seen": 256, "url": f"/v1/jobs/{job}/samples/256.png"}
    ]
    answer = client.get(f"/v1/jobs/{job}/samples/999.png")
    assert (answer.status_code, "999" in answer.json()["detail"]) == (404, True)


def test_old_rows_of_other_jobs_never_reach_a_stream(
    client: TestClient, cats: str, database: Database
) -> None:
    first, second = ask(client)["id"], ask(client)["id"]
    run_to_its_end(database, first)
    with database.read() as session:
        assert {row.job for row in events.read_after(session, second, 0)} == {second}
