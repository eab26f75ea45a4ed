"""One pass over images.npy: the embedding of every picture, and what its pixels say."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap

from worker.ingest.doctor.measures import THUMBNAIL, Measures, Ruler
from worker.ingest.images_file import Shape, read_blocks

BLOCK_BYTES = 8 << 20
MAX_BLOCK = 256  # pictures
POLL_SECONDS = 0.1


def look(folder: Path, shape: Shape, tick: Callable[[int], None]) -> tuple[str, Measures]:
    """Write features.npy, float16 (N, F); the embedding's name and the measures.

    The thumbnails lie in a file, thumbnails.npy, so that a million takes no memory. `tick` is
    called with the number of pictures done.
    """
    from models.scoring.embedding import FEATURES, Embedder  # loads torch: not for what is rejected

    tick(0)
    embedder, ruler = Embedder(), Ruler(*shape[1:3])
    count = shape[0]
    features = allocate(folder / "features.npy", np.float16, (count, FEATURES))
    thumbnails = allocate(folder / "thumbnails.npy", np.uint8, (count, THUMBNAIL, THUMBNAIL))
    sharpness, variation, bars = (np.empty(count, np.float32) for _ in range(3))
    at_once = max(8, min(MAX_BLOCK, BLOCK_BYTES // int(np.prod(shape[1:]))))
    start = 0
    for pictures in read_blocks(folder / "images.npy", shape, at_once):
        part = slice(start, start + len(pictures))
        features[part] = embedder(pictures)
        measured = ruler(pictures)
        thumbnails[part] = measured.thumbnails
        sharpness[part], variation[part] = measured.sharpness, measured.variation
        bars[part] = measured.bars
        start += len(pictures)
        tick(start)
    features.flush()
    return embedder.name, Measures(sharpness, variation, bars, thumbnails)


def allocate(path: Path, dtype: type[np.generic], shape: tuple[int, ...]) -> np.memmap:
    """A new mapped array whose bytes are on the disk already.

    Without them, a write on a full disk would end the process with SIGBUS and raise no error.
    """
    array = open_memmap(path, "w+", dtype, shape)
    if hasattr(os, "posix_fallocate"):  # not on macOS
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return array


def write_neighbours(folder: Path, tick: Callable[[], None]) -> None:
    """The index of features.npy, beside it; it takes seconds without a pause, in a thread here."""
    from models.scoring.nearest import write_index

    failures: list[BaseException] = []

    def write() -> None:
        try:
            write_index(folder, np.load(folder / "features.npy", mmap_mode="r"))
        except BaseException as error:  # noqa: BLE001  raised where it was asked for
            failures.append(error)

    thread = threading.Thread(target=write, name="index", daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(POLL_SECONDS)
        tick()
    if failures:
        raise failures[0]
