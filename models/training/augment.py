"""DiffAugment: differentiable random changes to all images that the discriminator sees.

Zhao et al. (arXiv 2006.10738), section 3.2.
"""

from typing import Any

import torch
from torch import Tensor

NOISE = 9  # uniform numbers for each image; the last one is for `training.step`, not for `augment`
SHIFT = 1 / 8  # of a side, at most
CUTOUT = 1 / 2  # of each side


def augment(images: Tensor, noise: Tensor, policy: str, probability: float) -> Tensor:
    """(B, C, H, W) images in [-1, 1] -> the same shape; `noise` (B, NOISE) is uniform in [0, 1).

    `policy` names the changes, separated by commas. With `probability`, an image gets all of them;
    otherwise it gets none.
    """
    if policy == "none" or probability == 0:
        return images
    changed = noise[:, 7] < probability
    for change in policy.split(","):
        images = CHANGES[change](images, noise, changed)
    return images


def colour(images: Tensor, noise: Tensor, changed: Tensor) -> Tensor:
    """Brightness ±1/2, saturation 0 to 2, contrast 1/2 to 3/2; alpha does not change."""
    brightness, saturation, contrast = (
        torch.where(changed, noise[:, index], 0.5)[:, None, None, None] for index in range(3)
    )
    colours = images[:, :3] if images.shape[1] == 4 else images
    colours = colours + (brightness - 0.5)
    grey = colours.mean(1, keepdim=True)
    colours = grey + (colours - grey) * (saturation * 2)
    mean = colours.mean((1, 2, 3), keepdim=True)
    colours = mean + (colours - mean) * (contrast + 0.5)
    return torch.cat([colours, images[:, 3:]], 1) if images.shape[1] == 4 else colours


def translation(images: Tensor, noise: Tensor, changed: Tensor) -> Tensor:
    """Shift by up to 1/8 of each side; the uncovered border becomes 0, mid-grey."""
    offsets = []
    for axis, side in enumerate(images.shape[2:]):
        limit = int(side * SHIFT + 0.5)
        offset = (noise[:, 3 + axis] * (2 * limit + 1)).long() - limit
        offsets.append(torch.where(changed, offset, 0))
    shifted: Tensor = _Shift.apply(images, torch.stack(offsets, 1))
    return shifted


def cutout(images: Tensor, noise: Tensor, changed: Tensor) -> Tensor:
    """Set a rectangle of half of each side, at a random position, to 0."""
    height, width = images.shape[2:]
    rows = _within(height, noise[:, 5])
    columns = _within(width, noise[:, 6])
    cut = rows[:, :, None] & columns[:, None, :] & changed[:, None, None]
    return images * ~cut[:, None]


CHANGES = {"colour": colour, "translation": translation, "cutout": cutout}


class _Shift(torch.autograd.Function):
    """Shift each image by its own (down, right); the gradient is shifted back."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, offsets: Tensor) -> Tensor:
        ctx.save_for_backward(offsets)
        batch, _, height, width = images.shape
        rows = torch.arange(height, device=images.device) - offsets[:, :1]  # (B, H)
        columns = torch.arange(width, device=images.device) - offsets[:, 1:]  # (B, W)
        inside = ((rows >= 0) & (rows < height))[:, :, None]
        inside = inside & ((columns >= 0) & (columns < width))[:, None, :]
        indices = (
            rows.clamp(0, height - 1)[:, :, None] * width + columns.clamp(0, width - 1)[:, None]
        )
        indices += torch.arange(batch, device=images.device)[:, None, None] * (height * width)
        pixels = images.permute(0, 2, 3, 1).flatten(0, 2)
        moved = pixels.index_select(0, indices.flatten()) * inside.flatten()[:, None]
        return moved.view(batch, height, width, -1).permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (offsets,) = ctx.saved_tensors
        return _Shift.apply(gradients[0], -offsets), None


def _within(side: int, noise: Tensor) -> Tensor:
    """(B, side): whether each position is in the half of the side around a random centre."""
    size = int(side * CUTOUT + 0.5)
    centre = (noise * (side + 1 - size % 2)).long()[:, None]
    positions = torch.arange(side, device=noise.device)
    return (positions >= centre - size // 2) & (positions < centre - size // 2 + size)


def mirror(images: Tensor, flipped: Tensor) -> Tensor:
    """(B, H, W, C): mirror the images for which `flipped` (B,) is True, left to right."""
    return torch.where(flipped[:, None, None, None], images.flip(2), images)
