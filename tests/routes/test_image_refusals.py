"""Requests for images with odd numbers, latents and strings are refused."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from api import Api
from fastapi.testclient import TestClient

from app.domain.store import ObjectStore
from app.main import create_app
from benchmarks.harness.random_models import register, store_checkpoint
from models.config import MAX_SEED


@pytest.fixture(scope="module")
def client(shared_api: Api) -> TestClient:
    """One API for all tests, with the model "cats": random weights, 64×64 RGB, 100 values to a
    latent."""
    register(shared_api.database, store_checkpoint(ObjectStore(shared_api.settings)))
    return shared_api.client


@pytest.fixture
def small_client(shared_api: Api, client: TestClient) -> Iterator[TestClient]:
    """The same service with low limits."""
    small = shared_api.settings.model_copy(
        update={"max_images_per_request": 5, "max_response_pixels": 4 * 64 * 64}
    )
    with TestClient(create_app(small), base_url="http://127.0.0.1:8000") as limited:
        yield limited


def ask(client: TestClient, **body: Any) -> Any:
    # json.dumps, because the client's own encoder refuses NaN.
    return client.post(
        "/v1/models/cats/images",
        content=json.dumps(body),
        headers={"Content-Type": "application/json"},
    )


@pytest.mark.parametrize(
    ("file", "field", "detail"),
    [
        ("7.png?scale=2&scale=2", "scale", "'scale' is given more than once"),
        ("7.png?scale=nan", "scale", "not a whole number"),
        (f"7.png?scale={'9' * 5000}", "scale", "is too large"),
        (f"{'9' * 5000}.png", "seed", "is too large"),
        ("7.png?class=%00", "class", "so it has no class '\\x00'"),
        (f"7.png?checkpoint={'c' * 65}", "checkpoint", "the maximum length is 64"),
        ("7.png?%00=1", "\x00", "'\\x00' is not known here"),
    ],
)
def test_an_odd_url_is_refused_with_the_field_and_the_limit(
    client: TestClient, file: str, field: str, detail: str
) -> None:
    answer = client.get(f"/v1/models/cats/images/{file}")
    assert (answer.status_code, answer.json()["field"]) == (422, field)
    assert detail in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "field", "detail"),
    [
        ({"count": float("nan")}, "count", "not a whole number"),
        ({"count": float("inf")}, "count", "not a whole number"),
        ({"count": 1.5}, "count", "not a whole number"),
        ({"count": True}, "count", "not a whole number"),
        ({"count": 1, "seed": 10**400}, "seed", f"the maximum is {MAX_SEED}"),
        ({"seeds": [10**400]}, "seeds.0", f"the maximum is {MAX_SEED}"),
        ({"latents": [[0.0] * 1025]}, "latents.0", "the maximum number of items is 1024"),
        ({"latents": [[0.0] * 100, [0.0]]}, "latents.1", "1 values; this model's latents have 100"),
        ({"latents": [[10**400] * 100]}, "latents.0.0", "is too large"),
        ({"latents": [[]]}, "latents.0", "the minimum number of items is 1"),
    ],
)
def test_an_odd_number_is_refused_with_the_field_and_the_limit(
    client: TestClient, body: dict[str, Any], field: str, detail: str
) -> None:
    answer = ask(client, **body)
    assert (answer.status_code, answer.json()["field"]) == (422, field)
    assert detail in answer.json()["detail"]


def test_a_whole_float_is_accepted_as_an_integer(client: TestClient) -> None:
    pointed = ask(client, seeds=[7.0], scale=2.0, format="png")
    assert pointed.content == ask(client, seeds=[7], scale=2, format="png").content


@pytest.mark.parametrize(
    ("file", "status", "detail"),
    [
        ("-1.png", 422, "seed: '-1' is too small: the minimum is 0"),
        (f"{MAX_SEED + 1}.png", 422, f"the maximum is {MAX_SEED}"),
        ("cat.png", 422, "seed: 'cat' is not a whole number"),
        ("7.5.png", 422, "seed: '7.5' is not a whole number"),
        ("7.bmp", 422, "format: 'bmp' is not one of png, webp, jpg, avif"),
        ("7.png?class=white", 422, "model 'cats' is not conditional, so it has no class 'white'"),
        (
            "7.png?psi=0.5",
            422,
            "'psi' is not known here; known are: "
            "checkpoint, class, edit, resample, scale, truncation",
        ),
        ("7.png?scale=9", 422, "scale: '9' is too large: the maximum is 8"),
        ("7.png?scale=2&resample=cubic", 422, "resample: 'cubic' is not one of lanczos, nearest"),
        ("7.json?scale=2", 422, "scale 2 does not apply to json"),
        ("7.png?checkpoint=", 422, "checkpoint: '' is too short: the minimum length is 1"),
        ("7.png?checkpoint=nothing", 404, "model 'cats' has no checkpoint 'nothing'"),
    ],
)
def test_a_bad_url_is_refused_with_the_reason(
    client: TestClient, file: str, status: int, detail: str
) -> None:
    answer = client.get(f"/v1/models/cats/images/{file}")
    assert (answer.status_code, answer.headers["content-type"]) == (
        status,
        "application/problem+json",
    )
    assert detail in answer.json()["detail"]


def test_an_unknown_model_is_named(client: TestClient) -> None:
    answer = client.get("/v1/models/dogs/images/7.png")
    assert (answer.status_code, answer.json()["detail"]) == (404, "there is no model 'dogs'")
    posted = client.post("/v1/models/dogs/images", json={"count": 1})
    assert posted.status_code == 404


@pytest.mark.parametrize(
    ("body", "field", "detail"),
    [
        ({}, None, "exactly one of seeds, count, latents: none given"),
        ({"seeds": [1], "count": 2}, None, "seeds and count given"),
        ({"seed": 7}, None, "none given"),
        ({"seeds": [7], "seed": 7}, "seed", "seed is the first seed of count"),
        ({"seeds": []}, "seeds", "the minimum number of items is 1"),
        ({"seeds": [-1]}, "seeds.0", "the minimum is 0"),
        ({"seeds": [1, MAX_SEED + 1]}, "seeds.1", f"the maximum is {MAX_SEED}"),
        ({"seeds": ["7"]}, "seeds.0", "not a whole number"),
        ({"count": 0}, "count", "the minimum is 1"),
        (
            {"count": 10001},
            "count",
            "10001 images are requested; the limit for one request is 10000",
        ),
        ({"count": 10**30}, "count", "the limit for one request is 10000"),
        ({"count": 2, "seed": MAX_SEED}, "count", f"beyond {MAX_SEED}"),
        ({"count": 2, "format": "png"}, "format", "holds one image, and 2 are requested"),
        (
            {"count": 1, "format": "bmp"},
            "format",
            "one of png, webp, jpg, avif, grid, contact, sprites, zip, multipart, json",
        ),
        ({"latents": [[0.0] * 99]}, "latents.0", "99 values; this model's latents have 100"),
        ({"latents": [[float("nan")] * 100]}, "latents.0.0", "finite number"),
        ({"latents": [[1e400] * 100]}, "latents.0.0", "finite number"),
        ({"latents": [[-1001] * 100]}, "latents.0.0", "the minimum is -1000"),
        ({"count": 1, "psi": 0.7}, "psi", "there is no such field"),
        ({"count": 1, "class": "white"}, "class", "leave class out"),
        ({"count": 1, "class": 1}, "class", "not text"),
        ({"count": 1, "class_name": "white"}, "class_name", "there is no such field"),
        ({"count": 1, "scale": 0}, "scale", "the minimum is 1"),
        ({"count": 1, "scale": 2, "format": "json"}, "scale", "scale 2 does not apply to json"),
        ({"count": 300, "scale": 8}, "count", "the limit for one response is 67108864"),
        ({"count": 1, "checkpoint": ""}, "checkpoint", "the minimum length is 1"),
    ],
)
def test_a_bad_request_is_refused_with_the_field_and_the_limit(
    client: TestClient, body: dict[str, Any], field: str, detail: str
) -> None:
    answer = ask(client, **body)
    problem = answer.json()
    assert answer.status_code == 422, problem
    assert detail in str(problem)
    assert problem.get("field") == field


def test_limits_are_settings(small_client: TestClient) -> None:
    too_many = ask(small_client, count=6).json()
    assert too_many["detail"].endswith(
        "the limit for one request is 5 (MOGGY_MAX_IMAGES_PER_REQUEST)"
    )
    too_large = ask(small_client, count=5).json()
    assert (
        "5 images of 64×64 are 20480 pixels; the limit for one response is 16384"
        in too_large["detail"]
    )
    assert ask(small_client, count=4).status_code == 200
