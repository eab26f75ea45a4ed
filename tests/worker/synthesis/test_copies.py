"""Copies are told as a passport tells them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from copying_models import embed, pack_features

from models.rendering import Renderer
from models.samples import Sample
from models.scoring.nearest import Index
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


def test_a_verdict_does_not_depend_on_how_many_are_looked_up_at_once(
    tmp_path: Path, renderer: Renderer
) -> None:
    seeds = (range(0, 8), range(8, 16), range(16, 21))
    pictures = np.concatenate([renderer.render([Sample(seed, 0) for seed in one]) for one in seeds])
    pack_features(tmp_path / "packed", embed(np.concatenate([pictures[3:19:4]] * 2)))
    copies = Copies(Compared("kittens", tmp_path / "packed"))
    together = copies.among(pictures)
    assert [place for place, copied in enumerate(together) if copied] == [3, 7, 11, 15]
    assert together == [copies.among(pictures[place : place + 1])[0] for place in range(21)]


def test_the_index_is_searched_once_for_all_pictures(
    tmp_path: Path, pictures: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack_features(tmp_path / "packed", embed(pictures))
    copies = Copies(Compared("kittens", tmp_path / "packed"))
    searched: list[int] = []
    search = Index.nearest

    def count(index: Index, features: np.ndarray) -> Any:
        searched.append(len(features))
        return search(index, features)

    monkeypatch.setattr(Index, "nearest", count)
    copies.among(np.concatenate([pictures] * 4))
    assert searched == [32]
