"""Blends: the images between two to four corners, and the sheet of all of them."""

import io
import json
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from app.domain.database import Database
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.serving.blends import blend_samples, corner_weights, sheet_places
from benchmarks.harness.random_models import register, store_checkpoint
from models.latents import slerp
from models.samples import Sample
from models.seeds import latent_from_seed

URL = "/v1/models/cats/blend"
FOUR = [{"seed": seed} for seed in (7, 42, 3, 9)]

pytestmark = pytest.mark.usefixtures("model")


@pytest.fixture
def model(settings: Settings, database: Database) -> GeneratorCheckpoint:
    return register(database, store_checkpoint(ObjectStore(settings)))


def ask(client: TestClient, **body: Any) -> Any:
    return client.post(URL, json=body)


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


@pytest.mark.parametrize(("x", "y", "seed"), [(0, 0, 7), (1, 0, 42), (0, 1, 3), (1, 1, 9)])
def test_at_a_corner_the_image_is_the_corners_own_file(
    client: TestClient, x: int, y: int, seed: int
) -> None:
    answer = ask(client, corners=FOUR, x=x, y=y)
    assert answer.headers["content-type"] == "image/png"
    assert answer.content == client.get(f"/v1/models/cats/images/{seed}.png").content


def test_an_image_inside_tells_its_latent_and_its_passport(client: TestClient) -> None:
    body = {"corners": FOUR, "x": 0.25, "y": 0.5}
    described = ask(client, **body, format="json").json()
    assert described["nearest_absent"]  # this model has no training pictures
    again = {"latents": [described["latent"]], "format": "webp"}
    blended = ask(client, **body, format="webp")
    assert blended.headers["content-type"] == "image/webp"
    assert blended.content == client.post("/v1/models/cats/images", json=again).content


def test_the_middle_of_a_line_is_the_middle_of_the_great_circle(client: TestClient) -> None:
    a, b = (latent_from_seed(seed, 100) for seed in (7, 42))
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    corners = [{"latent": a.tolist()}, {"mix": [{"latent": b.tolist(), "weight": 2}]}]
    described = ask(client, corners=corners, x=0.5, format="json").json()
    np.testing.assert_allclose(described["latent"], slerp(a, b, 0.5), atol=1e-6)


def test_a_sheet_shows_the_corners_at_its_corners_and_can_be_verified(client: TestClient) -> None:
    data = ask(client, corners=FOUR, sheet=3, scale=2).content
    sheet = pixels(data)
    assert sheet.shape == (384, 384, 3)
    for (row, column), corner in zip(((0, 0), (0, 2), (2, 0), (2, 2)), FOUR, strict=True):
        own = client.get(f"/v1/models/cats/images/{corner['seed']}.png?scale=2").content
        top, left = 128 * row, 128 * column
        assert np.array_equal(sheet[top : top + 128, left : left + 128], pixels(own))
    verdict = client.post("/v1/recipes/verify", content=data).json()
    assert verdict["match"]


def test_the_sheet_of_a_line_is_one_row(client: TestClient) -> None:
    assert pixels(ask(client, corners=FOUR[:2], sheet=4).content).shape == (64, 256, 3)


def test_with_three_corners_the_third_is_the_bottom_edge() -> None:
    corners = [Sample(seed, label=1) for seed in (7, 42, 3)]
    samples = blend_samples(corners, sheet_places(3, 3), 100, truncation=0.7)
    assert [samples[index].point for index in (0, 2, 6, 7, 8)] == [7, 42, 3, 3, 3]
    assert not isinstance(samples[4].point, int)
    assert {(sample.label, sample.truncation) for sample in samples} == {(1, 0.7)}


@pytest.mark.parametrize("corners", [2, 3, 4])
def test_the_weights_of_the_corners_add_up_to_1(corners: int) -> None:
    for x, y in sheet_places(corners, 5):
        weights = corner_weights(corners, x, y)
        assert len(weights) == corners
        assert min(weights) >= 0
        assert sum(weights) == pytest.approx(1)


@pytest.mark.parametrize(
    ("body", "field", "detail"),
    [
        ({"corners": FOUR}, "x", "give x, from 0 to 1, or sheet"),
        ({"corners": FOUR, "x": 0.5}, "y", "give y"),
        ({"corners": FOUR[:2], "x": 0.5, "y": 0.5}, "y", "leave y out"),
        ({"corners": FOUR, "x": 1.5, "y": 0}, "x", "maximum is 1"),
        ({"corners": FOUR, "x": 0.5, "sheet": 3}, "sheet", "leave out either"),
        ({"corners": FOUR, "sheet": 33}, "sheet", "maximum is 32"),
        ({"corners": FOUR, "sheet": 3, "format": "webp"}, "format", "a sheet is a png"),
        ({"corners": FOUR[:1], "x": 0}, "corners", "the minimum number of items is 2"),
        ({"corners": [*FOUR, *FOUR], "sheet": 3}, "corners", "the maximum number of items is 4"),
        ({"corners": [{"latent": [1]}, {"seed": 1}], "x": 0}, "corners.0.latent", "100"),
        (
            {"corners": [{"seed": 1}, {"mix": [{"seed": 1, "weight": -1}]}], "x": 0.5},
            "corners",
            "cancel each other out",
        ),
    ],
)
def test_an_impossible_blend_is_refused_with_the_field(
    client: TestClient, body: dict[str, Any], field: str, detail: str
) -> None:
    answer = ask(client, **body)
    assert answer.status_code == 422, json.dumps(answer.json())
    assert (answer.json()["field"], detail in answer.json()["detail"]) == (field, True), (
        answer.json()
    )
