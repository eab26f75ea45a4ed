"""A picture is a function of its checkpoint and its latent, not of its place in a batch."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from app.serving.batches import BATCH, Point
from app.serving.renderer import Renderer
from benchmarks.random_models import checkpoint_bytes
from models.checkpoint import load_generator
from models.config import TrainingConfig
from models.latents import latent_from_seed


def renderer(tmp_path: Path, **config: int) -> Renderer:
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(checkpoint_bytes(TrainingConfig(**config), 1))
    return Renderer(load_generator(path))


@pytest.mark.parametrize(
    ("resolution", "channels", "width"), [(64, 3, 32), (28, 1, 8), (128, 3, 8), (32, 3, 9)]
)
def test_a_picture_has_the_same_bytes_in_every_slot(
    tmp_path: Path, resolution: int, channels: int, width: int
) -> None:
    one = renderer(tmp_path, resolution=resolution, channels=channels, width=width)
    alone = one.render([7])
    assert alone.shape == (1, resolution, resolution, channels)
    for slot in range(BATCH):
        points: list[Point] = [random.randrange(2**53) for _ in range(BATCH)]
        points[slot] = 7
        assert np.array_equal(one.render(points)[slot], alone[0]), f"slot {slot}"


def test_a_seed_and_the_latent_it_names_are_one_picture(tmp_path: Path) -> None:
    one = renderer(tmp_path, width=8)
    pixels = one.render([7, latent_from_seed(7, 100).numpy()])
    assert np.array_equal(pixels[0], pixels[1])


def test_different_seeds_are_different_pictures(tmp_path: Path) -> None:
    pixels = renderer(tmp_path, width=8).render([1, 2]).astype(int)
    assert np.abs(pixels[0] - pixels[1]).mean() > 10


def test_the_number_of_threads_changes_no_byte(tmp_path: Path) -> None:
    one = renderer(tmp_path, width=32)
    before = torch.get_num_threads()
    pictures = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        pictures.append(one.render([7]))
    torch.set_num_threads(before)
    assert np.array_equal(*pictures)
