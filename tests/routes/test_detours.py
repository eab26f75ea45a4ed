"""Morphs with a detour over HTTP: their bends, how they are verified, and how they are refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from sample_index_files import SMALL, add_index, build

from app.domain.database import Database
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.store import ObjectStore
from benchmarks.harness.random_models import register, store_checkpoint

KEYFRAMES = [{"seed": seed} for seed in range(3)]
BELOW = 90


@pytest.fixture(scope="module")
def index_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("index") / "run", SMALL, with_pictures=True)


@pytest.fixture
def cats(
    client: TestClient, database: Database, store: ObjectStore, index_file: Path
) -> GeneratorCheckpoint:
    checkpoint = register(database, store_checkpoint(store, **SMALL))
    add_index(database, store, checkpoint, index_file)
    return checkpoint


def morph(client: TestClient, **changes: Any) -> Response:
    body = {"keyframes": KEYFRAMES, "frames": 24, "format": "json", "detour": BELOW} | changes
    return client.post("/v1/models/cats/interpolations", json=body)


def test_a_detour_bends_the_path_and_says_what_it_gained(
    client: TestClient, cats: GeneratorCheckpoint
) -> None:
    answer = morph(client)
    assert answer.status_code == 200, answer.text
    bent, direct = answer.json(), morph(client, detour=0).json()
    assert bent["detour"] == BELOW
    assert bent["bends"]
    assert all(len(bend["offset"]) == SMALL["latent_dim"] for bend in bent["bends"])
    assert bent["lowest_quality"]["bent"] >= bent["lowest_quality"]["direct"]
    assert not direct.keys() & {"detour", "bends", "lowest_quality"}
    assert len(bent["latents"]) == len(direct["latents"]) == 24
    for frame in (0, -1):
        assert bent["latents"][frame] == direct["latents"][frame]
    assert not np.allclose(bent["latents"], direct["latents"])


def test_a_morph_with_bends_is_verified(client: TestClient, cats: GeneratorCheckpoint) -> None:
    address = f"/v1/models/cats/interpolations/0..1..2.webp?frames=24&detour={BELOW}"
    answer = client.get(address)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-cache")
    known = {"If-None-Match": answer.headers["etag"]}
    assert client.get(address, headers=known).status_code == 304
    assert morph(client, format="webp").content == answer.content
    recipe = client.post("/v1/recipes/read", content=answer.content).json()["recipe"]
    assert recipe["bends"] == morph(client).json()["bends"]
    verdict = client.post("/v1/recipes/verify", content=answer.content).json()
    assert verdict["match"], verdict


def test_where_the_quality_is_not_known_a_detour_is_refused(
    client: TestClient, database: Database, store: ObjectStore, tmp_path: Path
) -> None:
    checkpoint = register(database, store_checkpoint(store, **SMALL))
    missing = morph(client)
    assert (missing.status_code, "job" in missing.json()) == (503, True)
    add_index(database, store, checkpoint, build(tmp_path / "run", SMALL, with_pictures=False))
    unknown = morph(client)
    assert (unknown.status_code, unknown.json()["field"]) == (409, "detour")
    assert "Leave detour out" in unknown.json()["detail"]
