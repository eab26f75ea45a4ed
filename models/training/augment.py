"""DiffAugment: the same random changes to what the discriminator sees, real or fake, that the
gradient passes through. Zhao et al. (arXiv 2006.10738), section 3.2.
"""

from typing import Any

import torch
from torch import Tensor

NOISE = 9  # uniform numbers for each picture; the last is not used here
SHIFT = 1 / 8  # of a side, at most
CUTOUT = 1 / 2  # of each side


def augment(images: Tensor, noise: Tensor, policy: str, probability: float) -> Tensor:
    """(B, C, H, W) in [-1, 1] -> the same, changed by `noise` (B, NOISE) uniform in [0, 1).

    `policy` names the changes, with commas; each is made to a picture with `probability`.
    """
    if policy == "none" or probability == 0:
        return images
    changed = noise[:, 7] < probability
    for change in policy.split(","):
        images = CHANGES[change](images, noise, changed)
    return images


def colour(images: Tensor, noise: Tensor, changed: Tensor) -> Tensor:
    """Brightness ±1/2, saturation 0 to 2, contrast 1/2 to 3/2; opacity is no colour."""
    brightness, saturation, contrast = (
        torch.where(changed, noise[:, place], 0.5)[:, None, None, None] for place in range(3)
    )
    shown = images[:, :3] if images.shape[1] == 4 else images
    shown = shown + (brightness - 0.5)
    grey = shown.mean(1, keepdim=True)
    shown = grey + (shown - grey) * (saturation * 2)
    mean = shown.mean((1, 2, 3), keepdim=True)
    shown = mean + (shown - mean) * (contrast + 0.5)
    return torch.cat([shown, images[:, 3:]], 1) if images.shape[1] == 4 else shown


def translation(images: Tensor, noise: Tensor, changed: Tensor) -> Tensor:
    """Moved by up to 1/8 of each side; what comes in is 0, mid-grey."""
    steps = []
    for place, side in enumerate(images.shape[2:]):
        reach = int(side * SHIFT + 0.5)
        moved = (noise[:, 3 + place] * (2 * reach + 1)).long() - reach
        steps.append(torch.where(changed, moved, 0))
    shifted: Tensor = _Shift.apply(images, torch.stack(steps, 1))
    return shifted


def cutout(images: Tensor, noise: Tensor, changed: Tensor) -> Tensor:
    """A rectangle of half of each side, anywhere, becomes 0."""
    height, width = images.shape[2:]
    rows = _within(height, noise[:, 5])
    columns = _within(width, noise[:, 6])
    cut = rows[:, :, None] & columns[:, None, :] & changed[:, None, None]
    return images * ~cut[:, None]


CHANGES = {"colour": colour, "translation": translation, "cutout": cutout}


class _Shift(torch.autograd.Function):
    """Each picture by its own (down, right); the gradient goes back the same way."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, steps: Tensor) -> Tensor:
        ctx.save_for_backward(steps)
        batch, _, height, width = images.shape
        rows = torch.arange(height, device=images.device) - steps[:, :1]  # (B, H)
        columns = torch.arange(width, device=images.device) - steps[:, 1:]  # (B, W)
        inside = ((rows >= 0) & (rows < height))[:, :, None]
        inside = inside & ((columns >= 0) & (columns < width))[:, None, :]
        places = (
            rows.clamp(0, height - 1)[:, :, None] * width + columns.clamp(0, width - 1)[:, None]
        )
        places += torch.arange(batch, device=images.device)[:, None, None] * (height * width)
        pixels = images.permute(0, 2, 3, 1).flatten(0, 2)
        moved = pixels.index_select(0, places.flatten()) * inside.flatten()[:, None]
        return moved.view(batch, height, width, -1).permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (steps,) = ctx.saved_tensors
        return _Shift.apply(gradients[0], -steps), None


def _within(side: int, noise: Tensor) -> Tensor:
    """(B, side): whether each place lies in the half around a random one."""
    size = int(side * CUTOUT + 0.5)
    centre = (noise * (side + 1 - size % 2)).long()[:, None]
    places = torch.arange(side, device=noise.device)
    return (places >= centre - size // 2) & (places < centre - size // 2 + size)


def mirror(images: Tensor, flipped: Tensor) -> Tensor:
    """(B, H, W, C) pictures, those that are `flipped` (B,) mirrored left to right."""
    return torch.where(flipped[:, None, None, None], images.flip(2), images)
