"""The packed dataset a run learns from, and the order it sees the pictures in."""

import os
import weakref
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from models.config import TrainingConfig
from models.seeds import random_stream

RESIDENT_BYTES = 256 << 20  # a larger dataset stays on the disk, and in the system's cache
RESIDENT_SHARE = 0.5  # of a device's free memory
READERS = 4  # threads that read a batch from the disk together
HELD_OUT_LEAST, HELD_OUT_MOST = 20, 256  # pictures: fewer show nothing, more show no more
HELD_OUT_SHARE = 1 / 8  # more than this is never held out because of the least: then it is none


class DatasetError(ValueError):
    """The folder holds no packed dataset, or not one of the shape the configuration wants."""


class _Reading(NamedTuple):
    """A batch that threads are reading: (B, H, W, C) uint8 pictures of these (B,) indices."""

    indices: Tensor
    pictures: Tensor
    parts: list[Future[None]]

    def wait(self) -> Tensor:
        """The pictures, once all are read. Raises DatasetError."""
        for part in self.parts:
            part.result()
        return self.pictures


class PackedDataset:
    """`images.npy` of a folder, uint8 (N, H, W, C), and `labels.npy` (N,) where there are classes.

    A small dataset is held in memory. Each batch of a large one is read from the file: mapped, all
    pages ever touched would count as the process's own. `prefetch` reads the next batch while the
    caller computes.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / "images.npy"
        mapped = _load(path)
        if mapped.dtype != np.uint8 or mapped.ndim != 4 or len(mapped) == 0:
            raise DatasetError(
                f"{path} holds {mapped.dtype} {mapped.shape}, not uint8 (N, H, W, C) pictures"
            )
        self.shape: tuple[int, int, int] = mapped.shape[1:]
        self._pictures = len(mapped)
        self._images: Tensor | None = None
        if mapped.nbytes <= RESIDENT_BYTES:
            self._images = torch.from_numpy(np.array(mapped))
        else:
            self._file = _PicturesFile(path, mapped.offset)
            self._prefetched: _Reading | None = None
            self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="dataset reader")
            weakref.finalize(self, _close, self._readers, self._file)
        self._labels = _labels(folder / "labels.npy", len(mapped))

    def __len__(self) -> int:
        return self._pictures

    def check(self, config: TrainingConfig) -> None:
        """Raise unless the pictures have the configuration's shape, and labels for its classes."""
        if self.shape != config.shape:
            raise DatasetError(
                f"the pictures are {self.shape}, the configuration wants {config.shape}"
            )
        if not config.classes:
            return
        if self._labels is None:
            raise DatasetError("labels.npy is missing: a conditional run learns from it")
        highest = int(self._labels.max())
        if highest >= len(config.classes):
            raise DatasetError(
                f"labels.npy names class {highest}, "
                f"the configuration has {len(config.classes)} classes"
            )

    def move_to(self, device: torch.device) -> None:
        """Keep the pictures on the device, if it is another and has room for them."""
        size = self._pictures * int(np.prod(self.shape))
        if device.type == "cuda":
            free, _ = torch.cuda.mem_get_info(device)
            if size <= RESIDENT_SHARE * free:
                kept = torch.empty((self._pictures, *self.shape), dtype=torch.uint8, device=device)
                for part in torch.arange(self._pictures).split(8192):
                    kept[part[0] : part[-1] + 1] = self.batch(part).to(device)
                self._images = kept

    @property
    def on_disk(self) -> bool:
        """Whether batches are read from the file, so that `prefetch` pays."""
        return self._images is None

    def batch(self, indices: Tensor) -> Tensor:
        """(B,) indices -> (B, H, W, C) uint8, where the pictures are."""
        if self._images is not None:
            return self._images.index_select(0, indices.to(self._images.device))
        reading, self._prefetched = self._prefetched, None
        if reading is None or not torch.equal(reading.indices, indices):
            reading = self._read(indices)
        return reading.wait()

    def prefetch(self, indices: Tensor) -> None:
        """Begin to read a batch that `batch` will be asked for next; it raises what goes wrong."""
        if self.on_disk:
            self._prefetched = self._read(indices)

    def _read(self, indices: Tensor) -> _Reading:
        pictures = torch.empty((len(indices), *self.shape), dtype=torch.uint8)
        rows = pictures.numpy().reshape(len(indices), -1)
        parts = [
            self._readers.submit(self._file.read_rows, rows[part::READERS], indices[part::READERS])
            for part in range(min(READERS, len(indices)))
        ]
        return _Reading(indices, pictures, parts)

    def labels(self, indices: Tensor) -> Tensor:
        """(B,) indices -> (B,) int64 places in the configuration's classes."""
        assert self._labels is not None, "checked before"
        return self._labels[indices]

    def proportional(self, count: int) -> Tensor:
        """(count,) int64: labels, each as often as the pictures have it."""
        assert self._labels is not None, "checked before"
        ordered = self._labels.sort().values
        return ordered[(torch.arange(count) * len(ordered)) // count]


class _PicturesFile:
    """The pictures of an images.npy on the disk, read by threads at any place."""

    def __init__(self, path: Path, offset: int) -> None:
        self._path, self._offset = path, offset
        self._descriptor = os.open(path, os.O_RDONLY)

    def read_rows(self, rows: np.ndarray, indices: Tensor) -> None:
        """Fill `rows` (B, bytes of a picture) with the pictures of `indices` (B,)."""
        size = rows.shape[1]
        for row, index in zip(rows, indices.tolist(), strict=True):
            if os.preadv(self._descriptor, [row.data], self._offset + index * size) != size:
                raise DatasetError(f"{self._path} ends before picture {index}")

    def close(self) -> None:
        os.close(self._descriptor)


def _close(readers: ThreadPoolExecutor, file: _PicturesFile) -> None:
    readers.shutdown(cancel_futures=True)
    file.close()


def split_off(pictures: int, share: float) -> tuple[Tensor, Tensor]:
    """The indices to learn from, and those held out: `share` of all, but 20 at least and 256 at
    most, and none of fewer than 160. They are the same in every run on the same dataset.
    """
    order = torch.randperm(pictures, generator=random_stream(0, "held out"))
    count = min(HELD_OUT_MOST, max(HELD_OUT_LEAST, int(pictures * share)))
    if share == 0 or pictures < HELD_OUT_LEAST / HELD_OUT_SHARE:
        count = 0
    return order[count:].sort().values, order[:count]


def _load(path: Path) -> np.memmap:
    try:
        loaded = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError as error:
        folder, name = path.parent, path.name
        raise DatasetError(f"no packed dataset in {folder}: {name} is missing") from error
    except ValueError as error:
        raise DatasetError(f"{path} cannot be read as an array: {error}") from error
    if not isinstance(loaded, np.memmap):
        raise DatasetError(f"{path} holds no single array")
    return loaded


def _labels(path: Path, pictures: int) -> Tensor | None:
    if not path.exists():
        return None
    labels = np.array(_load(path))
    if labels.dtype != np.int64 or labels.shape != (pictures,) or labels.min() < 0:
        raise DatasetError(f"{path} holds {labels.dtype} {labels.shape}, not a label per picture")
    return torch.from_numpy(labels)


class EpochSampler:
    """Every picture once per epoch, each epoch in its own order; a batch may span epochs.

    The order depends on the seed and the epoch alone, so the position is the whole state.
    """

    def __init__(self, pictures: int, seed: int) -> None:
        self.pictures = pictures
        self.seed = seed
        self._following: Tensor | None = None  # the next epoch's order, once it is needed
        self.move_to(0, 0)

    def move_to(self, epoch: int, position: int) -> None:
        """Go on with the picture at `position` of `epoch`'s order."""
        self.epoch, self.position = epoch, position
        self._order, self._following = self._order_of(epoch), None

    def take(self, count: int) -> Tensor:
        """The next `count` indices: (count,) int64."""
        parts = []
        while count > 0:
            part = self._order[self.position : self.position + count]
            parts.append(part)
            count -= len(part)
            self.position += len(part)
            if self.position == self.pictures:
                self._order, self._following = self._next_order(), None
                self.epoch, self.position = self.epoch + 1, 0
        return torch.cat(parts)

    def peek(self, count: int) -> Tensor:
        """What `take` would give next, as far as the end of the next epoch: (≤ count,) int64."""
        part = self._order[self.position : self.position + count]
        if len(part) == count:
            return part
        return torch.cat([part, self._next_order()[: count - len(part)]])

    def _next_order(self) -> Tensor:
        if self._following is None:
            self._following = self._order_of(self.epoch + 1)
        return self._following

    def _order_of(self, epoch: int) -> Tensor:
        return torch.randperm(self.pictures, generator=random_stream(self.seed, f"epoch {epoch}"))


def normalise(images: Tensor) -> Tensor:
    """uint8 (B, H, W, C) -> float32 (B, C, H, W) in [-1, 1], in channels_last memory."""
    return images.permute(0, 3, 1, 2).float().div_(127.5).sub_(1)
