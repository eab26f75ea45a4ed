"""The class of an image: named, or drawn from its seed."""

import sys

import numpy as np
import pytest

from app.domain.errors import InvalidRequest
from app.domain.images.checkpoint import ServedCheckpoint
from app.serving.classes import choose_label, draws_at_once, to_samples
from models.latents import class_from_seed
from models.samples import Point, Sample

LATENT = np.zeros(100, np.float32)


def checkpoint(*classes: str) -> ServedCheckpoint:
    return ServedCheckpoint("c1", "cats", "k", "h", 1000, (64, 64, 3), 100, classes)


CATS = checkpoint("tabby", "tux", "white")


@pytest.mark.parametrize("point", [7, LATENT], ids=["seed", "latent"])
def test_a_class_that_is_named_is_meant(point: Point) -> None:
    assert choose_label(CATS, "white", point) == 2


def test_without_a_name_each_seed_draws_its_own() -> None:
    samples = to_samples(CATS, None, list(range(50)))
    assert samples == [Sample(seed, class_from_seed(seed, 3)) for seed in range(50)]
    assert {sample.label for sample in samples} == {0, 1, 2}


def test_a_class_is_drawn_in_the_event_loop_only_once_torch_is_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert draws_at_once(CATS)
    monkeypatch.delitem(sys.modules, "torch")
    assert not draws_at_once(CATS)
    assert draws_at_once(checkpoint())


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
def test_what_names_no_class_is_refused_with_those_there_are(
    served: ServedCheckpoint, name: str | None, point: Point, message: str
) -> None:
    with pytest.raises(InvalidRequest, match=message) as error:
        choose_label(served, name, point)
    assert error.value.field == "class"
