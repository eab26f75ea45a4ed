"""What the metrics share: blocks of rows of large matrices, and images as float planes."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

BLOCK_VALUES = 1 << 21  # values in a block: 16 MB in float64


def blocks(rows: int, columns: int) -> Iterator[slice]:
    """Slices that cover all rows, each of as many rows as hold BLOCK_VALUES values, at least 1."""
    step = max(1, BLOCK_VALUES // max(1, columns))
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))


def planes(images: np.ndarray) -> Tensor:
    """(N, H, W, C) uint8 -> (N, C, H, W) float32 in [0, 1].

    Colours are multiplied by opacity where there is a fourth channel: the colour of a transparent
    pixel makes no difference.
    """
    x = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float().div_(255)
    if x.shape[1] == 4:
        x[:, :3] *= x[:, 3:]
    return x
