"""Image changes: mild views, which count as the same image, and distortions, which do not."""

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
Distortion = Callable[[Tensor, float], Tensor]  # (images, strength of 0 to 1)


def view(images: Tensor, mirrored: Tensor) -> Tensor:
    """(B, 3, 64, 64) of 0 to 255 -> the same images, as an upload or an editor changes them.

    `mirrored` (B,) says which ones may be mirrored: digits may not.
    """
    batch = len(images)
    changed = crop(images, mirrored & (torch.rand(batch) < 0.5))
    light, contrast = (1 + MILD * (2 * torch.rand(2, batch, 1, 1, 1) - 1)).unbind()
    tint = 1 + 0.05 * (2 * torch.rand(batch, 3, 1, 1) - 1)
    mean = changed.mean((1, 2, 3), keepdim=True)
    changed = ((changed - mean) * contrast + mean) * light * tint
    changed = changed.clamp(0, 255).round()
    for index in torch.nonzero(torch.rand(batch) < JPEG_SHARE).flatten().tolist():
        changed[index] = jpeg(changed[index], int(torch.randint(*JPEG_QUALITY, ())))
    return changed


def crop(images: Tensor, mirrored: Tensor) -> Tensor:
    """Crop to a random rectangle of at least LEAST_CROP; a third of the images stay whole."""
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
    """(3, H, W) of 0 to 255, after JPEG compression."""
    file = io.BytesIO()
    Image.fromarray(image.byte().permute(1, 2, 0).numpy()).save(file, "JPEG", quality=quality)
    return torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1).float()


def blur(images: Tensor, strength: float) -> Tensor:
    """Gaussian blur, sigma of 0.8 to 3.8 pixels."""
    sigma = 0.8 + 3 * strength
    offsets = torch.arange(-8.0, 9.0)
    weights = torch.exp(-(offsets**2) / (2 * sigma**2))
    weights = (weights / weights.sum()).expand(images.shape[1], 1, 1, 17)
    padded = F.pad(images, (8, 8, 8, 8), mode="reflect")
    rows = F.conv2d(padded, weights, groups=images.shape[1])
    return F.conv2d(rows, weights.transpose(2, 3), groups=images.shape[1])


def noise(images: Tensor, strength: float) -> Tensor:
    """Gaussian noise, sigma of 6 to 66 levels."""
    return images + torch.randn_like(images) * (6 + 60 * strength)


def blocks(images: Tensor, strength: float) -> Tensor:
    """Pixelation to 12 to 36 blocks a side."""
    small = F.interpolate(images, int(36 - 24 * strength), mode="area")
    return F.interpolate(small, images.shape[-1], mode="nearest")


def colour(images: Tensor, strength: float) -> Tensor:
    """Randomly mixed channels."""
    mixed = torch.eye(3) + (0.3 + 0.5 * strength) * torch.randn(len(images), 3, 3)
    mixed = mixed / mixed.sum(2, keepdim=True).abs().clamp(min=0.5)
    return torch.einsum("bij,bjhw->bihw", mixed, images)


def exposure(images: Tensor, strength: float) -> Tensor:
    """Strong changes of brightness and contrast."""
    change = (0.3 + 0.5 * strength) * torch.where(torch.rand(2, len(images), 1, 1, 1) < 0.5, -1, 1)
    return (images - 128) * (1 + change[0]) + 128 + 90 * change[1]


def warp(images: Tensor, strength: float) -> Tensor:
    """A smooth random warp of some pixels."""
    pull = torch.randn(len(images), 2, 5, 5) * (0.05 + 0.12 * strength)
    pull = F.interpolate(pull, images.shape[2:], mode="bicubic").permute(0, 2, 3, 1)
    still = torch.eye(2, 3).expand(len(images), 2, 3)
    grid = F.affine_grid(still, list(images.shape), align_corners=False) + pull
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)


def ghost(images: Tensor, strength: float) -> Tensor:
    """Another image blended in."""
    share = 0.25 + 0.25 * strength
    return images * (1 - share) + images.roll(1, 0) * share


def pasted(images: Tensor, strength: float) -> Tensor:
    """A rectangle replaced by another image's."""
    side = int(images.shape[-1] * (0.3 + 0.4 * strength))
    top, left = torch.randint(0, images.shape[-1] - side, (2,)).tolist()
    changed = images.clone()
    inside = (slice(None), slice(None), slice(top, top + side), slice(left, left + side))
    changed[inside] = images.roll(1, 0)[inside]
    return changed


DISTORTIONS: tuple[Distortion, ...] = (
    blur, noise, blocks, colour, exposure, warp, ghost, pasted,
)  # fmt: skip


def distort(images: Tensor) -> tuple[Tensor, Tensor]:
    """Distort each part of the batch by one kind at a random strength; kinds (B,) count from 1."""
    parts, kinds = [], []
    for kind, part in enumerate(images.chunk(len(DISTORTIONS)), start=1):
        parts.append(DISTORTIONS[kind - 1](part, float(torch.rand(()))))
        kinds.append(torch.full((len(part),), kind))
    return torch.cat(parts).clamp(0, 255), torch.cat(kinds)
