"""What a picture is made from, and how many are made at once. No torch: a request is checked with
it.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# Images per forward pass of what is served, always. With one thread, width 32 and 64×64: 1 takes
# 1.3 ms, 8 takes 4.7 ms, 16 takes 8.7 ms, 64 takes 39 ms. A lone request pays for the whole batch,
# and from 8 on an image gets hardly cheaper.
BATCH = 8

Pixels = NDArray[np.uint8]  # (N, H, W, C)
Vector = NDArray[np.float32]  # (latent_dim,)
Point = int | Vector  # a seed, or the latent itself


class Sample(NamedTuple):
    """What one picture is made from; `label` is the number of its class, None without classes."""

    point: Point
    label: int | None = None
