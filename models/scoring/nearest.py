"""The nearest training picture of any picture: exact search over a dataset's stored embeddings."""

import io
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.durable_files import write_durably

FEATURES_FILE = "features.npy"
NEIGHBOURS_FILE = "neighbours.npy"
NEIGHBOUR_QUERIES = 10_000  # real pictures whose nearest other one is looked up, at most

# A picture is a copy when it is nearer to its nearest training picture than this percentage of
# the training pictures are to theirs: of new pictures just like these, 1 % count as copies.
COPY_PERCENTILE = 1.0
# What bfloat16 makes of no distance at all, against float32: at most 0.025 on 600 cats, and the
# Embedder promises 0.05. Cats that are not the same are ten times as far apart (95 % of them).
SAME_PICTURE = 0.05

BLOCK = 2048  # rows widened to float32 at a time: 1 MB, which stays in a core's own cache
SCORES = 1 << 20  # scores held at a time: 4 MB
QUERIES = 1024  # searched at a time
MARGIN = 4e-6  # rounding of a float32 score, generously: what lies within is settled in float64
PAIRS = 1 << 16  # settled at a time, 64 MB for each side; of more that are so near, any one will do

Vectors = NDArray[np.floating[Any]]


class NoIndex(LookupError):
    """The folder has no embeddings to search, or ones that cannot be read."""


class Index:
    """The embeddings of a packed dataset, memory-mapped: float16 (N, F), of unit length.

    Beside the mapping it holds 4 bytes for each picture. Searching is exact, but where a multitude
    is equally near to within rounding.
    """

    def __init__(self, folder: Path) -> None:
        features = _load(folder / FEATURES_FILE, np.float16, dimensions=2)
        self.neighbours = _load(folder / NEIGHBOURS_FILE, np.float32, dimensions=1)
        self._search = _Search(features)

    def nearest(self, features: Vectors) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """(M, F) -> (M,) places in the dataset, (M,) Euclidean distances.

        The vectors are rounded to float16 first, as those were that they are compared with.
        """
        return self._search.nearest(features.astype(np.float16))

    def percentile(self, distances: Vectors) -> NDArray[np.float64]:
        """(M,) -> (M,) 0 … 100: the share of real-to-real nearest distances that are smaller."""
        smaller = np.searchsorted(self.neighbours, distances, side="left")
        return np.asarray(100 * smaller / len(self.neighbours), np.float64)


def open_index(fetch: Callable[[str], Path], embedding: str) -> Index:
    """The index of a packed dataset, which `embedding` has made; `fetch` gives a file of it.

    Raises NoIndex with what is the matter, in words that go on from the dataset's name.
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
    """Write `neighbours.npy`: float32, how near pictures are to their nearest other one, sorted.

    `features` (N, F); a lone picture is at 0. Up to 10,000 pictures are all looked up, of more a
    fixed sample of 10,000, always among all N.
    """
    stored = np.asarray(features, np.float16)
    count = len(stored)
    places = np.arange(count)
    if count > NEIGHBOUR_QUERIES:
        places = np.sort(np.random.default_rng(0).choice(count, NEIGHBOUR_QUERIES, replace=False))
    _, distances = _Search(stored).nearest(stored[places], own=places)
    buffer = io.BytesIO()
    np.save(buffer, np.sort(distances))
    write_durably(folder / NEIGHBOURS_FILE, buffer.getvalue())


def copy_distance(neighbours: Vectors) -> float:
    """As near as this to a training picture, or nearer, is a copy of it: the definition above.

    `neighbours` (N,): the distances of real pictures to their nearest other one.
    """
    return max(SAME_PICTURE, float(np.percentile(neighbours, COPY_PERCENTILE)))


class _Search:
    """The nearest of (N, F) float16 vectors. ½|x|² - x·q orders them as |x - q| does."""

    def __init__(self, stored: NDArray[np.float16]) -> None:
        with warnings.catch_warnings(action="ignore"):  # that it cannot be written: nobody does
            self._stored = torch.from_numpy(stored)  # the mapping itself
        self._halves = torch.empty(len(stored))  # ½|x|²: rounded to float16, none is quite 1
        for rows in _slices(0, len(stored), BLOCK):
            self._halves[rows] = self._stored[rows].float().square_().sum(1).div_(2)

    def nearest(
        self, queries: NDArray[np.float16], own: NDArray[np.int64] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """(M, F) -> (M,) places, (M,) distances. `own` (M,): where each is stored itself, which
        is not what is looked for."""
        places = np.empty(len(queries), np.int64)
        distances = np.empty(len(queries), np.float32)
        for part in _slices(0, len(queries), QUERIES):
            found = _Found(self._stored, torch.from_numpy(queries[part]))
            self._find(found, None if own is None else torch.from_numpy(own[part]))
            places[part], distances[part] = found.places, found.squares.sqrt()
        return places, distances

    def _find(self, found: "_Found", own: Tensor | None) -> None:
        queries = found.queries.float()  # (M, F)
        best = torch.full((len(queries),), torch.inf)
        held = max(1, SCORES // len(queries) // BLOCK) * BLOCK
        scores = torch.empty(len(queries), min(held, len(self._stored)))
        for rows in _slices(0, len(self._stored), held):
            part = self._score(rows, queries, scores[:, : rows.stop - rows.start])
            if own is not None:
                (inside,) = torch.where((own >= rows.start) & (own < rows.stop))
                part[inside, own[inside] - rows.start] = torch.inf
            low = part.amin(1)
            best = torch.minimum(best, low)
            (hopeful,) = torch.where((low <= best + MARGIN) & (found.squares > 0))
            query, place = torch.where(part[hopeful] <= (best[hopeful] + MARGIN)[:, None])
            if len(place) > PAIRS:
                query, place = torch.arange(len(hopeful)), part[hopeful].argmin(1)
            found.settle(place + rows.start, hopeful[query])

    def _score(self, rows: slice, queries: Tensor, scores: Tensor) -> Tensor:
        """(M, R) scores of the rows, widened in blocks that stay in cache."""
        wide = torch.empty(BLOCK, queries.shape[1])
        for block in _slices(rows.start, rows.stop, BLOCK):
            widened = wide[: block.stop - block.start].copy_(self._stored[block])
            out = scores[:, block.start - rows.start : block.stop - rows.start]
            torch.addmm(self._halves[block], queries, widened.T, alpha=-1, out=out)
        return scores


class _Found:
    """The best so far of each query: `places` (M,), and the `squares` of their distances (M,)."""

    def __init__(self, stored: Tensor, queries: Tensor) -> None:
        self.queries = queries
        self._stored = stored
        self.places = torch.zeros(len(queries), dtype=torch.int64)
        self.squares = torch.full((len(queries),), torch.inf, dtype=torch.float64)

    def settle(self, places: Tensor, query: Tensor) -> None:
        """Compare (P,) places, higher than all before, with the (P,) queries that they may suit."""
        square = (self._stored[places].double() - self.queries[query].double()).square_().sum(1)
        lowest = self.squares.scatter_reduce(0, query, square, "amin")
        (best,) = torch.where(square == lowest[query])
        first = torch.full_like(self.places, torch.iinfo(torch.int64).max)
        first = first.scatter_reduce(0, query[best], places[best], "amin")
        self.places = torch.where(lowest < self.squares, first, self.places)
        self.squares = lowest


def _slices(start: int, stop: int, size: int) -> list[slice]:
    return [slice(first, min(first + size, stop)) for first in range(start, stop, size)]


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
    return loaded
