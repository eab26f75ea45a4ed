"""Pixels as planes: in order, in range, and without what opacity hides."""

import numpy as np
import torch

from models.scoring.metrics.pixels import planes


def test_planes_are_the_pixels_by_channel() -> None:
    images = np.random.default_rng(1).integers(0, 256, (2, 5, 7, 3), np.uint8)
    found = planes(images)
    assert found.shape == (2, 3, 5, 7)
    assert torch.equal(found[1, 2, 4, 6] * 255, torch.tensor(float(images[1, 4, 6, 2])))


def test_unseen_colour_makes_no_difference() -> None:
    images = np.random.default_rng(1).integers(0, 256, (2, 4, 4, 4), np.uint8)
    images[..., 3] = 0
    assert planes(images).eq(0).all()
    images[..., 3] = 255
    assert torch.equal(planes(images)[:, :3], planes(images[..., :3]))
