"""Jobs: requests, refusals, idempotency keys, cancel, pause and resume."""

from typing import Any

import pytest
from fastapi.testclient import TestClient
from queued_jobs import post_training

from app.domain.database import Database
from app.domain.tables import Checkpoint, Dataset


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
    assert (job.pop("warnings"), job.pop("warning_facts")) == ([], [])
    assert client.get(f"/v1/jobs/{job['id']}").json() == job


def test_positions_follow_the_order_of_requests(client: TestClient, cats: str) -> None:
    placed = [post_training(client)["position"] for _ in range(3)]
    assert placed == [1, 2, 3]
    newest_first = client.get("/v1/jobs").json()["items"]
    assert [job["position"] for job in newest_first] == [3, 2, 1]


def test_a_queued_job_is_moved_to_a_position(client: TestClient, cats: str) -> None:
    ids = [post_training(client)["id"] for _ in range(3)]
    moved = client.patch(f"/v1/jobs/{ids[2]}", json={"position": 1})
    assert (moved.status_code, moved.json()["position"]) == (200, 1)
    assert (moved.json()["status"], moved.json()["queue"]) == ("queued", "train")
    listed = client.get("/v1/jobs").json()["items"]
    assert [(job["id"], job["position"]) for job in listed] == [
        *((ids[2], 1), (ids[1], 3), (ids[0], 2)),
    ]
    assert client.patch(f"/v1/jobs/{ids[2]}", json={"position": 9}).json()["position"] == 3


def test_only_a_queued_job_is_moved(client: TestClient, cats: str) -> None:
    job = post_training(client)["id"]
    client.post(f"/v1/jobs/{job}/cancel")
    refused = client.patch(f"/v1/jobs/{job}", json={"position": 1})
    assert refused.status_code == 409
    assert refused.json()["detail"] == f"job {job} is cancelled: only a queued job can be moved"
    assert client.patch("/v1/jobs/none", json={"position": 1}).status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"position": 0}, "position"),
        ({"position": "first"}, "position"),
        ({"position": None}, "position"),
        ({}, "position"),
        ({"position": 1, "queue": "light"}, "queue"),
    ],
)
def test_a_move_that_is_not_a_position_is_refused(
    client: TestClient, cats: str, body: dict[str, Any], field: str
) -> None:
    job = post_training(client)["id"]
    refused = client.patch(f"/v1/jobs/{job}", json=body)
    assert (refused.status_code, refused.json()["field"]) == (422, field)


def test_a_page_begins_where_the_previous_one_ended(client: TestClient, cats: str) -> None:
    ids = [post_training(client)["id"] for _ in range(5)]
    ids_of_pages, cursor = [], None
    while True:
        page = client.get("/v1/jobs", params={"limit": 2} | ({"cursor": cursor} if cursor else {}))
        ids_of_pages += [job["id"] for job in page.json()["items"]]
        cursor = page.json()["next"]
        if cursor is None:
            break
    assert ids_of_pages == ids[::-1]


def test_the_same_idempotency_key_makes_one_job(client: TestClient, cats: str) -> None:
    headers = {"Idempotency-Key": "once"}
    request = {"dataset": cats, "model": "cats", "images": 64}
    first, again = (client.post("/v1/jobs", json=request, headers=headers) for _ in range(2))
    assert first.json()["id"] == again.json()["id"]
    other = client.post("/v1/jobs", json=request | {"images": 128}, headers=headers)
    assert other.status_code == 409
    assert first.json()["id"] in other.json()["detail"]


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
    wrong: list[tuple[dict[str, Any], int, str]] = [
        ({"dataset": "dogs"}, 404, "dataset"),
        ({"resume_from": "dogs"}, 404, "resume_from"),
        ({"overrides": {"width": 7}}, 422, "width"),
        ({"kind": "evaluate"}, 422, "kind"),
        ({"kind": "synthesize", "dataset": None, "images": 10}, 422, "kind"),
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
    assert set(quote) == {"config", "estimate", "warnings", "warning_facts"}
    facts = {fact["kind"]: fact for fact in quote["warning_facts"]}
    assert len(quote["warnings"]) == len(facts)
    assert facts["too_few_images"]["images"] == 3000
    assert (quote["config"]["images"], quote["config"]["stability"]) == (3000, "auto")
    assert quote["estimate"]["memory_bytes"] > 10**8
    assert quote["estimate"]["disk_bytes"] > 10**6
    assert any(
        "3,000 images show each picture 1.0 times" in warning for warning in quote["warnings"]
    )
    assert client.get("/v1/jobs").json()["items"] == []
    assert client.get("/v1/models/cats").status_code == 404
    assert post_training(client, **{"preset": "mlp", **request})["config"] == quote["config"]


def test_a_training_into_a_model_with_checkpoints_answers_a_warning(
    client: TestClient, database: Database, cats: str
) -> None:
    assert post_training(client)["warnings"] == []
    with database.write() as session:
        stored = Checkpoint(id="c1", model="cats", images_seen=1000, config={}, bytes=1)
        stored.key, stored.sha256 = "k", ""
        session.add(stored)
    (warning,) = post_training(client, preset="mlp", overrides={"width": 8})["warnings"]
    assert "has 1 checkpoint already and serves c1" in warning
    request = {"dataset": cats, "model": "cats", "preset": "mlp", "overrides": {"width": 8}}
    quote = client.post("/v1/jobs?dry_run=true", json=request).json()
    assert quote["warnings"][0] == warning


def test_an_evaluation_is_queued_for_the_served_checkpoint(
    client: TestClient, cats: str, database: Database
) -> None:
    config = post_training(client)["config"]
    with database.write() as session:
        for checkpoint_id, kid in (("c1", 0.1), ("c2", 0.2)):
            stored = {
                "images_seen": 64,
                "config": config,
                "key": checkpoint_id,
                "sha256": "",
                "bytes": 7,
            }
            session.add(Checkpoint(id=checkpoint_id, model="cats", kid=kid, **stored))
            session.flush()
    job = post_training(client, kind="evaluate")
    assert (job["kind"], job["checkpoint"], job["dataset"]) == ("evaluate", "c1", "cats")
    assert (job["config"], job["result"], job["position"]) == ({"images": 3000}, None, 1)
    assert job["progress"]["images_total"] == 3000
    other = post_training(client, kind="evaluate", checkpoint="c2", model=None, images=50)
    assert (other["model"], other["checkpoint"]) == ("cats", "c2")
    assert client.post(f"/v1/jobs/{job['id']}/pause").status_code == 409
    assert client.post(f"/v1/jobs/{job['id']}/cancel").json()["status"] == "cancelled"


def test_a_synthesis_is_queued_for_the_served_checkpoint_and_can_be_paused(
    client: TestClient, cats: str, database: Database
) -> None:
    config = post_training(client)["config"]
    with database.write() as session:
        stored = {"images_seen": 64, "config": config, "key": "k", "sha256": "", "bytes": 7}
        session.add(Checkpoint(id="c", model="cats", **stored))
    fields = {"images": 5000, "layout": "imagefolder", "seed": 9}
    job = post_training(client, kind="synthesize", dataset=None, **fields)
    assert (job["kind"], job["checkpoint"], job["dataset"]) == ("synthesize", "c", None)
    assert (job["config"]["layout"], job["config"]["seed"]) == ("imagefolder", 9)
    assert (job["position"], job["progress"]["images_total"]) == (1, 5000)
    path = f"/v1/jobs/{job['id']}"
    assert client.get(f"{path}/files").json() == {"items": [], "next": None}
    assert client.post(f"{path}/pause").json()["status"] == "paused"
    assert client.post(f"{path}/resume").json()["status"] == "queued"
    assert client.post(f"{path}/cancel").json()["status"] == "cancelled"


def test_cancel_ends_that_job_alone(client: TestClient, cats: str) -> None:
    first, second = post_training(client), post_training(client)
    answer = client.post(f"/v1/jobs/{first['id']}/cancel")
    assert answer.json()["status"] == "cancelled"
    assert client.get(f"/v1/jobs/{second['id']}").json()["position"] == 1
    assert client.post(f"/v1/jobs/{first['id']}/cancel").status_code == 409
    assert client.post("/v1/jobs/nonsense/cancel").status_code == 404


def test_a_queued_job_is_paused_and_resumed(client: TestClient, cats: str) -> None:
    job = post_training(client)["id"]
    assert client.post(f"/v1/jobs/{job}/pause").json()["status"] == "paused"
    assert client.post(f"/v1/jobs/{job}/pause").status_code == 409
    resumed = client.post(f"/v1/jobs/{job}/resume").json()
    assert (resumed["status"], resumed["position"]) == ("queued", 1)
    assert client.post(f"/v1/jobs/{job}/resume").status_code == 409


def test_a_model_or_dataset_in_use_is_not_deleted(client: TestClient, cats: str) -> None:
    job = post_training(client)["id"]
    for path in ("/v1/models/cats", "/v1/datasets/cats"):
        answer = client.delete(path)
        assert answer.status_code == 409
        assert job in answer.json()["detail"]
    client.post(f"/v1/jobs/{job}/cancel")
    assert client.delete("/v1/models/cats").status_code == 204
    assert client.delete("/v1/datasets/cats").status_code == 204
    assert client.get("/v1/models/cats").status_code == 404


def test_a_training_resumes_from_another_model(
    client: TestClient, cats: str, database: Database
) -> None:
    config = post_training(client)["config"]
    with database.write() as session:
        stored = {"images_seen": 64, "config": config, "key": "k", "sha256": "", "bytes": 7}
        session.add(Checkpoint(id="c", model="cats", **stored))
    job = post_training(client, model="kittens", resume_from="cats")
    assert (job["resume_from"], job["preset"]) == ("c", "small-data")
    wider = {"dataset": cats, "model": "kittens", "resume_from": "c", "overrides": {"width": 64}}
    answer = client.post("/v1/jobs", json=wider)
    assert (answer.status_code, answer.json()["field"]) == (422, "width")


def test_a_dataset_of_an_unsupported_shape_is_refused(
    client: TestClient, cats: str, database: Database
) -> None:
    with database.write() as session:
        session.query(Dataset).one().shape = [50, 61, 3]
    answer = client.post("/v1/jobs", json={"dataset": cats, "model": "cats"})
    assert (answer.status_code, answer.json()["field"]) == (422, "dataset")
    assert "[50, 61, 3]" in answer.json()["detail"]
