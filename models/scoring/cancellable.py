"""An embedder that can be interrupted between two parts of its work."""

from collections.abc import Callable

import numpy as np
import torch

from models.scoring.embedding import BATCH, FEATURES, Embedder

PART = 4 * BATCH  # whole batches: the features are those of an embedder left alone


class InterruptibleEmbedder(Embedder):
    """Calls `look` before each part; what that raises ends the call."""

    def __init__(self, device: str | torch.device, look: Callable[[], None]) -> None:
        super().__init__(device)
        self._look = look

    def __call__(self, images: np.ndarray) -> np.ndarray:
        parts = [np.empty((0, FEATURES), np.float32)]
        for first in range(0, len(images), PART):
            self._look()
            parts.append(super().__call__(images[first : first + PART]))
        return np.concatenate(parts)
