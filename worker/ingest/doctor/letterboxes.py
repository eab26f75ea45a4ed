"""Letterboxes: uniform bars at two opposite edges, with a straight border to the picture between.

A picture before a plain background has uniform edges too, but then little of the first row inside
them differs, or a plain margin is left at a third side: a digit whose strokes are flat at the top
and at the bottom.
"""

import numpy as np
from numpy.typing import NDArray

from worker.ingest.decoding.levels import Pixels

TOLERANCE = 12  # levels within a bar and between the two: what JPEG leaves of a plain colour
DIFFERENT = 24  # levels: no part of the bar
LEAST = 3  # pixels on both sides, at least one on either
LEAST_SHARE = 0.04  # of the side, on both sides
STRAIGHT = 0.6  # of the first rows inside that differs from the bar
FRAMED = 0.9  # of the first columns inside a frame that differs from it
MOST_SHARE = 0.7  # of the side, on both sides: what is left is a picture
LOOK_INSIDE = 3  # rows, for resampling blurs the border

Floats = NDArray[np.float32]


def bar_shares(pictures: Pixels) -> Floats:
    """(N, H, W, C) -> (N,): the share of the area, 0 where there is no such pair of bars."""
    across = _bars(pictures)
    upright = _bars(pictures.transpose(0, 2, 1, 3))
    return 1 - (1 - across) * (1 - upright)


def _bars(pictures: Pixels) -> Floats:
    """(N, H, W, C) -> (N,): the share of the rows."""
    shares = np.zeros(len(pictures), np.float32)
    candidates = _alike(pictures[:, 0]) & _alike(pictures[:, -1])
    candidates &= _near(pictures[:, 0, 0], pictures[:, -1, 0])
    places = np.flatnonzero(candidates)
    if len(places):
        shares[places] = _measure(pictures[places].astype(np.int16))
    return shares


def _alike(rows: Pixels) -> NDArray[np.bool_]:
    """(N, W, C) -> (N,): every pixel has about one colour."""
    alike: NDArray[np.bool_] = (rows.max(1) - rows.min(1)).max(1) <= TOLERANCE
    return alike


def _near(one: Pixels, other: Pixels) -> NDArray[np.bool_]:
    """(N, C) twice -> (N,)."""
    apart = np.abs(one.astype(np.int16) - other)
    near: NDArray[np.bool_] = apart.max(1) <= TOLERANCE
    return near


def _measure(pictures: NDArray[np.int16]) -> Floats:
    height = pictures.shape[1]
    colour = np.median(pictures[:, 0], axis=1).astype(np.int16)[:, None, None]  # (N, 1, 1, C)
    apart = np.abs(pictures - colour).max(3)  # (N, H, W)
    plain = (apart <= TOLERANCE).all(2)  # (N, H)
    different = (apart > DIFFERENT).mean(2)  # (N, H)
    filled = _filled(apart, plain)
    least = max(LEAST, round(LEAST_SHARE * height))
    top, straight_top = _edge(plain, different)
    bottom, straight_bottom = _edge(plain[:, ::-1], different[:, ::-1])
    found = (np.minimum(top, bottom) > 0) & (top + bottom >= least)
    found &= top + bottom <= MOST_SHARE * height
    found &= np.minimum(straight_top, straight_bottom) >= STRAIGHT
    found &= filled
    shares: Floats = np.where(found, (top + bottom) / height, 0).astype(np.float32)
    return shares


def _filled(apart: NDArray[np.int16], plain: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(N, H, W), (N, H) -> (N,): the picture between the bars is no figure before their colour.

    It reaches both other sides; or, within a frame, its left and right borders are straight too.
    """
    plain_columns: NDArray[np.bool_] = np.asarray((apart <= TOLERANCE).all(axis=1))  # (N, W)
    inside = ~plain
    rows = np.maximum(inside.sum(1), 1)[:, None]
    different = ((apart > DIFFERENT) & inside[:, :, None]).sum(1) / rows  # (N, W)
    left, straight_left = _edge(plain_columns, different)
    right, straight_right = _edge(plain_columns[:, ::-1], different[:, ::-1])
    reaches = (left == 0) & (right == 0)
    framed = (np.minimum(left, right) > 0) & (np.minimum(straight_left, straight_right) >= FRAMED)
    filled: NDArray[np.bool_] = reaches | framed
    return filled


def _edge(
    plain: NDArray[np.bool_], different: NDArray[np.floating]
) -> tuple[NDArray[np.int64], NDArray[np.floating]]:
    """(N, H) twice -> (N,) depth of the bar at row 0, (N,) how much of the rows inside differs."""
    height = plain.shape[1]
    depth = np.where(plain.all(1), height, plain.argmin(1))
    rows = np.minimum(depth[:, None] + np.arange(LOOK_INSIDE), height - 1)
    return depth, np.take_along_axis(different, rows, 1).max(1)
