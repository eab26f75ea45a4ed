"""Pairs of pictures whose embeddings are close: exact while that is quick, by clusters beyond."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

EXACT = 40_000  # pictures: their 800 million pairs take some seconds
ROWS = 512  # compared at a time
COLUMNS = 8192  # with so many at a time: 16 MB
PER_PICTURE = 8  # nearest earlier ones that are kept
CLUSTER = 1000  # pictures, on average
MAX_CLUSTERS = 4096
PROBES = 3  # clusters whose pictures each is compared with
WINDOW = 8192  # pictures of one cluster that are compared at once, where it holds more
ROUNDS = 6  # of k-means
SAMPLE = 32  # pictures for each cluster, from which its centre is learnt

Features = NDArray[np.floating]
Places = NDArray[np.int64]


@dataclass(frozen=True)
class Pairs:
    """Each (later, earlier) in the order of the pictures, with the distance of their embeddings."""

    later: Places
    earlier: Places
    distances: NDArray[np.float32]


def close_pairs(
    features: Features, limit: float, tick: Callable[[int], None], exact: int = EXACT
) -> Pairs:
    """Pairs of (N, F) unit vectors nearer than `limit`; of each picture its nearest earlier ones.

    Up to `exact` pictures every pair is looked at. Of more, each picture is compared with those of
    the clusters whose centres are the nearest to it, so that a pair is missed where the earlier
    one's own cluster is none of these. `tick` is called with the number of pictures done.
    """
    if len(features) <= exact:
        blocks = _every_pair(features, limit, tick)
    else:
        blocks = _by_clusters(features, limit, tick)
    later, earlier, _ = _nearest(blocks)
    return Pairs(later, earlier, distances_between(features, later, earlier))


def distances_between(features: Features, ones: Places, others: Places) -> NDArray[np.float32]:
    """(n,) by the difference itself: of the near, 2 - 2x·y is lost in the rounding of lengths."""
    distances = np.empty(len(ones), np.float32)
    for start in range(0, len(ones), ROWS):
        part = slice(start, start + ROWS)
        difference = features[ones[part]].astype(np.float32)
        difference -= features[others[part]]
        distances[part] = np.linalg.norm(difference, axis=1)
    return distances


Found = tuple[Places, Places, NDArray[np.float32]]


def _every_pair(features: Features, limit: float, tick: Callable[[int], None]) -> Iterator[Found]:
    whole = features.astype(np.float32)
    yield _nothing()
    for start in range(0, len(whole), ROWS):
        rows = np.arange(start, min(start + ROWS, len(whole)))
        columns = np.arange(rows[-1] + 1)
        yield _nearest(_compare(whole[rows], rows, whole[: len(columns)], columns, limit))
        tick(int(rows[-1]) + 1)


def _by_clusters(features: Features, limit: float, tick: Callable[[int], None]) -> Iterator[Found]:
    centres = _centres(features, tick)
    probed = np.empty((len(features), PROBES), np.int64)
    for start in range(0, len(features), ROWS):
        similarity = features[start : start + ROWS].astype(np.float32) @ centres.T
        nearest = np.argpartition(-similarity, range(PROBES), axis=1)
        probed[start : start + ROWS] = nearest[:, :PROBES]
        tick(0)
    members = _by_value(probed[:, 0], len(centres))
    visitors = _by_value(probed.reshape(-1), len(centres))
    yield _nothing()
    done = 0
    for centre, inside, visits in zip(centres, members, visitors, strict=True):
        if len(inside):
            yield from _within(features, centre, visits // PROBES, inside, limit, tick)
        done += len(inside)
        tick(done)


def _by_value(values: Places, count: int) -> list[Places]:
    """For each value below `count` the places that hold it."""
    order = np.argsort(values, kind="stable")
    return np.split(order, np.searchsorted(values[order], np.arange(1, count)))


def _within(
    features: Features,
    centre: Features,
    asking: Places,
    inside: Places,
    limit: float,
    tick: Callable[[int], None],
) -> Iterator[Found]:
    """Pairs of one cluster's pictures with those that ask there, which include them.

    What is near another lies about as far from the centre: where there are very many, each is
    compared with the window of those whose distance from the centre is the most like its own.
    """
    stored, ours = (features[places].astype(np.float32) for places in (inside, asking))
    order = np.argsort(stored @ centre)
    stored, inside = stored[order], inside[order]
    order = np.argsort(ours @ centre)
    ours, asking = ours[order], asking[order]
    places = np.searchsorted(stored @ centre, ours @ centre)
    for start in range(0, len(asking), ROWS):
        rows = slice(start, start + ROWS)
        low, high = max(0, places[rows][0] - WINDOW // 2), places[rows][-1] + WINDOW // 2
        window = stored[low:high], inside[low:high]
        yield _nearest(_compare(ours[rows], asking[rows], *window, limit))
        tick(0)


def _compare(
    rows: Features, row_places: Places, columns: Features, column_places: Places, limit: float
) -> Iterator[Found]:
    """Of each row its nearest earlier columns within the limit, some columns at a time."""
    least = 1 - limit**2 / 2
    for start in range(0, len(columns), COLUMNS):
        some = slice(start, start + COLUMNS)
        similarity = rows @ columns[some].T
        similarity[column_places[some] >= row_places[:, None]] = -np.inf
        near = similarity > least
        if np.count_nonzero(near) > PER_PICTURE * len(rows):  # of those of a crowd the nearest
            nearest = np.argpartition(-similarity, min(PER_PICTURE, similarity.shape[1]) - 1, 1)
            row = np.repeat(np.arange(len(rows)), min(PER_PICTURE, similarity.shape[1]))
            column = nearest[:, :PER_PICTURE].reshape(-1)
            found = near[row, column]
            row, column = row[found], column[found]
        else:
            row, column = np.nonzero(near)
        values = similarity[row, column].astype(np.float32)
        yield row_places[row], column_places[some][column], values


def _nearest(blocks: Iterator[Found]) -> Found:
    """Of each picture its nearest earlier ones in all the blocks, the nearest first."""
    later, earlier, similarities = (np.concatenate(part) for part in zip(*blocks, strict=True))
    order = np.lexsort((-similarities, later))
    order = order[_ranks(later[order]) < PER_PICTURE]
    return later[order], earlier[order], similarities[order]


def _ranks(sorted_values: Places) -> Places:
    """0, 1, 2, … within each run of equals."""
    return np.arange(len(sorted_values)) - np.searchsorted(sorted_values, sorted_values)


def _nothing() -> Found:
    return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32)


def _centres(features: Features, tick: Callable[[int], None]) -> NDArray[np.float32]:
    """(K, F) of unit length, by k-means on the sphere (Dhillon and Modha 2001) over a sample."""
    count = min(MAX_CLUSTERS, max(1, len(features) // CLUSTER))
    generator = np.random.default_rng(0)
    chosen = np.sort(generator.choice(len(features), min(len(features), count * SAMPLE), False))
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
