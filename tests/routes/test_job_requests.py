"""The body of POST /v1/jobs: what each kind takes, and what is refused."""

import json
from typing import Any, get_args, get_type_hints

import pytest
from api import Api, add_cats
from fastapi.testclient import TestClient
from queued_jobs import post_training

from app.cli.new_jobs import synthesize
from app.domain.synthesis import LAYOUTS, OVERHEAD_BYTES
from app.routes.job_requests import JobRequest
from worker.synthesis.shards import SHARDS

SYNTHESIZE: dict[str, Any] = {"kind": "synthesize", "dataset": None, "images": 10}

MANY = dict.fromkeys((f"{number:068}" for number in range(10_000)), 1)


@pytest.fixture(scope="module")
def shared_client(shared_api: Api) -> TestClient:
    """One API for the tests that queue nothing, with the dataset "cats"."""
    add_cats(shared_api.database)
    return shared_api.client


@pytest.mark.parametrize(
    ("change", "status", "field", "detail"),
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
        ({"overrides": MANY}, 422, "overrides", "10000 fields, and no object has more than 100"),
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
        ({"checkpoint": "c1"}, 422, "checkpoint", "use kind evaluate or synthesize"),
        ({"stability": "on"}, 422, "stability", "off, auto"),
        ({"stability": "auto", "overrides": {"stability": "off"}}, 422, "stability", "given twice"),
        ({"kind": "evaluate", "seed": 1}, 422, "seed", "use kind train or synthesize"),
        ({"kind": "evaluate", "model": None}, 422, "model", "needs model or checkpoint"),
        ({"kind": "evaluate", "model": "dogs"}, 404, "model", "there is no model 'dogs'"),
        ({"layout": "zip"}, 422, "layout", "use kind synthesize"),
        ({"class": "tabby"}, 422, "class", "use kind synthesize"),
        ({"kind": "synthesize"}, 422, "dataset", "use kind train or evaluate"),
        (SYNTHESIZE | {"images": None}, 422, "images", "needs images: 10 to 10,000,000"),
        (SYNTHESIZE | {"images": 9}, 422, "images", "10 to 10000000"),
        (SYNTHESIZE | {"layout": "rar"}, 422, "layout", "webdataset"),
        (SYNTHESIZE | {"format": "avif"}, 422, "format", "png, webp, jpg"),
        (SYNTHESIZE | {"epochs": 3}, 422, "epochs", "use kind train"),
        (SYNTHESIZE | {"model": None}, 422, "model", "needs model or checkpoint"),
        (SYNTHESIZE | {"model": "dogs"}, 404, "model", "there is no model 'dogs'"),
        (SYNTHESIZE | {"reject_copies": 1}, 422, "reject_copies", "not true or false"),
    ],
)
def test_a_wrong_request_names_the_field_and_queues_nothing(
    shared_client: TestClient, change: dict[str, Any], status: int, field: str, detail: str
) -> None:
    # json.dumps, because the client's own encoder refuses NaN.
    body = json.dumps({"dataset": "cats", "model": "cats"} | change)
    headers = {"Content-Type": "application/json"}
    answer = shared_client.post("/v1/jobs", content=body, headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["status"], problem["field"]) == (status, field)
    assert detail in problem["detail"]
    assert shared_client.get("/v1/jobs").json()["items"] == []


@pytest.mark.parametrize("key", ["", "k" * 256])
def test_an_idempotency_key_of_an_invalid_length_is_refused(
    shared_client: TestClient, key: str
) -> None:
    body = {"dataset": "cats", "model": "cats"}
    answer = shared_client.post("/v1/jobs", json=body, headers={"Idempotency-Key": key})
    assert (answer.status_code, answer.json()["field"]) == (422, "idempotency-key")
    assert shared_client.get("/v1/jobs").json()["items"] == []


def test_a_whole_float_is_accepted_as_an_integer(client: TestClient, cats: str) -> None:
    config = post_training(client, images=100.0, overrides={"width": 16.0, "sample_grid": 2.0})[
        "config"
    ]
    values = [config[name] for name in ("images", "width", "sample_grid")]
    assert (values, {type(value) for value in values}) == ([100, 16, 2], {int})


def test_the_document_lists_the_required_fields_of_each_kind(shared_client: TestClient) -> None:
    schemas = shared_client.get("/openapi.json").json()["components"]["schemas"]
    body = schemas["JobRequest"]
    assert "required" not in body
    assert body["if"]["properties"]["kind"]["const"] == "synthesize"
    assert (body["then"]["required"], body["else"]["required"]) == (["images"], ["dataset"])


def test_the_overrides_of_a_job_are_those_of_the_presets(shared_client: TestClient) -> None:
    schemas = shared_client.get("/openapi.json").json()["components"]["schemas"]
    described = schemas["JobRequest"]["properties"]["overrides"]["properties"]
    presets = shared_client.get("/v1/presets").json()["items"]
    offered = {name: field for preset in presets for name, field in preset["overrides"].items()}
    for name, field in offered.items():
        del field["default"]  # the preset's own
        assert described.pop(name) == field
    assert described == {}


def test_every_part_knows_the_same_layouts() -> None:
    hints = get_type_hints(JobRequest)["layout"], get_type_hints(synthesize)["layout"]
    layouts = [get_args(get_args(hint)[0]) for hint in hints]
    assert layouts == [LAYOUTS, LAYOUTS]
    assert (tuple(OVERHEAD_BYTES), tuple(SHARDS)) == (LAYOUTS, LAYOUTS)
