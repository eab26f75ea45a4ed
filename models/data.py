"""The packed dataset of a run, and the order in which training sees its images."""

import os
import weakref
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from models.config import GPU_MEMORY_SHARE, RESIDENT_BYTES, TrainingConfig
from models.random_streams import random_stream

READERS = 4  # threads that together read one batch from the disk
MIN_HELD_OUT, MAX_HELD_OUT = 20, 256  # images: fewer are too noisy, more add nothing
# If MIN_HELD_OUT images are more than this share of the dataset, none are held out.
MAX_HELD_OUT_SHARE = 1 / 8


class DatasetError(ValueError):
    """The folder has no packed dataset, or one of another shape than the configuration's."""

    failure = "dataset_unreadable"


class _PendingBatch(NamedTuple):
    """A batch that threads are reading: images (B, H, W, C) uint8 of the indices (B,)."""

    indices: Tensor
    images: Tensor
    parts: list[Future[None]]

    def wait(self) -> Tensor:
        """The images, once all are read. Raises DatasetError."""
        for part in self.parts:
            part.result()
        return self.images


class PackedDataset:
    """`images.npy` of a folder, uint8 (N, H, W, C), and `labels.npy` (N,) where there are classes.

    A small dataset is kept in memory. Each batch of a large one is read from the file; with a
    memory mapping, all pages ever read would count as memory of the process. `prefetch` reads the
    next batch while the caller computes.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / "images.npy"
        mapped = _load(path)
        if mapped.dtype != np.uint8 or mapped.ndim != 4 or len(mapped) == 0:
            raise DatasetError(
                f"{path} holds {mapped.dtype} {mapped.shape}, not uint8 (N, H, W, C) images"
            )
        self.shape: tuple[int, int, int] = mapped.shape[1:]
        self._count = len(mapped)
        self._images: Tensor | None = None
        if mapped.nbytes <= RESIDENT_BYTES:
            self._images = torch.from_numpy(np.array(mapped))
        else:
            self._file = _ImagesFile(path, mapped.offset)
            self._prefetched: _PendingBatch | None = None
            self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="dataset reader")
            weakref.finalize(self, _close, self._readers, self._file)
        self._labels = _labels(folder / "labels.npy", len(mapped))

    def __len__(self) -> int:
        return self._count

    def check(self, config: TrainingConfig) -> None:
        """Raise DatasetError unless shape and labels fit the configuration."""
        if self.shape != config.shape:
            raise DatasetError(f"the images are {self.shape}, the configuration has {config.shape}")
        if not config.classes:
            return
        if self._labels is None:
            raise DatasetError("labels.npy is missing: a conditional run needs it")
        highest = int(self._labels.max())
        if highest >= len(config.classes):
            raise DatasetError(
                f"labels.npy names class {highest}, "
                f"the configuration has {len(config.classes)} classes"
            )

    def move_to(self, device: torch.device) -> None:
        """Move the images to a GPU, if `device` is one and has room for them."""
        size = self._count * int(np.prod(self.shape))
        if device.type == "cuda":
            free, _ = torch.cuda.mem_get_info(device)
            if size <= GPU_MEMORY_SHARE * free:
                moved = torch.empty((self._count, *self.shape), dtype=torch.uint8, device=device)
                for part in torch.arange(self._count).split(8192):
                    moved[part[0] : part[-1] + 1] = self.batch(part).to(device)
                self._images = moved

    @property
    def on_disk(self) -> bool:
        """Whether batches are read from the file, which makes `prefetch` worthwhile."""
        return self._images is None

    def batch(self, indices: Tensor) -> Tensor:
        """(B,) indices -> (B, H, W, C) uint8, on the device of the dataset."""
        if self._images is not None:
            return self._images.index_select(0, indices.to(self._images.device))
        pending, self._prefetched = self._prefetched, None
        if pending is None or not torch.equal(pending.indices, indices):
            pending = self._read(indices)
        return pending.wait()

    def prefetch(self, indices: Tensor) -> None:
        """Begin to read the next batch. Errors are raised by the call of `batch` that uses it."""
        if self.on_disk:
            self._prefetched = self._read(indices)

    def _read(self, indices: Tensor) -> _PendingBatch:
        images = torch.empty((len(indices), *self.shape), dtype=torch.uint8)
        rows = images.numpy().reshape(len(indices), -1)
        parts = [
            self._readers.submit(self._file.read_rows, rows[part::READERS], indices[part::READERS])
            for part in range(min(READERS, len(indices)))
        ]
        return _PendingBatch(indices, images, parts)

    def labels(self, indices: Tensor) -> Tensor:
        """(B,) indices -> (B,) int64 indices of the configuration's classes."""
        assert self._labels is not None, "`check` requires labels"
        return self._labels[indices]

    def proportional_labels(self, count: int) -> Tensor:
        """(count,) int64 labels, in the proportions of the dataset."""
        assert self._labels is not None, "`check` requires labels"
        ordered = self._labels.sort().values
        return ordered[(torch.arange(count) * len(ordered)) // count]


class _ImagesFile:
    """The images of an images.npy on the disk, which threads read at any index."""

    def __init__(self, path: Path, offset: int) -> None:
        self._path, self._offset = path, offset
        self._descriptor = os.open(path, os.O_RDONLY)

    def read_rows(self, rows: np.ndarray, indices: Tensor) -> None:
        """Fill `rows` (B, bytes of an image) with the images of `indices` (B,)."""
        size = rows.shape[1]
        for row, index in zip(rows, indices.tolist(), strict=True):
            if os.preadv(self._descriptor, [row.data], self._offset + index * size) != size:
                raise DatasetError(f"{self._path} ends before image {index}")

    def close(self) -> None:
        os.close(self._descriptor)


def _close(readers: ThreadPoolExecutor, file: _ImagesFile) -> None:
    readers.shutdown(cancel_futures=True)
    file.close()


def split_held_out(images: int, share: float) -> tuple[Tensor, Tensor]:
    """The indices to learn from, and the held-out ones: `share` of all images, within 20 to 256.

    Fewer than 160 images are not split. The split is the same in every run on the same dataset.
    """
    order = torch.randperm(images, generator=random_stream(0, "held out"))
    count = min(MAX_HELD_OUT, max(MIN_HELD_OUT, int(images * share)))
    if share == 0 or images < MIN_HELD_OUT / MAX_HELD_OUT_SHARE:
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
        raise DatasetError(f"{path} is an archive of arrays, not a single array")
    return loaded


def _labels(path: Path, images: int) -> Tensor | None:
    if not path.exists():
        return None
    labels = np.array(_load(path))
    if labels.dtype != np.int64 or labels.shape != (images,) or labels.min() < 0:
        raise DatasetError(
            f"{path} holds {labels.dtype} {labels.shape}, not an int64 label per image"
        )
    return torch.from_numpy(labels)


class EpochSampler:
    """Draws every image once per epoch, each epoch in its own order; a batch may span epochs.

    The order depends only on the seed and the epoch: epoch and position are the whole state.
    """

    def __init__(self, images: int, seed: int) -> None:
        self.images = images
        self.seed = seed
        self._next_order: Tensor | None = None  # of the next epoch, once it is needed
        self.move_to(0, 0)

    def move_to(self, epoch: int, position: int) -> None:
        """Continue with the image at `position` of the order of `epoch`."""
        self.epoch, self.position = epoch, position
        self._order, self._next_order = self._order_of(epoch), None

    def take(self, count: int) -> Tensor:
        """The next `count` indices: (count,) int64."""
        parts = []
        while count > 0:
            part = self._order[self.position : self.position + count]
            parts.append(part)
            count -= len(part)
            self.position += len(part)
            if self.position == self.images:
                self._order, self._next_order = self._prepare_next_order(), None
                self.epoch, self.position = self.epoch + 1, 0
        return torch.cat(parts)

    def peek(self, count: int) -> Tensor:
        """The indices that `take` returns next, up to the end of the next epoch: (≤ count,)."""
        part = self._order[self.position : self.position + count]
        if len(part) == count:
            return part
        return torch.cat([part, self._prepare_next_order()[: count - len(part)]])

    def _prepare_next_order(self) -> Tensor:
        if self._next_order is None:
            self._next_order = self._order_of(self.epoch + 1)
        return self._next_order

    def _order_of(self, epoch: int) -> Tensor:
        return torch.randperm(self.images, generator=random_stream(self.seed, f"epoch {epoch}"))


def normalise(images: Tensor) -> Tensor:
    """uint8 (B, H, W, C) -> float32 (B, C, H, W) in [-1, 1], in channels_last memory."""
    return images.permute(0, 3, 1, 2).float().div_(127.5).sub_(1)
