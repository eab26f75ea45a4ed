"""Pictures changed so mildly that they stay the same, and so much that they are others."""

import io
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

LEAST_CROP = 0.8  # of a side
MILD = 0.15  # brightness and contrast, up and down
JPEG_SHARE = 0.25
JPEG_QUALITY = (50, 96)


def view(images: Tensor, mirrored: Tensor) -> Tensor:
    """(B, 3, 64, 64) of 0 to 255 -> the same pictures, as an upload or an editor changes them.

    `mirrored` (B,) says which may be seen in a mirror: a digit may not.
    """
    batch = len(images)
    seen = crop(images, mirrored & (torch.rand(batch) < 0.5))
    light, contrast = (1 + MILD * (2 * torch.rand(2, batch, 1, 1, 1) - 1)).unbind()
    tint = 1 + 0.05 * (2 * torch.rand(batch, 3, 1, 1) - 1)
    mean = seen.mean((1, 2, 3), keepdim=True)
    seen = ((seen - mean) * contrast + mean) * light * tint
    seen = seen.clamp(0, 255).round()
    for place in torch.nonzero(torch.rand(batch) < JPEG_SHARE).flatten().tolist():
        seen[place] = jpeg(seen[place], int(torch.randint(*JPEG_QUALITY, ())))
    return seen


def crop(images: Tensor, mirrored: Tensor) -> Tensor:
    """A rectangle of nearly the whole; a third of the pictures stay whole."""
    batch = len(images)
    size = 1 - (1 - LEAST_CROP) * torch.rand(batch, 2) * (torch.rand(batch, 1) > 1 / 3)
    centre = (2 * torch.rand(batch, 2) - 1) * (1 - size)
    signs = torch.where(mirrored, -1.0, 1.0)
    placed = torch.zeros(batch, 2, 3)
    placed[:, 0, 0] = size[:, 0] * signs
    placed[:, 1, 1] = size[:, 1]
    placed[:, :, 2] = centre
    grid = F.affine_grid(placed, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)


def jpeg(image: Tensor, quality: int) -> Tensor:
    """(3, H, W) of 0 to 255, stored and read again."""
    file = io.BytesIO()
    Image.fromarray(image.byte().permute(1, 2, 0).numpy()).save(file, "JPEG", quality=quality)
    return torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1).float()


def blur(images: Tensor, strength: float) -> Tensor:
    """Gaussian, sigma of 0.8 to 3.8 pixels."""
    sigma = 0.8 + 3 * strength
    places = torch.arange(-8.0, 9.0)
    weights = torch.exp(-(places**2) / (2 * sigma**2))
    weights = (weights / weights.sum()).expand(images.shape[1], 1, 1, 17)
    padded = F.pad(images, (8, 8, 8, 8), mode="reflect")
    rows = F.conv2d(padded, weights, groups=images.shape[1])
    return F.conv2d(rows, weights.transpose(2, 3), groups=images.shape[1])


def noise(images: Tensor, strength: float) -> Tensor:
    """Gaussian, sigma of 6 to 66 levels."""
    return images + torch.randn_like(images) * (6 + 60 * strength)


def blocks(images: Tensor, strength: float) -> Tensor:
    """As few as 12 to 36 pixels a side, seen as squares."""
    small = F.interpolate(images, int(36 - 24 * strength), mode="area")
    return F.interpolate(small, images.shape[-1], mode="nearest")


def colour(images: Tensor, strength: float) -> Tensor:
    """Its channels mixed at random."""
    mixed = torch.eye(3) + (0.3 + 0.5 * strength) * torch.randn(len(images), 3, 3)
    mixed = mixed / mixed.sum(2, keepdim=True).abs().clamp(min=0.5)
    return torch.einsum("bij,bjhw->bihw", mixed, images)


def exposure(images: Tensor, strength: float) -> Tensor:
    """Much lighter, darker, flatter or starker."""
    change = (0.3 + 0.5 * strength) * torch.where(torch.rand(2, len(images), 1, 1, 1) < 0.5, -1, 1)
    return (images - 128) * (1 + change[0]) + 128 + 90 * change[1]


def warp(images: Tensor, strength: float) -> Tensor:
    """Pulled about, smoothly, by up to some pixels."""
    pull = torch.randn(len(images), 2, 5, 5) * (0.05 + 0.12 * strength)
    pull = F.interpolate(pull, images.shape[2:], mode="bicubic").permute(0, 2, 3, 1)
    still = torch.eye(2, 3).expand(len(images), 2, 3)
    grid = F.affine_grid(still, list(images.shape), align_corners=False) + pull
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)


def ghost(images: Tensor, strength: float) -> Tensor:
    """Another picture shines through."""
    share = 0.25 + 0.25 * strength
    return images * (1 - share) + images.roll(1, 0) * share


def pasted(images: Tensor, strength: float) -> Tensor:
    """A rectangle of it is another picture's."""
    side = int(images.shape[-1] * (0.3 + 0.4 * strength))
    top, left = torch.randint(0, images.shape[-1] - side, (2,)).tolist()
    changed = images.clone()
    inside = (slice(None), slice(None), slice(top, top + side), slice(left, left + side))
    changed[inside] = images.roll(1, 0)[inside]
    return changed


DISTORTIONS: tuple[Callable[[Tensor, float], Tensor], ...] = (
    blur, noise, blocks, colour, exposure, warp, ghost, pasted,
)  # fmt: skip


def distort(images: Tensor) -> tuple[Tensor, Tensor]:
    """Each part of the batch by one kind, at a random strength; (B,) the kinds from 1 on."""
    parts, kinds = [], []
    for kind, part in enumerate(images.chunk(len(DISTORTIONS)), start=1):
        parts.append(DISTORTIONS[kind - 1](part, float(torch.rand(()))))
        kinds.append(torch.full((len(part),), kind))
    return torch.cat(parts).clamp(0, 255), torch.cat(kinds)
