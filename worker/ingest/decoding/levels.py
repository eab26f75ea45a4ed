"""Converts the values of an image to 0 … 255, and records which values occur in a dataset.

A file states how many bits a value has, not how many of them are used: cameras and scanners write
10 or 12 bits into 16, and masks hold 0 and 1 in 8 bits. Such images come out black unless their
range is stretched.
"""

from array import array
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worker.ingest.errors import Rejected

Pixels = NDArray[np.uint8]
Values = NDArray[Any]
Span = tuple[float, float]  # the lowest and the highest value

WHITE = {"8-bit": 255.0, "16-bit": 65535.0, "float": 1.0}  # "integer", which is wider, has none
NARROW_SHARE = 1 / 4  # of the values from black to white; images that use fewer come out dark
DIGITS = 4  # of decimal numbers in messages


def depth_of(dtype: np.dtype) -> str:
    """8-bit, 16-bit, float, or integer."""
    if dtype.kind == "f":
        return "float"
    return {"u1": "8-bit", "u2": "16-bit"}.get(dtype.str[1:], "integer")


def span_of(values: Values) -> Span:
    """The lowest and the highest value. Raises Rejected if one is infinite or NaN."""
    low, high = float(values.min()), float(values.max())
    if not np.isfinite([low, high]).all():
        raise Rejected("not a picture: some of its values are infinite or NaN")
    return low, high


@dataclass(frozen=True)
class Levels:
    """The values that become black and white, by depth.

    A depth without a span uses all its values: white is 255, 65535 or 1.0.
    """

    spans: dict[str, Span] = field(default_factory=dict)

    def __contains__(self, depth: str) -> bool:
        return depth in self.spans

    def check(self, depth: str, span: Span) -> None:
        """Raise Rejected if it is unknown which values are black and white."""
        if depth in self.spans or depth in ("8-bit", "16-bit"):
            return
        if depth == "integer":
            raise Rejected(
                f"no known white: whole numbers with a sign or of over 16 bits, from "
                f"{_format(span[0])} to {_format(span[1])}; upload with levels=auto, or save them "
                "as uint8 or uint16"
            )
        if span[0] < 0 or span[1] > 1:
            raise Rejected(
                f"no known white: decimal numbers from {_format(span[0])} to {_format(span[1])}, "
                "where 0 is black and 1 is white; upload with levels=auto, or scale them"
            )

    def to_bytes(self, values: Values, depth: str) -> Pixels:
        """An array of the same shape; black is 0 and white is 255."""
        if depth not in self.spans:
            if depth == "8-bit":
                return values.astype(np.uint8, copy=False)
            if depth == "16-bit":
                return (values >> 8).astype(np.uint8)
        low, high = self.spans.get(depth, (0.0, 1.0))
        is_wide = values.dtype.itemsize > 4 or depth == "integer"
        scaled = np.subtract(values, low, dtype=np.float64 if is_wide else np.float32)
        scaled *= 255 / (high - low)
        scaled.round(out=scaled)
        pixels: Pixels = scaled.clip(0, 255, out=scaled).astype(np.uint8)
        return pixels


@dataclass
class DepthRange:
    """The range of values of all images of one depth."""

    low: float
    high: float
    images: int = 0

    def is_narrow(self, depth: str) -> bool:
        """Whether few of the possible values are used; a single value cannot be stretched."""
        white = WHITE.get(depth)
        return white is not None and 0 < self.high - self.low <= NARROW_SHARE * white

    def sentence(self, depth: str) -> str:
        """`the values of 200 pictures lie between 0 and 1023 of 65535`."""
        subject = "the value of 1 picture lies"
        if self.images != 1:
            subject = f"the values of {self.images:,} pictures lie"
        white = f" of {_format(WHITE[depth])}" if depth in WHITE else ""
        return f"{subject} between {_format(self.low)} and {_format(self.high)}{white}"

    def figures(self, depth: str) -> dict[str, Any]:
        """The figures of `sentence`."""
        figures = {"images": self.images, "low": self.low, "high": self.high}
        return figures | {"white": WHITE.get(depth)}


class ValueRanges:
    """The ranges of values in a dataset, by the depth of its files."""

    def __init__(self) -> None:
        self._ranges: dict[str, DepthRange] = {}
        self._depth_indices = bytearray()  # of each packed image: the index of its depth in _ranges
        self._shares = array("f")  # for each, the share of the values from black to white it uses

    def add(self, depth: str, span: Span, *, is_packed: bool = False) -> None:
        depth_range = self._ranges.setdefault(depth, DepthRange(*span))
        depth_range.low = min(depth_range.low, span[0])
        depth_range.high = max(depth_range.high, span[1])
        depth_range.images += 1
        if is_packed:
            self._depth_indices.append(list(self._ranges).index(depth))
            self._shares.append((span[1] - span[0]) / WHITE.get(depth, 1.0))

    @property
    def narrow(self) -> dict[str, DepthRange]:
        return {depth: values for depth, values in self._ranges.items() if values.is_narrow(depth)}

    def narrow_shares(self) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
        """(N,) whether each packed image is of a narrow depth, (N,) its share of the values."""
        depths = [index for index, depth in enumerate(self._ranges) if depth in self.narrow]
        return np.isin(np.array(self._depth_indices), depths), np.array(self._shares)

    def narrow_sentence(self) -> str | None:
        """The ranges of the narrow depths in words; None if there are none."""
        sentences = [values.sentence(depth) for depth, values in self.narrow.items()]
        return "; ".join(sentences) or None

    def narrow_figures(self) -> list[dict[str, Any]]:
        """The figures of `narrow_sentence`."""
        return [values.figures(depth) for depth, values in self.narrow.items()]

    def stretched(self) -> Levels:
        """Levels at which the lowest value of each depth is black and the highest white.

        All images share them and stay comparable.
        """
        spans = {
            depth: (values.low, values.high)
            for depth, values in self._ranges.items()
            if values.low < values.high
        }
        return Levels(spans)

    def descriptions(self) -> list[tuple[str, dict[str, Any]]]:
        """The sentence of each depth, and its figures."""
        return [
            (values.sentence(depth), values.figures(depth))
            for depth, values in self._ranges.items()
        ]


def _format(value: float) -> str:
    return f"{value:.0f}" if value == round(value) else f"{value:.{DIGITS}g}"
