"""Embeds and measures every image in one pass over images.npy, and indexes the embeddings."""

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.lib.format import open_memmap

from models.resources import usable_cores
from models.scoring.embedding_definition import FEATURES
from worker.ingest.doctor.measures import THUMBNAIL_SIDE, Measurer, Measures
from worker.ingest.images_file import Shape, read_blocks

Result = TypeVar("Result")

MAX_BLOCK_BYTES = 8 << 20
MAX_BLOCK_IMAGES = 256
TICK_SECONDS = 0.1


def embed_and_measure(
    folder: Path, shape: Shape, tick: Callable[[int], None]
) -> tuple[str, Measures]:
    """Write features.npy, float16 (N, F); return the name of the embedding, and the measures.

    The thumbnails are mapped from a file, thumbnails.npy: those of a million images would take a
    gigabyte of memory. `tick` is called with the number of images that are done.
    """
    # Imported late: an upload without usable images does not need ONNX Runtime.
    from models.scoring.onnx_embedder import OnnxEmbedder

    tick(0)
    embedder, measurer = OnnxEmbedder(), Measurer(*shape[1:3])
    count, cores = shape[0], usable_cores()
    features = allocate(folder / "features.npy", np.float16, (count, FEATURES))
    thumbnails = allocate(
        folder / "thumbnails.npy", np.uint8, (count, THUMBNAIL_SIDE, THUMBNAIL_SIDE)
    )
    sharpness, variation, bars = (np.empty(count, np.float32) for _ in range(3))
    block_size = max(8, min(MAX_BLOCK_IMAGES, MAX_BLOCK_BYTES // int(np.prod(shape[1:]))))
    start = 0
    with ThreadPoolExecutor(cores, thread_name_prefix="embedding") as pool:
        for images in read_blocks(folder / "images.npy", shape, block_size):
            part = slice(start, start + len(images))
            embedded = [pool.submit(embedder, images[first::cores]) for first in range(cores)]
            measures = measurer(images)
            thumbnails[part] = measures.thumbnails
            sharpness[part], variation[part] = measures.sharpness, measures.variation
            bars[part] = measures.bars
            for first, rows in enumerate(embedded):
                features[part][first::cores] = rows.result()
            start += len(images)
            tick(start)
    features.flush()
    return embedder.name, Measures(sharpness, variation, bars, thumbnails)


def allocate(path: Path, dtype: type[np.generic], shape: tuple[int, ...]) -> np.memmap:
    """Create a mapped array whose bytes are allocated on the disk.

    Without that, a write on a full disk would end the process with SIGBUS and raise no error.
    """
    array = open_memmap(path, "w+", dtype, shape)
    if hasattr(os, "posix_fallocate"):  # not on macOS
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return array


def write_neighbours(folder: Path, tick: Callable[[], None]) -> None:
    """Write the index of features.npy beside it, in a thread, calling `tick` meanwhile."""
    from models.scoring.nearest import write_index

    features = np.load(folder / "features.npy", mmap_mode="r")
    pool = ThreadPoolExecutor(1, thread_name_prefix="index")
    future = pool.submit(write_index, folder, features)
    pool.shutdown(wait=False)
    await_result(future, tick)


def await_result(future: Future[Result], tick: Callable[[], None]) -> Result:
    """Wait for the result of a thread, calling `tick` ten times a second."""
    while not future.done():
        wait([future], TICK_SECONDS)
        tick()
    return future.result()
