"""Copies are told as a passport tells them."""

from pathlib import Path

import numpy as np
import pytest
from copying_models import embed, pack_features

from models.rendering import Renderer
from models.samples import Sample
from worker.synthesis.copies import Copies
from worker.synthesis.errors import NoPassport
from worker.synthesis.request import Compared


@pytest.fixture
def pictures(renderer: Renderer) -> np.ndarray:
    """(8, 28, 28, 1): those of the seeds 0 to 7."""
    return renderer.render([Sample(seed, 0) for seed in range(8)])


def test_what_was_trained_on_is_a_copy_and_nothing_else(
    tmp_path: Path, pictures: np.ndarray
) -> None:
    # Each twice: then only what is as near as the same picture counts.
    pack_features(tmp_path / "packed", embed(np.concatenate([pictures[2:5]] * 2)))
    copies = Copies(Compared("kittens", tmp_path / "packed"))
    assert copies.among(pictures) == [False] * 2 + [True] * 3 + [False] * 3
    assert copies.among(pictures[4:6]) == [True, False]


def test_where_nothing_can_be_compared_the_dataset_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoPassport, match="dataset 'kittens' is being deleted"):
        Copies(Compared("kittens", tmp_path / "gone"))
    pack_features(tmp_path / "old", np.ones((2, 128), np.float16), embedding="moggy-0-cafe")
    with pytest.raises(NoPassport, match="was embedded by moggy-0-cafe, this service has moggy-"):
        Copies(Compared("kittens", tmp_path / "old"))
