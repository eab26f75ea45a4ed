"""Saved latents and directions travel in a bundle; those that a model cannot have are refused."""

import io
import json
import zipfile
from typing import Any

import numpy as np
import pytest
from bundle_files import CHILD_EVENT, bundle_contents, zipped
from fastapi.testclient import TestClient
from queued_jobs import try_claim_job
from weight_files import TINY, register_tiny

from app.domain import directions
from app.domain.bundles import DIRECTIONS, LATENTS
from app.domain.database import Database
from app.domain.directions import NewDirection
from app.domain.imports import add_imported_model, read_record
from app.domain.settings import Settings
from app.domain.store import ObjectStore

UNIT = [1.0] + [0.0] * (TINY.latent_dim - 1)
DETAILS: dict[str, Any] = {
    "effect": 0.5,
    "raised": 0.9,
    "accuracy": {"value": 0.9, "low": 0.8, "high": 1.0, "examples": 20},
    "positive": 10,
    "negative": 10,
    "orthogonal_to": [],
}
DIRECTION = {"name": "white", "method": "taught", "vector": UNIT, "details": DETAILS}


def send(client: TestClient, contents: dict[str, bytes], name: str) -> Any:
    files = {"file": ("cats.zip", zipped(contents))}
    return client.post("/v1/models", data={"name": name}, files=files)


def without_own(item: dict[str, Any]) -> dict[str, Any]:
    """An item of a list without what names its model, its checkpoint and the time."""
    own = ("model", "image", "strip", "checkpoint", "created_at")
    return {name: value for name, value in item.items() if name not in own}


def test_an_imported_bundle_has_the_latents_and_directions_of_its_model(
    client: TestClient, database: Database, settings: Settings
) -> None:
    store = ObjectStore(settings)
    checkpoint = register_tiny(database, store)
    mix = [{"name": "white", "weight": 1}, {"seed": 9, "weight": -0.5}]
    for body in (
        {"name": "white", "seed": 7, "note": "a white one", "tags": ["fur"]},
        {"name": "mixed", "mix": mix},
    ):
        assert client.post("/v1/models/cats/latents", json=body).status_code == 201
    new = NewDirection("white", "taught", np.array(UNIT, np.float32), DETAILS, checkpoint.id)
    with database.write() as session:
        directions.save(session, "cats", new)
    exported = client.get(f"/v1/checkpoints/{checkpoint.id}/export?format=bundle").content
    with zipfile.ZipFile(io.BytesIO(exported)) as archive:
        assert {LATENTS, DIRECTIONS} <= set(archive.namelist())
    answer = client.post(
        "/v1/models", data={"name": "kittens"}, files={"file": ("cats.zip", exported)}
    )
    assert answer.status_code == 202, answer.text
    claim = try_claim_job(database, queue="light")
    assert claim is not None
    record = read_record(store, claim.job_id)
    with database.write() as session:
        assert add_imported_model(session, claim, "k", CHILD_EVENT, record) is not None
    for kind in ("latents", "directions"):
        there, here = (
            [without_own(item) for item in client.get(f"/v1/models/{name}/{kind}").json()["items"]]
            for name in ("cats", "kittens")
        )
        assert len(here) == (2 if kind == "latents" else 1)
        key = "name"
        assert sorted(here, key=lambda item: item[key]) == sorted(there, key=lambda item: item[key])


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        (LATENTS, {"latents": [{"name": "white", "latent": [0.5]}]}, "has 1 values"),
        (LATENTS, {"latents": [{"name": "a..b", "seed": 1}]}, "latents.0.name"),
        (LATENTS, {"latents": [{"name": "a", "seed": 1}] * 2}, "occurs twice"),
        (LATENTS, {"latents": [{"name": "a", "seed": 1, "class": "x"}]}, "class"),
        (DIRECTIONS, {"directions": [DIRECTION | {"vector": [1.0]}]}, "has 1 values"),
        (DIRECTIONS, {"directions": [DIRECTION | {"vector": [3.0, *UNIT[1:]]}]}, "length"),
        (DIRECTIONS, {"directions": [DIRECTION, DIRECTION]}, "names a direction twice"),
        (DIRECTIONS, {"directions": [DIRECTION | {"method": "magic"}]}, "directions.0.method"),
        (DIRECTIONS, {"directions": [DIRECTION | {"details": {}}]}, "details.effect"),
        (DIRECTIONS, [], "is not valid"),
    ],
)
def test_names_that_the_model_cannot_have_are_refused_with_the_reason(
    client: TestClient, name: str, content: Any, words: str
) -> None:
    answer = send(client, bundle_contents() | {name: json.dumps(content).encode()}, "kittens")
    assert answer.status_code == 422, answer.text
    assert words in answer.json()["detail"]
    assert client.get("/v1/jobs").json()["items"] == []
