"""Invalid morphs are refused with the field and the limit."""

import json
from typing import Any

import pytest
from api import Api
from fastapi.testclient import TestClient

from app.domain.store import ObjectStore
from app.main import create_app
from benchmarks.harness.random_models import register, store_checkpoint

URL = "/v1/models/cats/interpolations"
TWO = [{"seed": 7}, {"seed": 42}]


@pytest.fixture(scope="module")
def client(shared_api: Api) -> TestClient:
    """One API for all tests, with the model "cats": random weights, 64×64 RGB."""
    register(shared_api.database, store_checkpoint(ObjectStore(shared_api.settings)))
    return shared_api.client


def ask(client: TestClient, **body: Any) -> Any:
    """Post a body, which may hold numbers such as NaN that JSON lacks."""
    headers = {"Content-Type": "application/json"}
    return client.post(URL, content=json.dumps(body), headers=headers)


@pytest.mark.parametrize(
    ("body", "field", "detail"),
    [
        ({}, "keyframes", "it is missing"),
        ({"keyframes": TWO[:1]}, "keyframes", "the minimum number of items is 2"),
        ({"keyframes": TWO * 33, "frames": 600}, "keyframes", "the maximum number of items is 64"),
        ({"keyframes": TWO * 5, "frames": 3}, "frames", "frames 3 is less than the 10 keyframes"),
        ({"keyframes": TWO, "frames": 1}, "frames", "the minimum is 2"),
        ({"keyframes": TWO, "frames": 10**6}, "frames", "beyond the limit of 600"),
        ({"keyframes": TWO, "frames": 10**400}, "frames", "beyond the limit of 600"),
        ({"keyframes": TWO, "frames": float("nan")}, "frames", "not a whole number"),
        ({"keyframes": TWO, "frames": -1}, "frames", "the minimum is 2"),
        ({"keyframes": TWO, "fps": float("inf")}, "fps", "the maximum is 60"),
        ({"keyframes": TWO, "fps": 10**400}, "fps", "is too large"),
        ({"keyframes": TWO, "frames": 60.5}, "frames", "not a whole number"),
        ({"keyframes": TWO, "fps": 0}, "fps", "the minimum is 1"),
        ({"keyframes": TWO, "fps": 61}, "fps", "the maximum is 60"),
        ({"keyframes": TWO, "fps": float("nan")}, "fps", "not a finite number"),
        ({"keyframes": TWO, "fps": 60, "format": "gif"}, "fps", "at most 50"),
        ({"keyframes": TWO, "method": "cubic"}, "method", "slerp, lerp"),
        ({"keyframes": TWO, "easing": "bounce"}, "easing", "linear, smooth, even"),
        (
            {"keyframes": TWO, "format": "avi"},
            "format",
            "webp, gif, apng, mp4, strip, sprites, zip, multipart, json",
        ),
        ({"keyframes": TWO, "loop": "yes"}, "loop", "not true or false"),
        ({"keyframes": TWO, "class": "white"}, "class", "leave class out"),
        ({"keyframes": TWO, "speed": 2}, "speed", "there is no such field"),
        ({"keyframes": [{"seed": 7}, {}]}, "keyframes.1", "exactly one of seed, latent, mix"),
        ({"keyframes": [{"seed": 7}, {"seed": -1}]}, "keyframes.1.seed", "the minimum is 0"),
        (
            {"keyframes": [{"seed": 7}, {"projections": "p1"}]},
            "keyframes.1.projections",
            "there is no such field",
        ),
        (
            {"keyframes": [{"seed": 7}, {"latent": [0.5]}]},
            "keyframes.1.latent",
            "has 1 values; this model's latents have 100",
        ),
        (
            {"keyframes": [{"seed": 7}, {"latent": [float("inf")] * 100}]},
            "keyframes.1.latent.0",
            "finite number",
        ),
        (
            {"keyframes": [{"seed": 7}, {"mix": [{"latent": [0.5], "weight": 1}]}]},
            "keyframes.1.mix.0.latent",
            "has 1 values; this model's latents have 100",
        ),
        (
            {"keyframes": [{"seed": 7}, {"mix": [{"seed": 1, "weight": float("nan")}]}]},
            "keyframes.1.mix.0.weight",
            "finite number",
        ),
        (
            {"keyframes": [{"seed": 7}, {"mix": [{"seed": 1, "weight": 0}]}]},
            "keyframes.1.mix",
            "every weight of keyframes.1.mix is 0",
        ),
    ],
)
def test_a_bad_request_is_refused_with_the_field_and_the_limit(
    client: TestClient, body: dict[str, Any], field: str, detail: str
) -> None:
    answer = ask(client, **body)
    problem = answer.json()
    assert answer.status_code == 422, problem
    assert detail in str(problem)
    assert problem["field"] == field


@pytest.mark.parametrize(
    ("file", "status", "detail"),
    [
        ("7-42.avi", 422, "format: 'avi' is not one of webp, gif, mp4, png"),
        ("7-cat.webp", 422, "keyframes: '7-cat' has 1 keyframes"),
        ("-7-42.webp", 422, "keyframes: '-7-42' has 1 keyframes"),
        ("7-42.webp?frames=601", 422, "frames 601 is beyond the limit of 600"),
        ("7-42.webp?frames=1", 422, "frames: '1' is too small: the minimum is 2"),
        ("7-42.webp?fps=nan", 422, "fps: 'nan' is not a finite number"),
        ("7-42.webp?fps=1e400", 422, "fps: '1e400' is not a finite number"),
        ("7-42.webp?frames=1000000", 422, "frames 1000000 is beyond the limit of 600"),
        ("7-42.webp?frames=9&frames=9", 422, "'frames' is given more than once"),
        ("7-42.webp?loop=perhaps", 422, "loop: 'perhaps' is not true or false"),
        ("7-42.gif?fps=60", 422, "at most 50"),
        ("7-42.webp?class=white", 422, "is not conditional, so it has no class 'white'"),
        ("7-42.webp?speed=2", 422, "'speed' is not known here"),
        ("7-42.webp?checkpoint=nothing", 404, "has no checkpoint 'nothing'"),
        ("7.webp", 422, "'7' has 1 keyframes: give 2 to 64 seeds or names"),
    ],
)
def test_a_bad_url_is_refused_with_the_reason(
    client: TestClient, file: str, status: int, detail: str
) -> None:
    answer = client.get(f"{URL}/{file}")
    assert answer.status_code == status, answer.text
    assert detail in answer.json()["detail"]


def test_limits_are_settings(client: TestClient, shared_api: Api) -> None:
    limits = {"max_frames": 30, "max_response_pixels": 10 * 64 * 64}
    small = shared_api.settings.model_copy(update=limits)
    with TestClient(create_app(small), base_url="http://127.0.0.1:8000") as limited:
        too_many = ask(limited, keyframes=TWO, frames=31).json()
        too_large = ask(limited, keyframes=TWO, frames=11).json()
        assert ask(limited, keyframes=TWO, frames=10).status_code == 200
    assert too_many["detail"] == "frames 31 is beyond the limit of 30 (MOGGY_MAX_FRAMES)"
    assert "the limit for one response is 40960 (MOGGY_MAX_RESPONSE_PIXELS)" in too_large["detail"]
