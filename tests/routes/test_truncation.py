"""Truncated images and morphs: latents scaled by a factor."""

import io
import json
from typing import Any

import numpy as np
import pytest
from api import Api
from fastapi.testclient import TestClient
from PIL import Image, ImageSequence

from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.store import ObjectStore
from app.serving.latents import vector_of
from benchmarks.harness.random_models import register, store_checkpoint

IMAGES = "/v1/models/cats/images"
MORPHS = "/v1/models/cats/interpolations"


@pytest.fixture(scope="module")
def model(shared_api: Api) -> GeneratorCheckpoint:
    """The served checkpoint of the model "cats": random weights, 64×64 RGB."""
    return register(shared_api.database, store_checkpoint(ObjectStore(shared_api.settings)))


@pytest.fixture(scope="module")
def client(shared_api: Api, model: GeneratorCheckpoint) -> TestClient:
    """One API for all tests, with the model."""
    return shared_api.client


def ask(client: TestClient, url: str = IMAGES, **body: Any) -> Any:
    # json.dumps, because the client's own encoder refuses NaN.
    headers = {"Content-Type": "application/json"}
    return client.post(url, content=json.dumps(body), headers=headers)


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def recipe(data: bytes) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(Image.open(io.BytesIO(data)).info["moggy"])
    return read


def test_a_truncated_image_is_the_image_of_its_scaled_latent(client: TestClient) -> None:
    truncated = client.get(f"{IMAGES}/7.png?truncation=0.5")
    scaled = (vector_of(7, 100) * np.float32(0.5)).tolist()
    assert np.array_equal(
        pixels(truncated.content),
        pixels(ask(client, latents=[scaled], format="png").content),
    )
    assert ask(client, seeds=[7], truncation=0.5, format="png").content == truncated.content
    assert recipe(truncated.content)["truncation"] == 0.5


def test_a_truncation_of_1_is_the_same_file_as_none(client: TestClient) -> None:
    plain = client.get(f"{IMAGES}/7.png")
    whole = client.get(f"{IMAGES}/7.png?truncation=1.0")
    assert (whole.content, whole.headers) == (plain.content, plain.headers)
    assert "truncation" not in recipe(plain.content)
    assert client.get(f"{IMAGES}/7.png?truncation=0.5").headers["etag"] != plain.headers["etag"]


def test_the_address_of_a_random_image_has_its_truncation(client: TestClient) -> None:
    random = client.get("/v1/models/cats/random.webp?truncation=0.25&scale=2")
    assert "truncation=0.25" in random.headers["content-location"]
    assert client.get(random.headers["content-location"]).content == random.content


def test_json_names_the_truncation(client: TestClient) -> None:
    single = client.get(f"{IMAGES}/7.json?truncation=0.5").json()
    (listed,) = ask(client, seeds=[7], truncation=0.5, format="json").json()["items"]
    assert listed == {name: single[name] for name in listed}
    assert listed["truncation"] == 0.5


def test_latents_in_a_request_are_truncated_too(client: TestClient) -> None:
    latent = vector_of(7, 100).tolist()
    grid = ask(client, latents=[latent] * 2, truncation=0.5, format="grid", columns=1).content
    single = pixels(client.get(f"{IMAGES}/7.png?truncation=0.5").content)
    assert np.array_equal(pixels(grid), np.concatenate([single] * 2))
    assert recipe(grid)["truncation"] == 0.5
    assert "truncation" not in str(recipe(grid)["images"])


@pytest.mark.parametrize("easing", ["linear", "even"])
def test_a_truncated_morph_begins_and_ends_with_truncated_images(
    client: TestClient, easing: str
) -> None:
    query = f"frames=3&easing={easing}&truncation=0.5"
    data = client.get(f"{MORPHS}/7-9.webp?{query}").content
    frames = [
        np.asarray(frame.convert("RGB"))
        for frame in ImageSequence.Iterator(Image.open(io.BytesIO(data)))
    ]
    for seed, frame in ((7, frames[0]), (9, frames[-1])):
        single = client.get(f"{IMAGES}/{seed}.png?truncation=0.5").content
        assert np.array_equal(frame, pixels(single))


def test_the_latents_of_a_morph_are_listed_as_the_generator_takes_them(client: TestClient) -> None:
    body = {"keyframes": [{"seed": 7}, {"seed": 9}], "frames": 3, "truncation": 0.5}
    morph = ask(client, MORPHS, **body, format="json").json()
    assert morph["truncation"] == 0.5
    assert np.allclose(morph["latents"][0], vector_of(7, 100) * 0.5)
    strip = ask(client, MORPHS, **body, format="strip").content
    again = ask(client, latents=morph["latents"], format="grid", columns=3).content
    assert np.array_equal(pixels(strip), pixels(again))


@pytest.mark.parametrize("value", [0, -0.5, 1.5, float("nan"), float("inf"), "0.5", True, None])
def test_a_truncation_out_of_range_is_refused_with_the_field_the_value_and_the_range(
    client: TestClient, value: object
) -> None:
    allowed = "is not a number above 0 and at most 1"
    keyframes = [{"seed": 7}, {"seed": 9}]
    for answer in (
        ask(client, count=1, truncation=value),
        ask(client, MORPHS, keyframes=keyframes, truncation=value),
    ):
        problem = answer.json()
        assert (answer.status_code, problem["field"]) == (422, "truncation")
        shown = {True: "true", None: "null"}.get(value, repr(value))  # type: ignore[call-overload]
        assert problem["detail"] == f"truncation: {shown} {allowed}"


@pytest.mark.parametrize("value", ["0", "-1", "1.01", "nan", "inf", "half", ""])
@pytest.mark.parametrize("file", ["images/7.png", "images/7.json", "interpolations/7-9.webp"])
def test_a_truncation_out_of_range_in_an_address_is_refused(
    client: TestClient, file: str, value: str
) -> None:
    answer = client.get(f"/v1/models/cats/{file}?truncation={value}")
    expected = f"truncation: {value!r} is not a number above 0 and at most 1"
    assert (answer.status_code, answer.json()["detail"]) == (422, expected)


def test_the_openapi_document_has_the_range(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    allowed = {"exclusiveMinimum": 0.0, "maximum": 1.0, "default": 1.0}
    field = document["components"]["schemas"]["ImagesRequest"]["properties"]["truncation"]
    assert allowed.items() <= field.items()
    for path in ("images/{seed}.{format}", "interpolations/{keyframes}.{format}"):
        parameters = document["paths"][f"/v1/models/{{name}}/{path}"]["get"]["parameters"]
        (parameter,) = (item for item in parameters if item["name"] == "truncation")
        assert allowed.items() <= parameter["schema"].items()
