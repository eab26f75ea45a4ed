from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.embedding.__main__ import RECIPE, save, train
from benchmarks.embedding.datasets import UNLABELLED, Pictures, Split, divided
from benchmarks.embedding.measures import between, vote
from benchmarks.embedding.views import DISTORTIONS, blur, distort, noise, view
from models.scoring.embedding import Embedder
from models.tensor_files import read_tensors

RANDOM = np.random.default_rng(0)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Two would wait for each other in the backward pass wherever the machine is busy."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def pictures(count: int, channels: int, label: int | None = None) -> Pictures:
    images = RANDOM.integers(0, 256, (count, 16, 16, channels), dtype=np.uint8)
    labels = np.full(count, UNLABELLED) if label is None else np.arange(count) % 10 + label
    return Pictures(images, labels)


def batch() -> torch.Tensor:
    return torch.from_numpy(RANDOM.integers(0, 256, (16, 3, 64, 64))).float()


def test_what_is_held_out_is_not_learnt_from_and_always_the_same() -> None:
    all_of_them = Pictures(np.arange(50)[:, None, None, None], np.arange(50))
    split = divided(all_of_them, 12)
    assert (len(split.learnt), len(split.held_out)) == (38, 12)
    assert set(split.learnt.labels) | set(split.held_out.labels) == set(range(50))
    np.testing.assert_array_equal(split.held_out.labels, split.held_out.images.flatten())
    np.testing.assert_array_equal(divided(all_of_them, 12).held_out.labels, split.held_out.labels)


def test_a_view_keeps_shape_and_range() -> None:
    torch.manual_seed(0)
    seen = view(batch() * 1.3 - 20, torch.ones(16, dtype=torch.bool))
    assert seen.shape == (16, 3, 64, 64)
    assert (float(seen.min()), float(seen.max())) == (0, 255)


@pytest.mark.parametrize("change", DISTORTIONS, ids=lambda change: change.__name__)
def test_every_distortion_changes_every_picture(change: object) -> None:
    torch.manual_seed(0)
    images = batch()
    changed = change(images, 0.0)  # type: ignore[operator]  # at its mildest
    assert changed.shape == images.shape
    assert (changed - images).abs().mean((1, 2, 3)).min() > 1


def test_distorted_pictures_say_how() -> None:
    changed, kinds = distort(batch())
    assert len(changed) == len(kinds) == 16
    assert set(kinds.tolist()) == set(range(1, 1 + len(DISTORTIONS)))


def test_noise_and_blur_are_as_strong_as_said() -> None:
    torch.manual_seed(0)
    grey = torch.full((1, 3, 64, 64), 128.0)
    assert float(noise(grey, 0.5).std()) == pytest.approx(36, rel=0.05)
    dot = torch.zeros(1, 1, 65, 65)
    dot[..., 32, 32] = 1
    places = torch.arange(-32.0, 33)
    spread = (blur(dot, 0.4)[0, 0].sum(0) * places**2).sum().sqrt()
    assert float(spread) == pytest.approx(2, rel=0.01)


def test_neighbours_vote_for_the_commonest_label() -> None:
    known = torch.eye(2).repeat_interleave(torch.tensor([30, 15]), 0)
    labels = torch.tensor([3] * 30 + [5] * 15)
    assert vote(known, labels, torch.eye(2)).tolist() == [3, 5]


def test_distances_are_euclidean() -> None:
    units = np.eye(3, dtype=np.float32)
    expected = np.sqrt(2) * (1 - np.eye(3))
    np.testing.assert_allclose(between(units, units), expected, atol=1e-6)


def test_training_writes_weights_that_embed(one_thread: None, tmp_path: Path) -> None:
    sources = {
        "cifar10": Split(pictures(70, 3, label=0), pictures(5, 3, label=0)),
        "cats": Split(pictures(50, 3), pictures(5, 3)),
        "mnist": Split(pictures(20, 1, label=10), pictures(5, 1, label=10)),
    }
    network, description = train(sources, 2, tmp_path / "trained.safetensors")
    assert description["recipe"] == RECIPE | {"steps": 2}
    assert read_tensors(tmp_path / "trained.safetensors", "embedding")[0]["step"] == 2
    features = Embedder(weights=tmp_path / "trained.safetensors")(sources["cats"].held_out.images)
    assert np.isfinite(features).all()
    save(tmp_path / "again.safetensors", network, description)
    again = Embedder(weights=tmp_path / "again.safetensors")
    np.testing.assert_array_equal(again(sources["cats"].held_out.images), features)
