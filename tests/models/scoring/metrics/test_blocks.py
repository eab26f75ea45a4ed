"""Blocks cover every row once; planes hide the colour of transparent pixels."""

import numpy as np
import pytest
import torch

from models.scoring.metrics.blocks import BLOCK_VALUES, blocks, planes


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (5000, 1000), (7, 2 * BLOCK_VALUES), (0, 5)])
def test_every_row_is_in_one_block_of_bounded_size(rows: int, columns: int) -> None:
    found = list(blocks(rows, columns))
    assert [row for block in found for row in range(block.start, block.stop)] == list(range(rows))
    assert all(
        (block.stop - block.start) * columns <= max(BLOCK_VALUES, columns) for block in found
    )


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
