"""Letterboxes: uniform bars at two opposite edges, with a straight border to the picture between.

A picture on a plain background has uniform edges too, but is not letterboxed: little of the first
row inside its edges differs from them, or a plain margin remains at a third side (a digit may have
flat strokes at the top and at the bottom).
"""

import numpy as np
from numpy.typing import NDArray

from worker.ingest.decoding.levels import Pixels

TOLERANCE = 12  # levels within a bar and between the two: the noise of JPEG in a plain colour
DIFFERENT = 24  # levels from the colour of the bar, at which a pixel belongs to the picture
MIN_BARS = 3  # pixels, both bars together, each at least one
MIN_BARS_SHARE = 0.04  # of the side, both bars together
MAX_BARS_SHARE = 0.7  # of the side, both bars together: the rest is a picture
STRAIGHT = 0.6  # share of the first rows inside that differs from the bar
STRAIGHT_IN_FRAME = 0.9  # share of the first columns inside a frame that differs from it
ROWS_INSIDE = 3  # resampling blurs the border over as many rows

Floats = NDArray[np.float32]


def bar_shares(images: Pixels) -> Floats:
    """(N, H, W, C) -> (N,): the share of the area that bars take, 0 where there is no pair."""
    horizontal = _row_shares(images)
    vertical = _row_shares(images.transpose(0, 2, 1, 3))
    return 1 - (1 - horizontal) * (1 - vertical)


def _row_shares(images: Pixels) -> Floats:
    """(N, H, W, C) -> (N,): the share of the rows that bars at the top and bottom take."""
    shares = np.zeros(len(images), np.float32)
    candidates = _is_uniform(images[:, 0]) & _is_uniform(images[:, -1])
    candidates &= _is_similar(images[:, 0, 0], images[:, -1, 0])
    indices = np.flatnonzero(candidates)
    if len(indices):
        shares[indices] = _measure(images[indices].astype(np.int16))
    return shares


def _is_uniform(rows: Pixels) -> NDArray[np.bool_]:
    """(N, W, C) -> (N,): whether all pixels have about one colour."""
    uniform: NDArray[np.bool_] = (rows.max(1) - rows.min(1)).max(1) <= TOLERANCE
    return uniform


def _is_similar(first: Pixels, second: Pixels) -> NDArray[np.bool_]:
    """(N, C) and (N, C) -> (N,)."""
    difference = np.abs(first.astype(np.int16) - second)
    similar: NDArray[np.bool_] = difference.max(1) <= TOLERANCE
    return similar


def _measure(images: NDArray[np.int16]) -> Floats:
    height = images.shape[1]
    colour = np.median(images[:, 0], axis=1).astype(np.int16)[:, None, None]  # (N, 1, 1, C)
    difference = np.abs(images - colour).max(3)  # (N, H, W)
    plain = (difference <= TOLERANCE).all(2)  # (N, H)
    different = (difference > DIFFERENT).mean(2)  # (N, H)
    filled = _is_filled(difference, plain)
    least = max(MIN_BARS, round(MIN_BARS_SHARE * height))
    top, straight_top = _bar_at_start(plain, different)
    bottom, straight_bottom = _bar_at_start(plain[:, ::-1], different[:, ::-1])
    has_bars = (np.minimum(top, bottom) > 0) & (top + bottom >= least)
    has_bars &= top + bottom <= MAX_BARS_SHARE * height
    has_bars &= np.minimum(straight_top, straight_bottom) >= STRAIGHT
    has_bars &= filled
    shares: Floats = np.where(has_bars, (top + bottom) / height, 0).astype(np.float32)
    return shares


def _is_filled(difference: NDArray[np.int16], plain: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(N, H, W), (N, H) -> (N,): whether a picture stands between the bars, and not a figure on a
    background of their colour.

    A picture reaches both other sides, or it stands in a frame and its left and right borders are
    straight too.
    """
    plain_columns: NDArray[np.bool_] = np.asarray((difference <= TOLERANCE).all(axis=1))  # (N, W)
    inside = ~plain
    rows = np.maximum(inside.sum(1), 1)[:, None]
    different = ((difference > DIFFERENT) & inside[:, :, None]).sum(1) / rows  # (N, W)
    left, straight_left = _bar_at_start(plain_columns, different)
    right, straight_right = _bar_at_start(plain_columns[:, ::-1], different[:, ::-1])
    reaches_sides = (left == 0) & (right == 0)
    framed = np.minimum(left, right) > 0
    framed &= np.minimum(straight_left, straight_right) >= STRAIGHT_IN_FRAME
    filled: NDArray[np.bool_] = reaches_sides | framed
    return filled


def _bar_at_start(
    plain: NDArray[np.bool_], different: NDArray[np.floating]
) -> tuple[NDArray[np.int64], NDArray[np.floating]]:
    """(N, H) twice -> (N,) rows of the bar at row 0, (N,) share of the rows inside that differs."""
    height = plain.shape[1]
    depth = np.where(plain.all(1), height, plain.argmin(1))
    rows = np.minimum(depth[:, None] + np.arange(ROWS_INSIDE), height - 1)
    return depth, np.take_along_axis(different, rows, 1).max(1)
