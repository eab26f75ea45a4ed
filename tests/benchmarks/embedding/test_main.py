from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.embedding.__main__ import RECIPE, save, train
from benchmarks.embedding.datasets import UNLABELLED, LabelledImages, Split, split_off
from benchmarks.embedding.measures import distances_between, vote
from benchmarks.embedding.views import DISTORTIONS, Distortion, blur, distort, noise, view
from models.scoring.embedding import Embedder
from models.tensor_files import read_tensors

RANDOM = np.random.default_rng(0)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """On a busy machine two threads wait for each other in the backward pass."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def random_images(count: int, channels: int, label: int | None = None) -> LabelledImages:
    images = RANDOM.integers(0, 256, (count, 16, 16, channels), dtype=np.uint8)
    labels = np.full(count, UNLABELLED) if label is None else np.arange(count) % 10 + label
    return LabelledImages(images, labels)


def batch() -> torch.Tensor:
    return torch.from_numpy(RANDOM.integers(0, 256, (16, 3, 64, 64))).float()


def test_the_held_out_part_is_disjoint_and_always_the_same() -> None:
    everything = LabelledImages(np.arange(50)[:, None, None, None], np.arange(50))
    split = split_off(everything, 12)
    assert (len(split.learnt), len(split.held_out)) == (38, 12)
    assert set(split.learnt.labels) | set(split.held_out.labels) == set(range(50))
    np.testing.assert_array_equal(split.held_out.labels, split.held_out.images.flatten())
    np.testing.assert_array_equal(split_off(everything, 12).held_out.labels, split.held_out.labels)


def test_a_view_keeps_shape_and_range() -> None:
    torch.manual_seed(0)
    changed = view(batch() * 1.3 - 20, torch.ones(16, dtype=torch.bool))
    assert changed.shape == (16, 3, 64, 64)
    assert (float(changed.min()), float(changed.max())) == (0, 255)


@pytest.mark.parametrize("change", DISTORTIONS, ids=lambda change: change.__name__)
def test_every_distortion_changes_every_image(change: Distortion) -> None:
    torch.manual_seed(0)
    images = batch()
    changed = change(images, 0.0)  # at its mildest
    assert changed.shape == images.shape
    assert (changed - images).abs().mean((1, 2, 3)).min() > 1


def test_every_kind_of_distortion_is_used_and_returned() -> None:
    changed, kinds = distort(batch())
    assert len(changed) == len(kinds) == 16
    assert set(kinds.tolist()) == set(range(1, 1 + len(DISTORTIONS)))


def test_noise_and_blur_have_the_documented_strength() -> None:
    torch.manual_seed(0)
    grey = torch.full((1, 3, 64, 64), 128.0)
    assert float(noise(grey, 0.5).std()) == pytest.approx(36, rel=0.05)
    dot = torch.zeros(1, 1, 65, 65)
    dot[..., 32, 32] = 1
    offsets = torch.arange(-32.0, 33)
    spread = (blur(dot, 0.4)[0, 0].sum(0) * offsets**2).sum().sqrt()
    assert float(spread) == pytest.approx(2, rel=0.01)


def test_neighbours_vote_for_the_commonest_label() -> None:
    learnt_features = torch.eye(2).repeat_interleave(torch.tensor([30, 15]), 0)
    labels = torch.tensor([3] * 30 + [5] * 15)
    assert vote(learnt_features, labels, torch.eye(2)).tolist() == [3, 5]


def test_distances_are_euclidean() -> None:
    units = np.eye(3, dtype=np.float32)
    expected = np.sqrt(2) * (1 - np.eye(3))
    np.testing.assert_allclose(distances_between(units, units), expected, atol=1e-6)


def test_training_writes_weights_that_embed(one_thread: None, tmp_path: Path) -> None:
    sources = {
        "cifar10": Split(random_images(70, 3, label=0), random_images(5, 3, label=0)),
        "cats": Split(random_images(50, 3), random_images(5, 3)),
        "mnist": Split(random_images(20, 1, label=10), random_images(5, 1, label=10)),
    }
    network, description = train(sources, 2, tmp_path / "trained.safetensors")
    assert description["recipe"] == RECIPE | {"steps": 2}
    assert read_tensors(tmp_path / "trained.safetensors", "embedding")[0]["step"] == 2
    features = Embedder(weights=tmp_path / "trained.safetensors")(sources["cats"].held_out.images)
    assert np.isfinite(features).all()
    save(tmp_path / "again.safetensors", network, description)
    again = Embedder(weights=tmp_path / "again.safetensors")
    np.testing.assert_array_equal(again(sources["cats"].held_out.images), features)
