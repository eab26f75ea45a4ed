"""Morphs of a conditional model: all frames have one class."""

import io
import json
import zipfile
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from app.domain.database import Database
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from benchmarks.harness.random_models import register, store_checkpoint
from models.seeds import class_from_seed

URL = "/v1/models/pets/interpolations"
TWO = [{"seed": 7}, {"seed": 42}]


@pytest.fixture
def pets(settings: Settings, database: Database) -> GeneratorCheckpoint:
    """The served checkpoint of "pets": three classes, 48×80 RGBA."""
    config: dict[str, Any] = {
        "shape": (48, 80, 4),
        "classes": ("dog", "tabby", "white"),
        "conditional": True,
    }
    return register(database, store_checkpoint(ObjectStore(settings), "pets", **config))


def coloured(data: bytes) -> list[np.ndarray]:
    image = Image.open(io.BytesIO(data))
    frames = []
    for number in range(image.n_frames):  # type: ignore[attr-defined]
        image.seek(number)
        assert image.mode == "RGBA"
        frames.append(np.asarray(image))
    return frames


def pet(client: TestClient, seed: int, kind: str) -> np.ndarray:
    answer = client.get(f"/v1/models/pets/images/{seed}.png", params={"class": kind})
    return np.asarray(Image.open(io.BytesIO(answer.content)))


def test_a_morph_stays_in_the_requested_class(
    client: TestClient, pets: GeneratorCheckpoint
) -> None:
    body = {"keyframes": TWO, "frames": 5, "class": "white"}
    posted = client.post(URL, json=body)
    morph = coloured(posted.content)
    assert morph[0].shape == (48, 80, 4)
    assert np.array_equal(morph[0], pet(client, 7, "white"))
    assert np.array_equal(morph[-1], pet(client, 42, "white"))
    by_url = client.get(f"{URL}/7-42.webp?frames=5&class=white")
    assert by_url.content == posted.content
    other = client.get(f"{URL}/7-42.webp?frames=5&class=dog")
    assert other.headers["etag"] != by_url.headers["etag"]
    with zipfile.ZipFile(
        io.BytesIO(client.post(URL, json=body | {"format": "zip"}).content)
    ) as archive:
        frame = Image.open(io.BytesIO(archive.read("0002.png")))
    assert np.array_equal(np.asarray(frame), morph[2])
    assert json.loads(frame.info["moggy"])["class"] == "white"


def test_without_a_class_a_morph_has_the_class_of_its_first_keyframe(
    client: TestClient, pets: GeneratorCheckpoint
) -> None:
    drawn = [pets.classes[class_from_seed(seed, 3)] for seed in range(20)]
    last = next(seed for seed in range(20) if drawn[seed] != drawn[0])
    morph = coloured(client.get(f"{URL}/0-{last}.webp?frames=3").content)
    assert np.array_equal(morph[0], pet(client, 0, drawn[0]))
    assert np.array_equal(morph[-1], pet(client, last, drawn[0]))
    listed = client.post(
        URL, json={"keyframes": [{"seed": 0}, {"seed": last}], "frames": 3, "format": "json"}
    )
    assert listed.json()["class"] == drawn[0]


def test_a_morph_from_a_latent_needs_a_class(client: TestClient, pets: GeneratorCheckpoint) -> None:
    keyframes = [{"mix": [{"seed": 1, "weight": 1}]}, {"seed": 2}]
    refused = client.post(URL, json={"keyframes": keyframes, "frames": 3})
    assert (refused.status_code, refused.json()["field"]) == (422, "class")
    assert "give class, one of dog, tabby, white" in refused.json()["detail"]
    answer = client.post(URL, json={"keyframes": keyframes, "frames": 3, "class": "dog"})
    assert np.array_equal(coloured(answer.content)[0], pet(client, 1, "dog"))
