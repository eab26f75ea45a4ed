"""Jobs over HTTP: asking, asking again, what is refused, and steering."""

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient
from queued_jobs import post_training

from app.domain.database import Database
from app.domain.tables import Checkpoint, Dataset

SYNTHESIZE: dict[str, Any] = {"kind": "synthesize", "dataset": None, "images": 10}
MANY = dict.fromkeys((f"{number:068}" for number in range(10_000)), 1)


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
    assert job.pop("warnings") == []
    assert client.get(f"/v1/jobs/{job['id']}").json() == job


def test_positions_follow_the_order_of_asking(client: TestClient, cats: str) -> None:
    placed = [post_training(client)["position"] for _ in range(3)]
    assert placed == [1, 2, 3]
    newest_first = client.get("/v1/jobs").json()["items"]
    assert [job["position"] for job in newest_first] == [3, 2, 1]


def test_pages_go_on_where_the_last_one_ended(client: TestClient, cats: str) -> None:
    ids = [post_training(client)["id"] for _ in range(5)]
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
        ({"dataset": None}, 422, "dataset", "kind train needs dataset"),
        ({"model": "My Model"}, 422, "model", "is not a name"),
        ({"preset": "stylegan"}, 422, "preset", "dcgan"),
        ({"images": 0}, 422, "images", "out of range"),
        ({"images": "many"}, 422, "images", "not a whole number"),
        ({"images": "64"}, 422, "images", "not a whole number"),
        ({"images": True}, 422, "images", "not a whole number"),
        ({"images": float("nan")}, 422, "images", "not a whole number"),
        ({"images": 10**400}, 422, "images", "1 to 1000000000000"),
        ({"epochs": "1"}, 422, "epochs", "not a whole number"),
        ({"epochs": 10**400}, 422, "epochs", "the maximum is 1000000"),
        ({"seed": -1}, 422, "seed", "0 to 9007199254740991"),
        ({"batch_size": 8.5}, 422, "batch_size", "not a whole number"),
        ({"overrides": {"r1": float("nan")}}, 422, "r1", "0.0 to 10000.0"),
        ({"overrides": {"r1": float("inf")}}, 422, "r1", "0.0 to 10000.0"),
        ({"overrides": {"r1": 10**400}}, 422, "r1", "0.0 to 10000.0"),
        ({"overrides": {"width": "64"}}, 422, "width", "not a whole number"),
        ({"overrides": {"loss": ["hinge"]}}, 422, "loss", "not one of"),
        ({"overrides": {"augmentation": {}}}, 422, "augmentation", "neither none nor some"),
        ({"overrides": [1]}, 422, "overrides", "not an object"),
        ({"overrides": MANY}, 422, "overrides", "10000 fields, and never more than 100 are known"),
        ({"resume_from": ""}, 422, "resume_from", "the minimum length is 1"),
        ({"resume_from": "c" * 65}, 422, "resume_from", "the maximum length is 64"),
        ({"dataset": "c" * 65}, 422, "dataset", "is not a name"),
        ({"images": 10, "epochs": 1}, 422, "epochs", "not both"),
        ({"epochs": 0}, 422, "epochs", "the minimum is 1"),
        ({"batch_size": 1}, 422, "batch_size", "2 to 1024"),
        ({"seed": 2**53}, 422, "seed", "out of range"),
        ({"overrides": {"width": 7}}, 422, "width", "8 to 256"),
        ({"overrides": {"widht": 64}}, 422, "widht", "not a field"),
        ({"overrides": {"shape": [128, 128, 3]}}, 422, "shape", "cannot be overridden"),
        ({"overrides": {"conditional": True}}, 422, "conditional", "needs classes"),
        ({"resume_from": "dogs"}, 404, "resume_from", "neither a checkpoint nor a model"),
        ({"resume_from": 7}, 422, "resume_from", "is not text"),
        ({"overrides": {"generator_learning_rate": 1}}, 422, "generator_learning_rate", "0.1"),
        ({"overides": {}}, 422, "overides", "there is no such field"),
        ({"model": None}, 422, "model", "needs model"),
        ({"kind": "paint"}, 422, "kind", "train, evaluate, synthesize"),
        ({"checkpoint": "c1"}, 422, "checkpoint", "ask for kind evaluate or synthesize"),
        ({"stability": "on"}, 422, "stability", "off, auto"),
        ({"stability": "auto", "overrides": {"stability": "off"}}, 422, "stability", "once"),
        ({"kind": "evaluate", "seed": 1}, 422, "seed", "ask for kind train or synthesize"),
        ({"kind": "evaluate", "model": None}, 422, "model", "needs model or checkpoint"),
        ({"kind": "evaluate", "model": "dogs"}, 404, "model", "there is no model 'dogs'"),
        ({"layout": "zip"}, 422, "layout", "ask for kind synthesize"),
        ({"class": "tabby"}, 422, "class", "ask for kind synthesize"),
        ({"kind": "synthesize"}, 422, "dataset", "ask for kind train or evaluate"),
        (SYNTHESIZE | {"images": None}, 422, "images", "needs images: 10 to 10,000,000"),
        (SYNTHESIZE | {"images": 9}, 422, "images", "10 to 10000000"),
        (SYNTHESIZE | {"layout": "rar"}, 422, "layout", "webdataset"),
        (SYNTHESIZE | {"format": "avif"}, 422, "format", "png, webp, jpg"),
        (SYNTHESIZE | {"epochs": 3}, 422, "epochs", "ask for kind train"),
        (SYNTHESIZE | {"model": None}, 422, "model", "needs model or checkpoint"),
        (SYNTHESIZE | {"model": "dogs"}, 404, "model", "there is no model 'dogs'"),
        (SYNTHESIZE | {"reject_copies": 1}, 422, "reject_copies", "not true or false"),
    ],
)
def test_a_wrong_request_names_the_field_and_queues_nothing(
    client: TestClient, cats: str, change: dict[str, Any], status: int, field: str, words: str
) -> None:
    # Written by hand, since a client's JSON library refuses the NaN that a test must send.
    asked = json.dumps({"dataset": cats, "model": "cats"} | change)
    headers = {"Content-Type": "application/json"}
    answer = client.post("/v1/jobs", content=asked, headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["status"], problem["field"]) == (status, field)
    assert words in problem["detail"]
    assert client.get("/v1/jobs").json()["items"] == []


@pytest.mark.parametrize("key", ["", "k" * 256])
def test_an_idempotency_key_has_a_length(client: TestClient, cats: str, key: str) -> None:
    asked = {"dataset": cats, "model": "cats"}
    answer = client.post("/v1/jobs", json=asked, headers={"Idempotency-Key": key})
    assert (answer.status_code, answer.json()["field"]) == (422, "idempotency-key")
    assert client.get("/v1/jobs").json()["items"] == []


def test_a_whole_number_may_be_written_with_a_point(client: TestClient, cats: str) -> None:
    config = post_training(client, images=100.0, overrides={"width": 16.0, "sample_grid": 2.0})[
        "config"
    ]
    given = [config[name] for name in ("images", "width", "sample_grid")]
    assert (given, {type(one) for one in given}) == ([100, 16, 2], {int})


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
        (SYNTHESIZE, 422, "kind"),
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
    assert any("3,000 images show each picture 1.0 times" in one for one in quote["warnings"])
    assert client.get("/v1/jobs").json()["items"] == []
    assert client.get("/v1/models/cats").status_code == 404
    assert post_training(client, **{"preset": "mlp", **request})["config"] == quote["config"]


def test_a_training_into_a_model_with_checkpoints_answers_what_is_there(
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
        for one, kid in (("c1", 0.1), ("c2", 0.2)):
            stored = {"images_seen": 64, "config": config, "key": one, "sha256": "", "bytes": 7}
            session.add(Checkpoint(id=one, model="cats", kid=kid, **stored))
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
    job = post_training(client, **SYNTHESIZE | {"images": 5000, "layout": "imagefolder", "seed": 9})
    assert (job["kind"], job["checkpoint"], job["dataset"]) == ("synthesize", "c", None)
    assert (job["config"]["layout"], job["config"]["seed"]) == ("imagefolder", 9)
    assert (job["position"], job["progress"]["images_total"]) == (1, 5000)
    path = f"/v1/jobs/{job['id']}"
    assert client.get(f"{path}/files").json() == {"items": [], "next": None}
    assert client.post(f"{path}/pause").json()["status"] == "paused"
    assert client.post(f"{path}/resume").json()["status"] == "queued"
    assert client.post(f"{path}/cancel").json()["status"] == "cancelled"


def test_the_document_says_what_each_kind_must_have(client: TestClient) -> None:
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    asked = schemas["JobRequest"]
    assert "required" not in asked
    assert asked["if"]["properties"]["kind"]["const"] == "synthesize"
    assert (asked["then"]["required"], asked["else"]["required"]) == (["images"], ["dataset"])


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


def test_a_training_goes_on_from_another_model(
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


def test_a_dataset_of_a_shape_that_cannot_be_built_is_refused_with_the_nearest(
    client: TestClient, cats: str, database: Database
) -> None:
    with database.write() as session:
        session.query(Dataset).one().shape = [50, 61, 3]
    answer = client.post("/v1/jobs", json={"dataset": cats, "model": "cats"})
    assert (answer.status_code, answer.json()["field"]) == (422, "dataset")
    assert "[50, 61, 3]" in answer.json()["detail"]
