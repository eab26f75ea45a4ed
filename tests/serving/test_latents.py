"""Latents as clients write them."""

from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from app.domain.errors import InvalidRequest
from app.serving.latent_library import LatentLibrary, SavedLatent
from app.serving.latents import Keyframes, Latent, references, to_point, vector_of
from models.config import MAX_SEED
from models.samples import Point

DIM = 8


def vector(latent: dict[str, Any]) -> np.ndarray:
    return vector_of(to_point(Latent.model_validate(latent), DIM, "keyframes.0"), DIM)


@pytest.mark.parametrize(
    ("latent", "message"),
    [
        ({}, "exactly one of seed, latent, mix, name, projection"),
        ({"seed": 1, "latent": [0.0] * DIM}, "exactly one of seed, latent, mix, name, projection"),
        ({"seed": -1}, "greater than or equal to 0"),
        ({"seed": MAX_SEED + 1}, f"less than or equal to {MAX_SEED}"),
        ({"seed": 1.5}, "valid integer"),
        ({"seed": "1"}, "valid integer"),
        ({"seed": True}, "valid integer"),
        ({"latent": []}, "at least 1 item"),
        ({"latent": [float("nan")] * DIM}, "finite number"),
        ({"latent": [float("inf")] * DIM}, "finite number"),
        ({"latent": [1e39] * DIM}, "less than or equal to 1000"),
        ({"latent": ["1"] * DIM}, "valid number"),
        ({"latent": [0.0] * 1025}, "at most 1024 items"),
        ({"mix": []}, "at least 1 item"),
        ({"mix": [{"seed": 1}]}, "mix.0.weight\n  Field required"),
        ({"mix": [{"weight": 1}]}, "exactly one of seed, latent, mix, name, projection"),
        ({"mix": [{"seed": 1, "weight": 1}] * 65}, "at most 64 items"),
        ({"name": "white", "projection": "p1"}, "exactly one of"),
        ({"edits": {"white": 1}}, "exactly one of"),
        ({"name": "x" * 65}, "at most 64 characters"),
        ({"seed": 1, "edits": {"white": 10.1}}, "less than or equal to 10"),
        ({"seed": 1, "edits": {"white": "1"}}, "valid number"),
        ({"seed": 1, "edits": {str(n): 1 for n in range(17)}}, "17 edits, .* at most 16"),
    ],
)
def test_an_invalid_latent_is_refused_with_the_limit(latent: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Latent.model_validate(latent)


def test_a_latent_of_another_length_is_refused_with_both_lengths() -> None:
    with pytest.raises(InvalidRequest, match="has 3 values; this model's latents have 8") as error:
        vector({"mix": [{"seed": 1, "weight": 1}, {"latent": [0.0] * 3, "weight": 1}]})
    assert error.value.field == "keyframes.0.mix.1.latent"


def test_a_seed_is_returned_unchanged() -> None:
    assert to_point(Latent(seed=MAX_SEED), DIM, "latent") == MAX_SEED


def test_a_latent_is_its_values_in_float32() -> None:
    assert vector({"latent": [0.1] * DIM}).tolist() == [np.float32(0.1)] * DIM


def test_a_mix_of_one_latent_is_that_latent() -> None:
    mixed = vector({"mix": [{"seed": 7, "weight": 0.3}, {"seed": 8, "weight": 0}]})
    assert np.array_equal(mixed, vector_of(7, DIM))


def test_a_mix_of_two_in_equal_parts_is_half_way_and_no_shorter() -> None:
    ends = vector_of(7, DIM), vector_of(8, DIM)
    mixed = vector({"mix": [{"seed": 7, "weight": 2}, {"seed": 8, "weight": 2}]})
    lengths = [np.linalg.norm(end) for end in ends]
    assert np.linalg.norm(mixed) == pytest.approx(np.mean(lengths), rel=1e-6)
    straight = (ends[0] + ends[1]) / 2
    assert np.allclose(mixed / np.linalg.norm(mixed), straight / np.linalg.norm(straight))


def test_only_the_proportions_of_weights_count() -> None:
    small, large = (
        vector({"mix": [{"seed": 7, "weight": weight}, {"seed": 8, "weight": 3 * weight}]})
        for weight in (0.1, 50)
    )
    assert np.allclose(small, large)


@pytest.mark.parametrize(
    ("weights", "message"), [((0, 0), "every weight"), ((1, -1), "cancel each other out")]
)
def test_a_mix_without_a_direction_is_refused(weights: tuple[float, float], message: str) -> None:
    parts = [{"seed": 7, "weight": weight} for weight in weights]
    with pytest.raises(InvalidRequest, match=message):
        vector({"mix": parts})


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_the_parts_of_nested_mixes_are_counted_before_validation(depth: int) -> None:
    part: dict[str, Any] = {"seed": 1, "weight": 1}
    for _ in range(depth):
        part = {"mix": [part] * 64, "weight": 1}
    del part["weight"]
    keyframes = TypeAdapter(Keyframes)
    with pytest.raises(ValidationError) as refused:
        keyframes.validate_python([part] * 65)
    # The text of the exception itself would show all parts.
    (error,) = refused.value.errors(include_input=False)
    assert "more than 4096 parts in all" in error["msg"]
    if depth == 1:
        assert len(keyframes.validate_python([part] * 64)) == 64


def test_more_keyframes_than_parts_are_refused_as_keyframes() -> None:
    with pytest.raises(ValidationError, match="at most 64 items"):
        TypeAdapter(Keyframes).validate_python([{"seed": 1}] * 5000)


WHITE, AGE = np.eye(DIM, dtype=np.float32)[:2]
LIBRARY = LatentLibrary(
    latents={
        "tabby": SavedLatent(7, None),
        "white": SavedLatent(3 * WHITE, None),
        "long": SavedLatent(np.ones(16, np.float32), None),
    },
    directions={"white": WHITE, "age": AGE, "long": np.ones(16, np.float32)},
    projections={"p1": 2 * AGE},
)


def resolve(latent: dict[str, Any]) -> Point:
    return to_point(Latent.model_validate(latent), DIM, "latents.0", LIBRARY)


def test_references_are_collected_from_mixes_and_edits_with_their_paths() -> None:
    latent = Latent.model_validate(
        {
            "mix": [
                {"name": "white", "weight": 1, "edits": {"age": 2}},
                {"mix": [{"name": "tabby", "weight": 1}], "weight": -1},
                {"projection": "p1", "weight": 1},
            ],
            "edits": {"white": 1},
        }
    )
    found = references({"keyframes.0": latent, "keyframes.1": latent})
    assert found.names == {
        "white": "keyframes.0.mix.0.name",
        "tabby": "keyframes.0.mix.1.mix.0.name",
    }
    assert found.directions == {
        "white": "keyframes.0.edits.white",
        "age": "keyframes.0.mix.0.edits.age",
    }
    assert found.projections == {"p1": "keyframes.0.mix.2.projection"}
    assert not references({"keyframes.0": Latent(seed=7)})


def test_a_name_stands_for_its_seed_or_its_values() -> None:
    assert resolve({"name": "tabby"}) == 7
    assert np.array_equal(resolve({"name": "white"}), 3 * WHITE)
    assert np.array_equal(resolve({"projection": "p1"}), 2 * AGE)
    assert resolve({"name": "tabby", "edits": {"white": 0}}) == 7


def test_an_edit_moves_the_latent_along_the_direction_on_its_shell() -> None:
    edited = resolve({"seed": 7, "edits": {"white": 1.5, "age": -2}})
    start = vector_of(7, DIM)
    moved = start + 1.5 * WHITE - 2 * AGE
    length = np.linalg.norm(start)
    assert np.allclose(edited, moved * length / np.linalg.norm(moved), atol=1e-6)
    again = resolve({"name": "tabby", "edits": {"age": -2, "white": 1.5}})
    assert np.array_equal(edited, again)


@pytest.mark.parametrize(
    ("latent", "field", "message"),
    [
        ({"name": "long"}, "latents.0.name", "has 16 values, and this .* have 8"),
        (
            {"mix": [{"seed": 1, "weight": 1, "edits": {"long": 1}}]},
            "latents.0.mix.0.edits.long",
            "direction 'long' has 16 values",
        ),
        ({"name": "white", "edits": {"white": -3}}, "latents.0.edits", "to the origin"),
    ],
)
def test_an_unusable_reference_is_refused_with_its_path(
    latent: dict[str, Any], field: str, message: str
) -> None:
    with pytest.raises(InvalidRequest, match=message) as error:
        resolve(latent)
    assert error.value.field == field
