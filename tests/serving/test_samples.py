"""Samples of requested latents: their classes and sources."""

from typing import Any

import numpy as np
import pytest

from app.domain.errors import InvalidRequest
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.serving.latent_library import LatentLibrary, SavedLatent
from app.serving.latents import Latent
from app.serving.samples import choose_label, to_keyframes, to_sample, to_samples
from models.samples import Point, Sample
from models.seeds import class_from_seed

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


LIBRARY = LatentLibrary(
    latents={"tabby": SavedLatent(7, None), "snow": SavedLatent(LATENT, "white")},
    directions={"age": np.eye(100, dtype=np.float32)[0]},
)


@pytest.mark.parametrize(
    ("latent", "label"),
    [
        ({"seed": 7, "edits": {"age": 1}}, class_from_seed(7, 3)),
        ({"name": "tabby"}, class_from_seed(7, 3)),
        ({"name": "tabby", "edits": {"age": 1}}, class_from_seed(7, 3)),
        ({"name": "snow"}, 2),
    ],
)
def test_a_latent_has_the_class_of_its_seed_or_the_one_saved_with_it(
    latent: dict[str, Any], label: int
) -> None:
    asked = Latent.model_validate(latent)
    assert to_sample(CATS, asked, "latent", library=LIBRARY).label == label
    assert to_sample(CATS, asked, "latent", class_name="tux", library=LIBRARY).label == 1


def test_only_values_that_were_computed_have_a_source() -> None:
    sources = [
        to_sample(checkpoint(), Latent.model_validate(latent), "latent", library=LIBRARY).source
        for latent in (
            {"seed": 7},
            {"name": "tabby"},
            {"latent": [1.0] * 100},
            {"mix": [{"latent": [1.0] * 100, "weight": 1}] * 20},  # too long
        )
    ]
    assert sources == [None] * 4
    edited = {"name": "tabby", "edits": {"age": 1.0}}
    sample = to_sample(checkpoint(), Latent.model_validate(edited), "latent", library=LIBRARY)
    assert sample.source == edited


def test_all_keyframes_have_the_class_of_the_first() -> None:
    keyframes = [Latent(name="snow"), Latent(seed=7), Latent(latent=[1.0] * 100)]
    assert [frame.label for frame in to_keyframes(CATS, keyframes, None, LIBRARY)] == [2, 2, 2]
