"""The packed dataset a run learns from, and the order it sees the pictures in."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from models.config import TrainingConfig
from models.randomness import random_stream


class DatasetError(ValueError):
    """The folder holds no packed dataset, or not one of the shape the configuration wants."""


class PackedDataset:
    """`images.npy` of a folder: uint8 (N, H, W, C), memory-mapped, never copied whole."""

    def __init__(self, folder: Path) -> None:
        path = folder / "images.npy"
        try:
            images = np.load(path, mmap_mode="r", allow_pickle=False)
        except FileNotFoundError as error:
            raise DatasetError(f"no packed dataset in {folder}: images.npy is missing") from error
        except ValueError as error:
            raise DatasetError(f"{path} cannot be read as an array: {error}") from error
        if images.dtype != np.uint8 or images.ndim != 4 or len(images) == 0:
            raise DatasetError(
                f"{path} holds {images.dtype} {images.shape}, not uint8 (N, H, W, C) pictures"
            )
        self.images: np.ndarray = images

    def __len__(self) -> int:
        return len(self.images)

    def check(self, config: TrainingConfig) -> None:
        """Raise unless the pictures have the configuration's shape."""
        wanted = (config.resolution, config.resolution, config.channels)
        if self.images.shape[1:] != wanted:
            raise DatasetError(
                f"the pictures are {self.images.shape[1:]}, the configuration wants {wanted}"
            )

    def batch(self, indices: Tensor) -> Tensor:
        """(B,) indices -> (B, H, W, C) uint8, copied out of the file."""
        return torch.from_numpy(self.images[indices.numpy()])


class EpochSampler:
    """Every picture once per epoch, each epoch in its own order; a batch may span epochs.

    The order depends on the seed and the epoch alone, so the position is the whole state.
    """

    def __init__(self, pictures: int, seed: int) -> None:
        self.pictures = pictures
        self.seed = seed
        self.move_to(0, 0)

    def move_to(self, epoch: int, position: int) -> None:
        """Go on with the picture at `position` of `epoch`'s order."""
        self.epoch = epoch
        self.position = position
        random = random_stream(self.seed, f"epoch {epoch}")
        self._order = torch.randperm(self.pictures, generator=random)

    def take(self, count: int) -> Tensor:
        """The next `count` indices: (count,) int64."""
        parts = []
        while count > 0:
            part = self._order[self.position : self.position + count]
            parts.append(part)
            count -= len(part)
            self.position += len(part)
            if self.position == self.pictures:
                self.move_to(self.epoch + 1, 0)
        return torch.cat(parts)


def normalise(images: Tensor) -> Tensor:
    """uint8 (B, H, W, C) -> float32 (B, C, H, W) in [-1, 1], in channels_last memory."""
    return images.permute(0, 3, 1, 2).float().div_(127.5).sub_(1)
