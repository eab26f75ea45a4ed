"""Images of a conditional model: the requested class, or the one that the seed draws."""

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
from models.seeds import class_from_seed, latent_from_seed


@pytest.fixture
def conditional(settings: Settings, database: Database) -> GeneratorCheckpoint:
    """The served checkpoint of "pets", which knows three classes."""
    classes = ("köpek", "tabby", "white cat")
    config: dict[str, Any] = {"classes": classes, "conditional": True}
    return register(database, store_checkpoint(ObjectStore(settings), "pets", **config))


def test_a_seed_is_another_image_in_each_class(
    client: TestClient, conditional: GeneratorCheckpoint
) -> None:
    url = "/v1/models/pets/images/7"
    answers = {
        name: client.get(f"{url}.png", params={"class": name}) for name in conditional.classes
    }
    assert len({answer.content for answer in answers.values()}) == 3
    assert len({answer.headers["etag"] for answer in answers.values()}) == 3
    for name, answer in answers.items():
        recipe = client.get(f"{url}.json", params={"class": name}).json()
        assert (recipe["seed"], recipe["class"]) == (7, name)
        embedded = json.loads(Image.open(io.BytesIO(answer.content)).info["moggy"])
        assert recipe | embedded == recipe  # the recipe has a passport beside it


def test_without_a_class_the_seed_draws_it_and_both_urls_are_one_file(
    client: TestClient, conditional: GeneratorCheckpoint
) -> None:
    drawn = conditional.classes[class_from_seed(7, 3)]
    url = "/v1/models/pets/images/7.png"
    alone, named = client.get(url), client.get(url, params={"class": drawn})
    assert alone.content == named.content
    assert alone.headers["etag"] == named.headers["etag"]
    not_modified = client.get(
        url, params={"class": drawn}, headers={"If-None-Match": named.headers["etag"]}
    )
    assert not_modified.status_code == 304


def test_a_batch_has_the_requested_class_or_one_drawn_by_each_seed(
    client: TestClient, conditional: GeneratorCheckpoint
) -> None:
    url = "/v1/models/pets/images"
    singles = [client.get(f"{url}/{seed}.png").content for seed in range(12)]
    body = {"count": 12, "format": "zip"}
    with zipfile.ZipFile(io.BytesIO(client.post(url, json=body).content)) as archive:
        assert [archive.read(name) for name in archive.namelist()] == singles
    grid = Image.open(io.BytesIO(client.post(url, json={"count": 12}).content))
    recipe = json.loads(grid.info["moggy"])
    drawn = [conditional.classes[class_from_seed(seed, 3)] for seed in range(12)]
    assert recipe["class"] is None
    assert recipe["images"] == [{"seed": seed, "class": name} for seed, name in enumerate(drawn)]
    tabbies = client.post(url, json={"count": 12, "class": "tabby"})
    assert json.loads(Image.open(io.BytesIO(tabbies.content)).info["moggy"])["class"] == "tabby"
    first = client.get(f"{url}/0.png", params={"class": "tabby"}).content
    assert np.array_equal(pixels(tabbies.content)[:64, :64], pixels(first))


def test_a_latent_needs_a_class(client: TestClient, conditional: GeneratorCheckpoint) -> None:
    url, latent = "/v1/models/pets/images", latent_from_seed(7, 100).tolist()
    refused = client.post(url, json={"latents": [latent], "format": "png"})
    assert refused.status_code == 422
    assert refused.json()["field"] == "class"
    assert "give class, one of köpek, tabby, white cat" in refused.json()["detail"]
    answer = client.post(url, json={"latents": [latent], "format": "png", "class": "tabby"})
    single = client.get(f"{url}/7.png", params={"class": "tabby"})
    assert np.array_equal(pixels(answer.content), pixels(single.content))


def test_an_unknown_class_is_refused_with_the_existing_ones(
    client: TestClient, conditional: GeneratorCheckpoint
) -> None:
    detail = "model 'pets' has no class 'dog': it has köpek, tabby, white cat"
    url = "/v1/models/pets/images"
    for answer in (
        client.get(f"{url}/7.png", params={"class": "dog"}),
        client.post(url, json={"count": 1, "class": "dog"}),
    ):
        assert answer.status_code == 422
        assert (answer.json()["detail"], answer.json()["field"]) == (detail, "class")


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
