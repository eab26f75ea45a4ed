"""The timelapse of a training: the film of its sample grids, in the order of their drawing."""

import io
from collections.abc import Callable, Iterator, Sequence
from threading import Event

import numpy as np
from PIL import Image

from app.domain.errors import Conflict, LimitExceeded
from app.domain.images.recipes import Recipe
from app.domain.settings import Settings
from app.serving.animations import encode_timelapse
from app.serving.display import Display
from models.samples import Pixels


class Timelapse:
    """The film of the grids at `images_seen`, of which `read` returns the PNGs.

    A film has no more frames and pixels than one response may: of more grids it shows the first,
    the last, and others evenly spaced between them. Raises LimitExceeded if not even two frames are
    allowed.
    """

    def __init__(
        self,
        images_seen: Sequence[int],
        read: Callable[[int], bytes],
        display: Display,
        settings: Settings,
    ) -> None:
        self._read = read
        self._display = display
        with Image.open(io.BytesIO(read(images_seen[0]))) as first:
            self._size = first.size
        width, height = (display.scale * side for side in self._size)
        allowed = min(settings.max_frames, settings.max_response_pixels // (width * height))
        if allowed < min(2, len(images_seen)):
            raise LimitExceeded(
                f"2 frames of {width}×{height} are {2 * width * height:,} pixels; the limit for "
                f"one response is {settings.max_response_pixels:,} (MOGGY_MAX_RESPONSE_PIXELS)",
                field="scale",
            )
        self.images_seen = evenly_spaced(images_seen, allowed)

    def encode(self, file_format: str, recipe: Recipe, fps: float, cancelled: Event) -> bytes:
        """Return the webp or mp4. Two frames are in memory at a time; raises Cancelled between."""
        frames = self._frames(cancelled)
        return encode_timelapse(frames, len(self.images_seen), file_format, recipe, fps=fps)

    def _frames(self, cancelled: Event) -> Iterator[Pixels]:
        for images_seen in self.images_seen:
            if cancelled.is_set():
                raise Cancelled
            with Image.open(io.BytesIO(self._read(images_seen))) as grid:
                if grid.size != self._size:
                    raise Conflict(
                        f"the sample at {images_seen} images is {grid.size[0]}×{grid.size[1]}, the "
                        f"first is {self._size[0]}×{self._size[1]}: a timelapse needs sample "
                        "grids of one size"
                    )
                pixels = np.asarray(grid)
            yield self._display.enlarge(pixels.reshape(1, *pixels.shape[:2], -1))[0]


class Cancelled(Exception):
    """The request was cancelled before the timelapse was complete."""


def evenly_spaced(values: Sequence[int], count: int) -> list[int]:
    """At most `count` of the values, the first and the last included."""
    count = min(count, len(values))
    indices = np.linspace(0, len(values) - 1, count).round().astype(int)
    return [values[index] for index in indices]
