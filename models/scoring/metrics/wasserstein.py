"""Sliced Wasserstein distance between patches of Laplacian pyramids. Needs no trained network.

Karras et al. 2017, arXiv 1710.10196, section 5. Each level of a pyramid holds the structure of one
scale. Its 7×7 patches are points, compared along random directions: on a line, the distance is the
mean difference of the sorted points.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.scoring.metrics.blocks import blocks, planes

PATCH = 7
COARSEST_SIDE = 14  # pixels; no level is smaller, unless the image itself is
IMAGES = 1024
PATCHES = 8192
DIRECTIONS = 128
MIN_DEVIATION = 1 / 255  # of a channel: one grey level


@dataclass(frozen=True)
class Projection:
    """Projects the patches of one level onto lines: normalisation, then directions."""

    mean: Tensor  # (1, C, 1, 1)
    deviation: Tensor
    directions: Tensor  # (DIRECTIONS, C·patch²)

    @classmethod
    def of(cls, patches: Tensor, generator: torch.Generator) -> "Projection":
        """Normalise by real patches (PATCHES, C, patch, patch); draw the directions."""
        directions = torch.randn(DIRECTIONS, patches[0].numel(), generator=generator)
        return cls(
            patches.mean((0, 2, 3), keepdim=True),
            patches.std((0, 2, 3), keepdim=True).clamp(min=MIN_DEVIATION),
            directions / directions.norm(dim=1, keepdim=True),
        )

    def __call__(self, patches: Tensor) -> Tensor:
        """(PATCHES, C, patch, patch) -> (DIRECTIONS, PATCHES), each row sorted."""
        points = ((patches - self.mean) / self.deviation).flatten(1)
        # np.sort uses vector instructions; torch.sort also computes indices, which are not needed.
        return torch.from_numpy(np.sort((self.directions @ points.T).numpy(), 1))


class PatchReference:
    """The patches of the real images, prepared once."""

    def __init__(self, images: np.ndarray, generator: torch.Generator) -> None:
        """(N, H, W, C) uint8."""
        levels = _patches(images, generator)
        self._projections = [Projection.of(patches, generator) for patches in levels]
        self._sorted = self._project(levels)

    def _project(self, levels: list[Tensor]) -> list[Tensor]:
        return [
            project(patches) for project, patches in zip(self._projections, levels, strict=True)
        ]

    def distance(self, images: np.ndarray, generator: torch.Generator) -> float:
        """The mean over levels and directions, in standard deviations of the real patches.

        Both sides are normalised by the real patches. The paper normalises each side by its own:
        here, washed-out or shifted colours count too.
        """
        projected = self._project(_patches(images, generator))
        distances = [(a - b).abs().mean() for a, b in zip(self._sorted, projected, strict=True)]
        return float(torch.stack(distances).mean())


def _patches(images: np.ndarray, generator: torch.Generator) -> list[Tensor]:
    """Patches (PATCHES, C, patch, patch) of each level, at random positions."""
    chosen = torch.randperm(len(images), generator=generator)[:IMAGES]
    owners = torch.arange(PATCHES) * len(chosen) // PATCHES  # the image that each patch is cut from
    positions = torch.rand(PATCHES, 2, generator=generator)
    per_block = []
    for rows in blocks(len(chosen), images[0].size):
        inside = (owners >= rows.start) & (owners < rows.stop)
        pyramid = laplacian_pyramid(planes(images[chosen[rows].numpy()]))
        owners_in_block, positions_in_block = owners[inside] - rows.start, positions[inside]
        per_block.append([_cut(level, owners_in_block, positions_in_block) for level in pyramid])
    return [torch.cat(parts) for parts in zip(*per_block, strict=True)]


def _cut(level: Tensor, owners: Tensor, positions: Tensor) -> Tensor:
    """(N, C, H, W), (P,) indices of images, (P, 2) in [0, 1) -> (P, C, patch, patch)."""
    height, width = (min(PATCH, side) for side in level.shape[2:])
    windows = level.unfold(2, height, 1).unfold(3, width, 1)  # (N, C, rows, columns, h, w)
    room = torch.tensor(windows.shape[2:4])
    top, left = (positions * room).long().unbind(1)
    return windows[owners, :, top, left]


def laplacian_pyramid(images: Tensor) -> list[Tensor]:
    """(N, C, H, W) -> what each scale adds to the next coarser one; the last level is coarsest."""
    levels = []
    while min(images.shape[2:]) >= 2 * COARSEST_SIDE:
        blur_rows, blur_columns = (_blur(side) for side in images.shape[2:])
        down_rows, down_columns = blur_rows[::2], blur_columns[::2]
        coarse = down_rows @ images @ down_columns.T
        # Enlarge: zeros between the pixels, then the blur with twice the weight per side.
        up_rows, up_columns = 2 * blur_rows[:, ::2], 2 * blur_columns[:, ::2]
        levels.append(images - up_rows @ coarse @ up_columns.T)
        images = coarse
    return [*levels, images]


def _blur(side: int) -> Tensor:
    """The blur (1, 4, 6, 4, 1) / 16, mirrored at the edges, as a matrix (side, side)."""
    positions = torch.arange(side)[:, None] + torch.arange(-2, 3)
    mirrored = (side - 1) - ((side - 1) - positions.abs()).abs()
    weights = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16
    return torch.zeros(side, side).scatter_add_(1, mirrored, weights.expand(side, -1))
