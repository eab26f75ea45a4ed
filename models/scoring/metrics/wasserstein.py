"""Sliced Wasserstein distance between patches of Laplacian pyramids: a check without any weights.

Karras et al. 2017, arXiv 1710.10196, section 5. Each level shows the structure of one scale; 7×7
patches of it are points, compared along random directions, where sorting gives the distance.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.scoring.metrics.blocks import blocks
from models.scoring.metrics.pixels import planes

PATCH = 7
COARSEST = 14  # pixels: no level is smaller, the picture itself apart
PICTURES = 1024
PATCHES = 8192
DIRECTIONS = 128
LEAST_DEVIATION = 1 / 255  # of a channel: one grey level


@dataclass(frozen=True)
class Projection:
    """What makes patches of one level points on lines: normalisation, and directions."""

    mean: Tensor  # (1, C, 1, 1)
    deviation: Tensor
    directions: Tensor  # (DIRECTIONS, C·patch²)

    @classmethod
    def of(cls, patches: Tensor, generator: torch.Generator) -> "Projection":
        """Of real patches (PATCHES, C, patch, patch)."""
        directions = torch.randn(DIRECTIONS, patches[0].numel(), generator=generator)
        return cls(
            patches.mean((0, 2, 3), keepdim=True),
            patches.std((0, 2, 3), keepdim=True).clamp(min=LEAST_DEVIATION),
            directions / directions.norm(dim=1, keepdim=True),
        )

    def __call__(self, patches: Tensor) -> Tensor:
        """(PATCHES, C, patch, patch) -> (DIRECTIONS, PATCHES), each row sorted."""
        points = ((patches - self.mean) / self.deviation).flatten(1)
        return (self.directions @ points.T).sort(1).values


class PatchReference:
    """The real pictures' patches, prepared once."""

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
        """The mean over levels and directions, in the real patches' standard deviations.

        Both sides are normalised by the real ones, where the paper takes each side's own: so
        colours that are washed out or shifted count too.
        """
        ours, theirs = self._sorted, self._project(_patches(images, generator))
        distances = [(a - b).abs().mean() for a, b in zip(ours, theirs, strict=True)]
        return float(torch.stack(distances).mean())


def _patches(images: np.ndarray, generator: torch.Generator) -> list[Tensor]:
    """PATCHES patches (PATCHES, C, patch, patch) of each level, from places drawn at random."""
    pictures = torch.randperm(len(images), generator=generator)[:PICTURES]
    owners = torch.arange(PATCHES) * len(pictures) // PATCHES
    places = torch.rand(PATCHES, 2, generator=generator)
    found = []
    for rows in blocks(len(pictures), images[0].size):
        mine = (owners >= rows.start) & (owners < rows.stop)
        pyramid = laplacian_pyramid(planes(images[pictures[rows].numpy()]))
        found.append([_cut(level, owners[mine] - rows.start, places[mine]) for level in pyramid])
    return [torch.cat(parts) for parts in zip(*found, strict=True)]


def _cut(level: Tensor, owners: Tensor, places: Tensor) -> Tensor:
    height, width = (min(PATCH, side) for side in level.shape[2:])
    windows = level.unfold(2, height, 1).unfold(3, width, 1)  # (N, C, rows, columns, h, w)
    room = torch.tensor(windows.shape[2:4])
    top, left = (places * room).long().unbind(1)
    return windows[owners, :, top, left]


def laplacian_pyramid(images: Tensor) -> list[Tensor]:
    """(N, C, H, W) -> what each scale adds to the next coarser one; the last is that one itself."""
    levels = []
    while min(images.shape[2:]) >= 2 * COARSEST:
        blur_rows, blur_columns = (_blur(side) for side in images.shape[2:])
        down_rows, down_columns = blur_rows[::2], blur_columns[::2]
        coarse = down_rows @ images @ down_columns.T
        # Twice as large again: zeros between the pixels, and the blur twice as strong per side.
        up_rows, up_columns = 2 * blur_rows[:, ::2], 2 * blur_columns[:, ::2]
        levels.append(images - up_rows @ coarse @ up_columns.T)
        images = coarse
    return [*levels, images]


def _blur(side: int) -> Tensor:
    """The blur (1, 4, 6, 4, 1) / 16, mirrored at the edges, as a matrix (side, side)."""
    places = torch.arange(side)[:, None] + torch.arange(-2, 3)
    mirrored = (side - 1) - ((side - 1) - places.abs()).abs()
    weights = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16
    return torch.zeros(side, side).scatter_add_(1, mirrored, weights.expand(side, -1))
