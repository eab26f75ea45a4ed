"""Pairs of images whose embeddings are close: an exact search, or by clusters in large datasets.

`models.scoring.nearest` finds the one nearest image of a query, exactly, over the files of a
dataset. This search differs: it lists every pair below a distance, visits each pair once, and at a
million images trades some recall for time in proportion to their number.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

EXACT_UP_TO = 40_000  # images: their 800 million pairs take some seconds
ROWS = 512  # compared at a time
COLUMNS = 8192  # with this many at a time: 16 MB
PAIRS_PER_IMAGE = 8  # of an image with its nearest earlier images; other pairs are left out
CLUSTER_SIZE = 1000  # images, on average
MAX_CLUSTERS = 4096
PROBES = 3  # the nearest clusters, with whose images an image is compared
WINDOW = 8192  # images of a larger cluster that are compared at once
ROUNDS = 6  # of k-means
SAMPLE_PER_CLUSTER = 32  # images from which a centre is computed

Features = NDArray[np.floating]
Indices = NDArray[np.int64]
# (n,) later and earlier image of each pair, and the similarity of their embeddings
Block = tuple[Indices, Indices, NDArray[np.float32]]


@dataclass(frozen=True)
class Pairs:
    """Pairs of indices, sorted by the later image, with the distances of their embeddings."""

    later: Indices
    earlier: Indices
    distances: NDArray[np.float32]


def close_pairs(
    features: Features,
    limit: float,
    tick: Callable[[int], None],
    exact_up_to: int = EXACT_UP_TO,
) -> Pairs:
    """Return the pairs of (N, F) unit vectors nearer than `limit`.

    Of each vector, these are the pairs with its 8 nearest earlier vectors at most.

    Up to `exact_up_to` images, every pair is compared. Beyond, each image is compared only with the
    images of the clusters whose centres are nearest to it; a pair is missed if the cluster of the
    earlier image is not among these. `tick` is called with the number of images that are done.
    """
    if len(features) <= exact_up_to:
        blocks = _every_pair(features, limit, tick)
    else:
        blocks = _pairs_by_clusters(features, limit, tick)
    later, earlier, _ = _nearest(blocks)
    return Pairs(later, earlier, distances_between(features, later, earlier))


def distances_between(features: Features, first: Indices, second: Indices) -> NDArray[np.float32]:
    """(n,) and (n,) -> (n,), from the differences: 2 - 2x·y loses small distances to rounding."""
    distances = np.empty(len(first), np.float32)
    for start in range(0, len(first), ROWS):
        part = slice(start, start + ROWS)
        difference = features[first[part]].astype(np.float32)
        difference -= features[second[part]]
        distances[part] = np.linalg.norm(difference, axis=1)
    return distances


def _every_pair(features: Features, limit: float, tick: Callable[[int], None]) -> Iterator[Block]:
    whole = features.astype(np.float32)
    yield _empty_block()
    for start in range(0, len(whole), ROWS):
        rows = np.arange(start, min(start + ROWS, len(whole)))
        columns = np.arange(rows[-1] + 1)
        yield _nearest(_compare(whole[rows], rows, whole[: len(columns)], columns, limit))
        tick(int(rows[-1]) + 1)


def _pairs_by_clusters(
    features: Features, limit: float, tick: Callable[[int], None]
) -> Iterator[Block]:
    centres = _centres(features, tick)
    probed = np.empty((len(features), PROBES), np.int64)
    for start in range(0, len(features), ROWS):
        similarity = features[start : start + ROWS].astype(np.float32) @ centres.T
        nearest = np.argpartition(-similarity, range(PROBES), axis=1)
        probed[start : start + ROWS] = nearest[:, :PROBES]
        tick(0)
    members = _positions_by_value(probed[:, 0], len(centres))
    visitors = _positions_by_value(probed.reshape(-1), len(centres))
    yield _empty_block()
    done = 0
    for centre, inside, visits in zip(centres, members, visitors, strict=True):
        if len(inside):
            yield from _within_cluster(features, centre, visits // PROBES, inside, limit, tick)
        done += len(inside)
        tick(done)


def _positions_by_value(values: Indices, count: int) -> list[Indices]:
    """For each value below `count` the positions at which it occurs."""
    order = np.argsort(values, kind="stable")
    return np.split(order, np.searchsorted(values[order], np.arange(1, count)))


def _within_cluster(
    features: Features,
    centre: Features,
    visitors: Indices,
    members: Indices,
    limit: float,
    tick: Callable[[int], None],
) -> Iterator[Block]:
    """Pairs of the members of a cluster with its visitors, which include the members.

    Images that are close have about the same distance from the centre. In a large cluster, each
    visitor is compared with a window of the members whose distance is most like its own.
    """
    stored, queries = (features[indices].astype(np.float32) for indices in (members, visitors))
    order = np.argsort(stored @ centre)
    stored, members = stored[order], members[order]
    order = np.argsort(queries @ centre)
    queries, visitors = queries[order], visitors[order]
    positions = np.searchsorted(stored @ centre, queries @ centre)
    for start in range(0, len(visitors), ROWS):
        rows = slice(start, start + ROWS)
        low, high = max(0, positions[rows][0] - WINDOW // 2), positions[rows][-1] + WINDOW // 2
        window = stored[low:high], members[low:high]
        yield _nearest(_compare(queries[rows], visitors[rows], *window, limit))
        tick(0)


def _compare(
    rows: Features, row_indices: Indices, columns: Features, column_indices: Indices, limit: float
) -> Iterator[Block]:
    """Yield for each row its nearest earlier columns within the limit, by blocks of COLUMNS."""
    least = 1 - limit**2 / 2
    for start in range(0, len(columns), COLUMNS):
        part = slice(start, start + COLUMNS)
        similarity = rows @ columns[part].T
        similarity[column_indices[part] >= row_indices[:, None]] = -np.inf
        is_near = similarity > least
        if np.count_nonzero(is_near) > PAIRS_PER_IMAGE * len(rows):  # keep only the nearest
            kept = min(PAIRS_PER_IMAGE, similarity.shape[1])
            nearest = np.argpartition(-similarity, kept - 1, 1)
            row = np.repeat(np.arange(len(rows)), kept)
            column = nearest[:, :PAIRS_PER_IMAGE].reshape(-1)
            is_kept = is_near[row, column]
            row, column = row[is_kept], column[is_kept]
        else:
            row, column = np.nonzero(is_near)
        values = similarity[row, column].astype(np.float32)
        yield row_indices[row], column_indices[part][column], values


def _nearest(blocks: Iterator[Block]) -> Block:
    """Return for each image its nearest earlier images in all blocks, the nearest first."""
    later, earlier, similarities = (np.concatenate(part) for part in zip(*blocks, strict=True))
    order = np.lexsort((-similarities, later))
    order = order[_ranks(later[order]) < PAIRS_PER_IMAGE]
    return later[order], earlier[order], similarities[order]


def _ranks(sorted_values: Indices) -> Indices:
    """0, 1, 2, … within each run of equal values."""
    return np.arange(len(sorted_values)) - np.searchsorted(sorted_values, sorted_values)


def _empty_block() -> Block:
    return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32)


def _centres(features: Features, tick: Callable[[int], None]) -> NDArray[np.float32]:
    """(K, F) of unit length, by k-means on the sphere (Dhillon and Modha 2001) over a sample."""
    count = min(MAX_CLUSTERS, max(1, len(features) // CLUSTER_SIZE))
    generator = np.random.default_rng(0)
    size = min(len(features), count * SAMPLE_PER_CLUSTER)
    chosen = np.sort(generator.choice(len(features), size, False))
    sample = features[chosen].astype(np.float32)
    centres = sample[generator.choice(len(sample), count, False)]
    for _ in range(ROUNDS):
        sums = np.zeros_like(centres)
        for start in range(0, len(sample), ROWS):
            part = sample[start : start + ROWS]
            np.add.at(sums, (part @ centres.T).argmax(1), part)
            tick(0)
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        centres = np.where(lengths > 0, sums / np.maximum(lengths, 1e-12), centres)
    return centres
