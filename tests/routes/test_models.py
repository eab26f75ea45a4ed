"""Models: the served checkpoint, pinning, and what deletion frees."""

import hashlib
import io
import json

import pytest
from fastapi.testclient import TestClient
from PIL import Image
from queued_jobs import queue_job

from app.domain import registry
from app.domain.database import Database
from app.domain.job_states import Stop
from app.domain.jobs import request_stop
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.domain.tables import Checkpoint, Model
from benchmarks.harness.random_models import (
    checkpoint_bytes,
    onnx_bytes,
    register,
    store_checkpoint,
)
from models.config import TrainingConfig


@pytest.fixture
def checkpoints(database: Database, settings: Settings) -> list[str]:
    """The ids of three checkpoints of a model, oldest first, with equal files."""
    store = ObjectStore(settings)
    data, exported = (read(TrainingConfig(width=8), 1) for read in (checkpoint_bytes, onnx_bytes))
    sha256, onnx_sha256 = (hashlib.sha256(file).hexdigest() for file in (data, exported))
    ids = ["c1", "c2", "c3"]
    with database.write() as session:
        session.add(Model(name="cats"))
        session.flush()
        for number, checkpoint_id in enumerate(ids, start=1):
            store.put_bytes(f"jobs/j/1/checkpoint-{number}.safetensors", data)
            store.put_bytes(f"jobs/j/1/checkpoint-{number}.onnx", exported)
            session.add(
                Checkpoint(
                    id=checkpoint_id,
                    model="cats",
                    job="j",
                    images_seen=1000 * number,
                    config={"resolution": 64, "channels": 3, "latent_dim": 100},
                    key=f"jobs/j/1/checkpoint-{number}.safetensors",
                    sha256=sha256,
                    bytes=len(data),
                    onnx_sha256=onnx_sha256,
                    onnx_bytes=len(exported),
                )
            )
            session.flush()
    return ids


def test_the_newest_checkpoint_is_served_until_one_is_pinned(
    client: TestClient, checkpoints: list[str]
) -> None:
    model = client.get("/v1/models/cats").json()
    assert (model["checkpoint"], model["pinned"], model["checkpoints"]) == ("c3", False, 3)
    pinned = client.patch("/v1/models/cats", json={"checkpoint": "c1"}).json()
    assert (pinned["checkpoint"], pinned["pinned"], pinned["images_seen"]) == ("c1", True, 1000)
    listed = client.get("/v1/models/cats/checkpoints").json()["items"]
    assert [(item["id"], item["served"]) for item in listed] == [
        ("c3", False),
        ("c2", False),
        ("c1", True),
    ]
    released = client.patch("/v1/models/cats", json={"checkpoint": None}).json()
    assert (released["checkpoint"], released["pinned"]) == ("c3", False)


def test_the_lowest_kid_is_served_and_the_model_says_why(
    client: TestClient, checkpoints: list[str], database: Database
) -> None:
    assert client.get("/v1/models/cats").json()["served_because"] == (
        "the newest: none is scored yet"
    )
    scores = {"c1": 0.02, "c2": 0.01}
    with database.write() as session:
        for checkpoint in session.query(Checkpoint).where(Checkpoint.id.in_(scores)):
            checkpoint.kid = scores[checkpoint.id]
            checkpoint.metrics = {"kid": checkpoint.kid, "kid_interval": [0.005, 0.015]}
    model = client.get("/v1/models/cats").json()
    assert (model["checkpoint"], model["pinned"]) == ("c2", False)
    why = "the lowest KID of 2 scored checkpoints: 0.010 (0.0050 to 0.015), at 2,000 images"
    assert model["served_because"] == why
    listed = client.get("/v1/models/cats/checkpoints").json()["items"]
    assert [(item["id"], item["served"]) for item in listed if item["metrics"]] == [
        ("c2", True),
        ("c1", False),
    ]
    pinned = client.patch("/v1/models/cats", json={"checkpoint": "c1"}).json()
    assert pinned["served_because"] == "set by hand"


def test_pinning_an_unknown_checkpoint_changes_nothing(
    client: TestClient, checkpoints: list[str]
) -> None:
    answer = client.patch("/v1/models/cats", json={"checkpoint": "c9"})
    assert (answer.status_code, answer.json()["field"]) == (404, "checkpoint")
    assert client.patch("/v1/models/cats", json={}).status_code == 422
    assert client.patch("/v1/models/cats", json={"served": "c1"}).status_code == 422
    assert client.get("/v1/models/cats").json()["checkpoint"] == "c3"


@pytest.mark.parametrize("checkpoint", ["", "\ud800", "c" * 65, 1])
def test_pinning_an_invalid_id_is_refused_and_changes_nothing(
    client: TestClient, checkpoints: list[str], checkpoint: object
) -> None:
    before = client.get("/v1/models/cats").json()
    body = json.dumps({"checkpoint": checkpoint})
    headers = {"Content-Type": "application/json"}
    answer = client.patch("/v1/models/cats", content=body, headers=headers)
    assert (answer.status_code, answer.json()["field"]) == (422, "checkpoint")
    assert client.get("/v1/models/cats").json() == before


def test_deleting_a_model_frees_its_checkpoints(
    client: TestClient, checkpoints: list[str], settings: Settings
) -> None:
    listed = client.get("/v1/models/cats/checkpoints").json()["items"]
    freed = sum(checkpoint["bytes"] for checkpoint in listed)
    assert client.get("/v1/models/cats").json()["bytes"] == freed > 0
    assert client.delete("/v1/models/cats").status_code == 204
    assert client.get("/v1/models").json()["items"] == []
    assert ObjectStore(settings).keys("jobs") == []
    assert client.delete("/v1/models/cats").status_code == 404


def test_a_renamed_model_keeps_everything_under_the_new_name(
    client: TestClient, checkpoints: list[str], database: Database
) -> None:
    client.patch("/v1/models/cats", json={"checkpoint": "c1"})
    client.post("/v1/models/cats/latents", json={"name": "white", "seed": 7})
    job = queue_job(database, model="cats")
    with database.write() as session:
        request_stop(session, job, Stop.CANCEL)
        session.add(Model(name="newer"))
    before = client.get("/v1/models/cats").json()
    image = client.get("/v1/models/cats/images/7.png")

    renamed = client.patch("/v1/models/cats", json={"name": "kittens"})
    changed = {"name": "kittens", "former_names": ["cats"]}
    assert renamed.json() == before | changed | {"loaded": renamed.json()["loaded"]}
    listed = client.get("/v1/models").json()["items"]
    assert [model["name"] for model in listed] == ["newer", "kittens"]  # in the order of creation
    kept = client.get("/v1/models/kittens/checkpoints").json()["items"]
    assert [(item["id"], item["model"]) for item in kept] == [
        (checkpoint, "kittens") for checkpoint in reversed(checkpoints)
    ]
    assert client.get("/v1/models/kittens/latents/white").json()["seed"] == 7
    assert client.get(f"/v1/jobs/{job}").json()["model"] == "kittens"
    again = client.get("/v1/models/kittens/images/7.png")
    assert pixels(again.content) == pixels(image.content)
    recipe = client.get("/v1/models/kittens/images/7.json").json()
    assert recipe["model"] == "kittens"


def test_old_addresses_lead_to_the_new_name_until_another_model_takes_the_old_one(
    client: TestClient, checkpoints: list[str], database: Database
) -> None:
    for old, new in (("cats", "kittens"), ("kittens", "pets")):
        assert client.patch(f"/v1/models/{old}", json={"name": new}).status_code == 200
    assert client.get("/v1/models/pets").json()["former_names"] == ["cats", "kittens"]
    for old in ("cats", "kittens"):
        url = f"/v1/models/{old}/images/7.png?truncation=0.5"
        moved = client.get(url, follow_redirects=False)
        assert moved.status_code == 307
        assert moved.headers["location"] == "/v1/models/pets/images/7.png?truncation=0.5"
        assert client.head(url).status_code == 200
        refused = client.post(f"/v1/models/{old}/images", json={"seeds": [7]})
        assert (refused.status_code, "'pets'" in refused.json()["detail"]) == (404, True)
        assert client.delete(f"/v1/models/{old}").status_code == 404

    with database.write() as session:
        registry.ensure_model(session, "cats")
    assert client.get("/v1/models/cats").json()["name"] == "cats"
    assert client.patch("/v1/models/pets", json={"name": "kittens"}).status_code == 200
    assert client.get("/v1/models/kittens").json()["former_names"] == ["pets"]
    assert client.delete("/v1/models/kittens").status_code == 204
    assert client.get("/v1/models/pets").status_code == 404


@pytest.mark.parametrize("name", ["images/7.png", "interpolations/7-9.webp?frames=2"])
def test_a_file_made_before_a_rename_is_verified_by_its_checkpoint(
    client: TestClient, database: Database, store: ObjectStore, name: str
) -> None:
    register(database, store_checkpoint(store, "cats"))
    file = client.get(f"/v1/models/cats/{name}").content
    client.patch("/v1/models/cats", json={"name": "kittens"})
    register(database, store_checkpoint(store, "cats", weights=9))  # another model of the old name
    verdict = client.post("/v1/recipes/verify", content=file).json()
    assert (verdict["match"], verdict["difference"]) == (True, 0)
    assert "'cats', which is 'kittens' here" in verdict["says"]


def test_a_name_that_is_in_use_or_invalid_is_refused(
    client: TestClient, checkpoints: list[str], database: Database
) -> None:
    with database.write() as session:
        session.add(Model(name="dogs"))
    queue_job(database, kind="import", model="coming")
    for name, status in (("dogs", 409), ("coming", 409), ("No Name", 422), ("", 422)):
        refused = client.patch("/v1/models/cats", json={"checkpoint": "c1", "name": name})
        assert (refused.status_code, refused.json()["field"]) == (status, "name")
    unchanged = client.get("/v1/models/cats").json()
    assert (unchanged["name"], unchanged["pinned"]) == ("cats", False)
    assert client.patch("/v1/models/cats", json={"name": "cats"}).status_code == 200


@pytest.mark.parametrize("fields", [{"model": "cats"}, {"model": "other", "resume_from": "c1"}])
def test_a_model_is_not_renamed_while_a_job_uses_it(
    client: TestClient, checkpoints: list[str], database: Database, fields: dict[str, str]
) -> None:
    job = queue_job(database, **fields)
    refused = client.patch("/v1/models/cats", json={"name": "kittens"})
    assert refused.status_code == 409
    assert job in refused.json()["detail"]
    assert client.get("/v1/models/cats").status_code == 200


def pixels(png: bytes) -> bytes:
    return Image.open(io.BytesIO(png)).tobytes()
