"""Latents and classes as clients write them."""

from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from app.domain.errors import InvalidRequest
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.serving.latents import (
    Keyframes,
    Latent,
    choose_label,
    to_point,
    to_samples,
    vector_of,
)
from models.config import MAX_SEED
from models.samples import Point, Sample
from models.seeds import class_from_seed

DIM = 8


def vector(latent: dict[str, Any]) -> np.ndarray:
    return vector_of(to_point(Latent.model_validate(latent), DIM, "keyframes.0"), DIM)


@pytest.mark.parametrize(
    ("latent", "message"),
    [
        ({}, "exactly one of seed, latent, mix"),
        ({"seed": 1, "latent": [0.0] * DIM}, "exactly one of seed, latent, mix"),
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
        ({"mix": [{"weight": 1}]}, "exactly one of seed, latent, mix"),
        ({"mix": [{"seed": 1, "weight": 1}] * 65}, "at most 64 items"),
        ({"projection": "p1"}, "projection\n  Extra inputs are not permitted"),
        ({"seed": 1, "edits": {"white": 1}}, "edits\n  Extra inputs are not permitted"),
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
    with pytest.raises(ValidationError, match="more than 4096 parts in all"):
        keyframes.validate_python([part] * 65)
    if depth == 1:
        assert len(keyframes.validate_python([part] * 64)) == 64


def test_more_keyframes_than_parts_are_refused_as_keyframes() -> None:
    with pytest.raises(ValidationError, match="at most 64 items"):
        TypeAdapter(Keyframes).validate_python([{"seed": 1}] * 5000)


LATENT = np.zeros(100, np.float32)


def checkpoint(*classes: str) -> GeneratorCheckpoint:
    return GeneratorCheckpoint("c1", "cats", "k", "h", 1000, (64, 64, 3), 100, classes)


CATS = checkpoint("tabby", "tux", "white")


@pytest.mark.parametrize("point", [7, LATENT], ids=["seed", "latent"])
def test_a_named_class_is_used(point: Point) -> None:
    assert choose_label(CATS, "white", point) == 2


def test_without_a_name_each_seed_draws_a_class() -> None:
    samples = to_samples(CATS, None, list(range(50)))
    assert samples == [Sample(seed, class_from_seed(seed, 3)) for seed in range(50)]
    assert {sample.label for sample in samples} == {0, 1, 2}


@pytest.mark.parametrize("point", [7, LATENT], ids=["seed", "latent"])
def test_an_unconditional_model_has_no_labels(point: Point) -> None:
    assert choose_label(checkpoint(), None, point) is None


@pytest.mark.parametrize(
    ("served", "name", "point", "message"),
    [
        (CATS, "red", 7, "model 'cats' has no class 'red': it has tabby, tux, white"),
        (CATS, "", 7, "has no class ''"),
        (CATS, "White", 7, "has no class 'White'"),
        (CATS, None, LATENT, "give class, one of tabby, tux, white"),
        (checkpoint(), "white", 7, "'cats' is not conditional, so it has no class 'white'"),
        (checkpoint(*map(str, range(100))), "x", 7, "0, 1, .*, 18, 19 and 80 more"),
    ],
)
def test_an_unknown_class_is_refused_with_the_classes_of_the_model(
    served: GeneratorCheckpoint, name: str | None, point: Point, message: str
) -> None:
    with pytest.raises(InvalidRequest, match=message) as error:
        choose_label(served, name, point)
    assert error.value.field == "class"
