"""The nearest training image of any image: exact search over a dataset's stored embeddings.

One matrix product per block of rows is as fast as a library such as faiss for the sizes of a
dataset. ONNX Runtime converts the blocks to float32 ten times as fast as numpy does, and starts no
threads, which numpy's product would. Does not import torch.
"""

import functools
import io
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from models.durable_files import write_durably
from models.onnx_runtime import onnxruntime
from models.onnx_sessions import open_session
from models.resources import usable_cores

FEATURES_FILE = "features.npy"
NEIGHBOURS_FILE = "neighbours.npy"
HALVES_ONNX = Path(__file__).with_name("nearest_halves.onnx")
SCORES_ONNX = Path(__file__).with_name("nearest_scores.onnx")
NEIGHBOUR_QUERIES = 10_000  # the most real images whose nearest other image is searched

# An image is a copy if its distance to the nearest training image is below this percentile of the
# distances from training images to their nearest other one. Of new images from the same
# distribution, 1 % count as copies.
COPY_PERCENTILE = 1.0
# The same image embedded in bfloat16 and in float32 may be this far apart: at most 0.025 on 600
# cats, and the Embedder promises 0.05. 95 % of different cats are ten times as far apart.
SAME_IMAGE_DISTANCE = 0.05

BLOCK_ROWS = 2048  # rows converted to float32 at a time: 1 MB, which fits a core's own cache
QUERIES_AT_A_TIME = 128  # 1 MB of scores for each thread: as fast as more, in less memory
# A generous bound of a float32 score's rounding: candidates within it are compared in float64.
MARGIN = 4e-6
# Candidates compared at a time, 64 MB on each side. Of more equally near ones, any one is taken.
CANDIDATES_AT_A_TIME = 1 << 16

Vectors = NDArray[np.floating[Any]]


class NoIndex(LookupError):
    """The folder has no embeddings to search, or they cannot be read."""


class Index:
    """The embeddings of a packed dataset, memory-mapped: float16 (N, F), of unit length.

    Beside the mapping it holds 4 bytes per image. The search is exact, except where more than
    CANDIDATES_AT_A_TIME images are equally near within rounding.
    """

    def __init__(self, folder: Path) -> None:
        self.features = _load(folder / FEATURES_FILE, np.float16, dimensions=2)
        self.neighbours = _load(folder / NEIGHBOURS_FILE, np.float32, dimensions=1)
        self._search = VectorSearch(self.features)

    def nearest(self, features: Vectors) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """(M, F) -> (M,) indices in the dataset, (M,) Euclidean distances.

        The vectors are first rounded to float16, like the stored ones.
        """
        return self._search.nearest(features.astype(np.float16))

    def nearest_to_one(
        self, features: Vectors, count: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """(F,) -> the `count` nearest, at most N: indices and distances, nearest first.

        The vector is first rounded to float16, like the stored ones.
        """
        return self._search.nearest_to_one(features.astype(np.float16), count)

    def percentile(self, distances: Vectors) -> NDArray[np.float64]:
        """(M,) -> (M,), 0 to 100: the percentage of real-to-real nearest distances below each."""
        smaller = np.searchsorted(self.neighbours, distances, side="left")
        return np.asarray(100 * smaller / len(self.neighbours), np.float64)


def open_index(fetch: Callable[[str], Path], embedding: str) -> Index:
    """Open the index of a packed dataset; `fetch` returns the path of a file of the dataset.

    Raises NoIndex if it is not of the network `embedding`, or cannot be read. The message
    continues a sentence that begins with the dataset's name.
    """
    try:
        made_with = json.loads(fetch("dataset.json").read_text())["embedding"]
    except FileNotFoundError as error:
        raise NoIndex("is being deleted") from error
    except KeyError as error:
        raise NoIndex("was packed before pictures were embedded: upload it again") from error
    if made_with != embedding:
        raise NoIndex(f"was embedded by {made_with}, this service has {embedding}: upload it again")
    try:
        folder = fetch(FEATURES_FILE).parent
        fetch(NEIGHBOURS_FILE)
        return Index(folder)
    except FileNotFoundError as error:
        raise NoIndex("has no embeddings any more: it is being deleted") from error
    except NoIndex as error:
        raise NoIndex(f"cannot be searched: {error}") from error


def write_index(folder: Path, features: Vectors) -> None:
    """Write `neighbours.npy`: the sorted distances of images to their nearest other one, float32.

    `features` is (N, F). A single image has distance 0. Of more than 10,000 images, the distances
    of a fixed sample of 10,000 are written. Neighbours are always searched among all N.
    """
    stored = np.asarray(features, np.float16)
    count = len(stored)
    indices = np.arange(count)
    if count > NEIGHBOUR_QUERIES:
        indices = np.sort(np.random.default_rng(0).choice(count, NEIGHBOUR_QUERIES, replace=False))
    search = VectorSearch(stored)

    def distances_of(part: slice) -> NDArray[np.float32]:
        return search.nearest(stored[indices[part]], own=indices[part])[1]

    with ThreadPoolExecutor(usable_cores(), "index") as pool:
        distances = list(pool.map(distances_of, _slices(len(indices), QUERIES_AT_A_TIME)))
    buffer = io.BytesIO()
    np.save(buffer, np.sort(np.concatenate(distances)))
    write_durably(folder / NEIGHBOURS_FILE, buffer.getvalue())


def copy_distance(neighbours: Vectors) -> float:
    """The distance to a training image up to which an image is a copy of it (COPY_PERCENTILE).

    `neighbours` (N,): the distances of real images to their nearest other one.
    """
    return max(SAME_IMAGE_DISTANCE, float(np.percentile(neighbours, COPY_PERCENTILE)))


class VectorSearch:
    """Exact search among (N, F) float16 vectors. Its score ½|x|² - x·q orders as |x - q| does.

    Thread-safe, and computes in the calling thread.
    """

    def __init__(self, stored: NDArray[np.float16]) -> None:
        self._stored = stored
        # ½|x|²: float16 vectors do not have exactly the length 1.
        self._halves = np.empty(len(stored), np.float32)
        for rows in _slices(len(stored), BLOCK_ROWS):
            (self._halves[rows],) = _session(HALVES_ONNX).run(None, {"stored": stored[rows]})

    def nearest(
        self, queries: NDArray[np.float16], own: NDArray[np.int64] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """(M, F) -> (M,) indices, (M,) distances.

        `own` (M,) are the indices of the queries themselves among the stored vectors; a query is
        not its own nearest.
        """
        indices = np.empty(len(queries), np.int64)
        distances = np.empty(len(queries), np.float32)
        for part in _slices(len(queries), QUERIES_AT_A_TIME):
            nearest = _NearestSoFar(self._stored, queries[part])
            self._scan(nearest, None if own is None else own[part])
            indices[part], distances[part] = nearest.indices, np.sqrt(nearest.squares)
        return indices, distances

    def nearest_to_one(
        self, query: NDArray[np.float16], count: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """(F,) -> the `count` nearest, nearest first; of equals the lowest index."""
        queries = query[None].astype(np.float32)
        blocks = _slices(len(self._stored), BLOCK_ROWS)
        scores = np.concatenate([self._scores(rows, queries)[0] for rows in blocks])
        count = min(count, len(scores))
        limit = np.partition(scores, count - 1)[count - 1] + MARGIN
        candidates = np.flatnonzero(scores <= limit)[:CANDIDATES_AT_A_TIME]
        differences = self._stored[candidates].astype(np.float64) - query
        distances = np.linalg.norm(differences, axis=1)
        order = np.argsort(distances, kind="stable")[:count]
        return candidates[order], distances[order].astype(np.float32)

    def distances(self, queries: Vectors) -> NDArray[np.float32]:
        """(M, F) -> (M, N): the Euclidean distance to every stored vector, within 1e-3."""
        queries = queries.astype(np.float32)
        squares = np.empty((len(queries), len(self._stored)), np.float32)
        for rows in _slices(len(self._stored), BLOCK_ROWS):
            squares[:, rows] = self._scores(rows, queries)
        squares *= 2
        squares += np.square(queries).sum(1, keepdims=True)
        return np.sqrt(np.maximum(squares, 0, out=squares), out=squares)

    def _scan(self, nearest: "_NearestSoFar", own: NDArray[np.int64] | None) -> None:
        queries = nearest.queries.astype(np.float32)  # (M, F)
        best = np.full(len(queries), np.inf, np.float32)
        for rows in _slices(len(self._stored), BLOCK_ROWS):
            scores = self._scores(rows, queries)  # (M, R)
            if own is not None:
                inside = np.flatnonzero((own >= rows.start) & (own < rows.stop))
                scores[inside, own[inside] - rows.start] = np.inf
            lowest = scores.min(1)
            best = np.minimum(best, lowest)
            improving = np.flatnonzero((lowest <= best + MARGIN) & (nearest.squares > 0))
            if len(improving) == 0:
                continue
            improved = scores[improving]
            query, column = np.nonzero(improved <= (best[improving] + MARGIN)[:, None])
            if len(column) > CANDIDATES_AT_A_TIME:
                query, column = np.arange(len(improving)), improved.argmin(1)
            nearest.add(column + rows.start, improving[query])

    def _scores(self, rows: slice, queries: NDArray[np.float32]) -> NDArray[np.float32]:
        """(M, F) -> (M, R)."""
        inputs = {"stored": self._stored[rows], "halves": self._halves[rows], "queries": queries}
        (scores,) = _session(SCORES_ONNX).run(None, inputs)
        return cast(NDArray[np.float32], scores)


class _NearestSoFar:
    """The nearest stored vector of each query so far: `indices` (M,), squared distances (M,)."""

    def __init__(self, stored: NDArray[np.float16], queries: NDArray[np.float16]) -> None:
        self.queries = queries
        self._stored = stored
        self.indices = np.zeros(len(queries), np.int64)
        self.squares = np.full(len(queries), np.inf)

    def add(self, indices: NDArray[np.int64], query: NDArray[np.int64]) -> None:
        """Consider candidates: (P,) indices, higher than all before, each for one of (P,) queries.

        Distances are compared in float64; among equal ones the lowest index wins.
        """
        differences = self._stored[indices].astype(np.float64) - self.queries[query]
        square = np.square(differences).sum(1)
        lowest = self.squares.copy()
        np.minimum.at(lowest, query, square)
        best = np.flatnonzero(square == lowest[query])
        first = np.full_like(self.indices, np.iinfo(np.int64).max)
        np.minimum.at(first, query[best], indices[best])
        self.indices = np.where(lowest < self.squares, first, self.indices)
        self.squares = lowest


@functools.cache
def _session(path: Path) -> onnxruntime.InferenceSession:
    return open_session(path)


def _slices(stop: int, size: int) -> list[slice]:
    return [slice(first, min(first + size, stop)) for first in range(0, stop, size)]


def _load(path: Path, dtype: type[np.floating[Any]], dimensions: int) -> NDArray[Any]:
    try:
        loaded = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError as error:
        raise NoIndex(f"{path.name} is missing: packed before there were embeddings") from error
    except (ValueError, EOFError) as error:
        raise NoIndex(f"{path.name} cannot be read as an array: {error}") from error
    if not isinstance(loaded, np.ndarray) or loaded.dtype != dtype or loaded.ndim != dimensions:
        raise NoIndex(f"{path.name} holds no {dtype.__name__} array of {dimensions} dimensions")
    if len(loaded) == 0:
        raise NoIndex(f"{path.name} is empty")
    return np.asarray(loaded)  # still mapped; slices of a memmap object are slower
