"""Pixels as the weight-free measures see them."""

import numpy as np
import torch
from torch import Tensor


def planes(images: np.ndarray) -> Tensor:
    """(N, H, W, C) uint8 -> (N, C, H, W) float32 in [0, 1].

    Colour is multiplied by opacity where there is a fourth channel: unseen colour is no difference.
    """
    x = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float().div_(255)
    if x.shape[1] == 4:
        x[:, :3] *= x[:, 3:]
    return x
