"""How the values of a picture become 0 to 255, and which values occur in a dataset.

A file says how many bits a value has, not how many of them are used: cameras and scanners write 10
or 12 bits into 16, and masks write 0 and 1 into 8. Read in full, such pictures are black.
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
NARROW = 1 / 4  # of the values from black to white: fewer are used by pictures that come out dark
DIGITS = 4


def depth_of(dtype: np.dtype) -> str:
    """8-bit, 16-bit, float, or integer."""
    if dtype.kind == "f":
        return "float"
    return {"u1": "8-bit", "u2": "16-bit"}.get(dtype.str[1:], "integer")


def span_of(values: Values) -> Span:
    """Raises Rejected for values that no colour can be made of."""
    low, high = float(values.min()), float(values.max())
    if not np.isfinite([low, high]).all():
        raise Rejected("not a picture: some of its values are infinite or no numbers (NaN)")
    return low, high


@dataclass(frozen=True)
class Levels:
    """Which value of each depth becomes black and which white; what is not named is read in full:
    from 0 to 255, 65535 or 1.0."""

    spans: dict[str, Span] = field(default_factory=dict)

    def __contains__(self, depth: str) -> bool:
        return depth in self.spans

    def check(self, depth: str, span: Span) -> None:
        """Raise Rejected where the values have no known black and white."""
        if depth in self.spans or depth in ("8-bit", "16-bit"):
            return
        if depth == "integer":
            raise Rejected(
                f"no known white: whole numbers with a sign or of over 16 bits, from "
                f"{_shown(span[0])} to {_shown(span[1])}; upload with levels=auto, or save them as "
                "uint8 or uint16"
            )
        if span[0] < 0 or span[1] > 1:
            raise Rejected(
                f"no known white: decimal numbers from {_shown(span[0])} to {_shown(span[1])}, "
                "read as 0 for black to 1 for white; upload with levels=auto, or scale them"
            )

    def to_bytes(self, values: Values, depth: str) -> Pixels:
        """The same shape, from black 0 to white 255."""
        if depth not in self.spans:
            if depth == "8-bit":
                return values.astype(np.uint8, copy=False)
            if depth == "16-bit":
                return (values >> 8).astype(np.uint8)
        low, high = self.spans.get(depth, (0.0, 1.0))
        wide = values.dtype.itemsize > 4 or depth == "integer"
        scaled = np.subtract(values, low, dtype=np.float64 if wide else np.float32)
        scaled *= 255 / (high - low)
        scaled.round(out=scaled)
        pixels: Pixels = scaled.clip(0, 255, out=scaled).astype(np.uint8)
        return pixels


@dataclass
class Seen:
    """The values of all pictures of one depth."""

    low: float
    high: float
    pictures: int = 0

    def is_narrow(self, depth: str) -> bool:
        """Whether spreading the values would show more: a single value cannot be spread."""
        white = WHITE.get(depth)
        return white is not None and 0 < self.high - self.low <= NARROW * white

    def sentence(self, depth: str) -> str:
        """`the values of 200 pictures lie between 0 and 1023 of 65535`."""
        values = "the value of 1 picture lies"
        if self.pictures != 1:
            values = f"the values of {self.pictures:,} pictures lie"
        white = f" of {_shown(WHITE[depth])}" if depth in WHITE else ""
        return f"{values} between {_shown(self.low)} and {_shown(self.high)}{white}"


class ValuesSeen:
    """Which values a dataset has, by the depth of its files."""

    def __init__(self) -> None:
        self._depths: dict[str, Seen] = {}
        self._packed = bytearray()  # the depth of each packed picture, by its place in _depths
        self._shares = array("f")  # of the values from black to white, that each of them uses

    def add(self, depth: str, span: Span, *, is_packed: bool = False) -> None:
        seen = self._depths.setdefault(depth, Seen(*span))
        seen.low, seen.high = min(seen.low, span[0]), max(seen.high, span[1])
        seen.pictures += 1
        if is_packed:
            self._packed.append(list(self._depths).index(depth))
            self._shares.append((span[1] - span[0]) / WHITE.get(depth, 1.0))

    @property
    def narrow(self) -> dict[str, Seen]:
        return {depth: seen for depth, seen in self._depths.items() if seen.is_narrow(depth)}

    def narrow_shares(self) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
        """Which packed pictures are of a narrow depth, and what share of its values each uses."""
        depths = [place for place, depth in enumerate(self._depths) if depth in self.narrow]
        return np.isin(np.array(self._packed), depths), np.array(self._shares)

    def narrow_sentence(self) -> str | None:
        """None where values from black to white are used."""
        said = [seen.sentence(depth) for depth, seen in self.narrow.items()]
        return "; ".join(said) or None

    def stretched(self) -> Levels:
        """The lowest value of each depth black, its highest white: the same for all pictures, so
        that they stay comparable."""
        spans = {
            depth: (seen.low, seen.high)
            for depth, seen in self._depths.items()
            if seen.low < seen.high
        }
        return Levels(spans)

    def sentences(self) -> list[str]:
        return [seen.sentence(depth) for depth, seen in self._depths.items()]


def _shown(value: float) -> str:
    return f"{value:.0f}" if value == round(value) else f"{value:.{DIGITS}g}"
