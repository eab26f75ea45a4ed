"""Recipes written to exhaust memory are refused at their first error."""

import tracemalloc
from typing import Any

import pytest

from app.domain.errors import InvalidRequest, LimitExceeded
from app.domain.settings import Settings
from app.serving.verification import Verification
from models.onnx_generator import backend

SUBJECT = {
    "model": "cats",
    "checkpoint": "c1",
    "sha256": "0" * 64,
    "images_seen": 1000,
    "backend": backend(),
    "class": None,
}
MORPH = {"frames": 5, "method": "slerp", "easing": "linear", "loop": False, "fps": 20}
BEND = {"segment": 0, "position": 0.5, "offset": [0.5]}
MIB = 1024**2


@pytest.mark.parametrize(
    ("recipe", "error", "message"),
    [
        ({"columns": 1, "images": [{}] * 200_000}, LimitExceeded, "has 200000 images"),
        ({"columns": 1, "images": [{}] * 10_000}, InvalidRequest, "images.0: there is not exactly"),
        (MORPH | {"keyframes": [{}] * 200_000}, InvalidRequest, "keyframes.0: there is not"),
        (
            MORPH | {"keyframes": [{"seed": 1}] * 65},
            InvalidRequest,
            "items is 64",
        ),
        (dict.fromkeys(map(str, range(200_000))), InvalidRequest, "there are 2000.. fields"),
        (
            {"columns": 1, "images": [dict.fromkeys(map(str, range(200_000)))]},
            InvalidRequest,
            "images.0: there are 200000 fields",
        ),
        (
            MORPH | {"keyframes": [{"seed": 1}] * 2, "bends": [BEND | {"segment": 1}]},
            InvalidRequest,
            "did not write this recipe: a bend is beyond the last segment",
        ),
        (
            MORPH | {"keyframes": [{"seed": 1}] * 2, "bends": [BEND, BEND]},
            InvalidRequest,
            "did not write this recipe: a segment has two bends",
        ),
        ({"latent": ["x"] * 200_000}, InvalidRequest, "latent.0: 'x' is not a number"),
    ],
)
def test_a_recipe_with_many_errors_is_refused_at_the_first_in_little_memory(
    recipe: dict[str, Any], error: type[Exception], message: str
) -> None:
    recipe = SUBJECT | recipe
    tracemalloc.start()
    try:
        with pytest.raises(error, match=message):
            Verification(recipe, "png", Settings())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MIB
