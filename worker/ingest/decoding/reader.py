"""From the bytes of a picture to its pixels in the dataset's shape."""

import functools
import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from PIL import Image, ImageFile, _imaging
from PIL.Image import Transpose

from worker.ingest.archives.signatures import HEAD_BYTES, picture_format
from worker.ingest.decoding.colour_profiles import UnusableProfile, lab_to_srgb, to_srgb
from worker.ingest.decoding.fitting import (
    SIDEWAYS,
    check_pixels,
    check_size,
    enough,
    fit_raster,
    fit_values,
    if_fitting,
    is_enlarged,
)
from worker.ingest.decoding.formats import PICTURES, Picture, damage
from worker.ingest.decoding.levels import Levels, Pixels, Span, Values, depth_of
from worker.ingest.decoding.rasters import Raster
from worker.ingest.errors import Rejected
from worker.ingest.limits import ByteBudget
from worker.ingest.request import PictureShape

BUDGET_BYTES = 192 << 20
# Of memory that Pillow asks for at once. glibc keeps freed blocks of up to 32 MiB for the thread
# that had them: two threads then hold a large picture each, though never at the same time.
BLOCK_BYTES = 64 << 20
UPRIGHT = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}


def set_pillow_limits() -> None:
    """For the whole process: a picture is whole or an error, its size is checked in `Reader`.

    Pillow's own limit only warns up to twice its value, and says no more than a number beyond.
    """
    warnings.filterwarnings("ignore", module="PIL")  # of odd metadata, thousands of times
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    Image.MAX_IMAGE_PIXELS = None
    _imaging.set_block_size(BLOCK_BYTES)


@dataclass(frozen=True)
class Fitted:
    """A picture in the dataset's shape, and what there is to say of how it came there.

    `depth` and `span` are the file's own values; `treatments` are of worker.ingest.report.
    """

    pixels: Pixels
    depth: str
    span: Span
    treatments: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Measured:
    """The values of a picture, in units of its file."""

    depth: str
    span: Span


class Reader:
    """Decodes pictures, in several threads at once. Raises Rejected."""

    def __init__(self, shape: PictureShape, max_pixels: int, levels: Levels) -> None:
        self._shape = shape
        self._max_pixels = max_pixels
        self._levels = levels
        self._budget = ByteBudget(BUDGET_BYTES)

    def fit(self, file: io.BytesIO) -> Fitted:
        """Decode, turn upright, fit."""
        with self._decoded(file) as (picture, raster):
            turn = UPRIGHT.get(picture.orientation())
            width, height = picture.size
            if turn in SIDEWAYS:
                width, height = height, width
            check_size(width, height, self._shape)
            span = raster.span()
            self._levels.check(raster.depth, span)
            convert = functools.partial(_convert, picture)
            pixels = fit_raster(raster, self._shape, self._levels, turn, convert)
            enlarged = self._enlarged(width, height)
            return Fitted(pixels, raster.depth, span, frozenset(picture.treatments) | enlarged)

    def measure(self, file: io.BytesIO) -> Measured:
        with self._decoded(file) as (_, raster):
            return Measured(raster.depth, raster.span())

    def fit_array(self, values: Values, span: Span) -> Fitted | Callable[[], Fitted]:
        """At once for a picture (H, W, C) that is as the dataset wants it; else what does it."""
        depth = depth_of(values.dtype)
        if depth == "8-bit" and depth not in self._levels:
            fitting = if_fitting(values, self._shape)
            if fitting is not None:
                return Fitted(fitting, depth, span)
        enlarged = self._enlarged(values.shape[1], values.shape[0])
        return lambda: Fitted(fit_values(values, self._shape, self._levels), depth, span, enlarged)

    def _enlarged(self, width: int, height: int) -> frozenset[str]:
        return frozenset({"enlarged"} if is_enlarged(width, height, self._shape) else ())

    def measure_array(self, values: Values, span: Span) -> Measured:
        return Measured(depth_of(values.dtype), span)

    @contextmanager
    def _decoded(self, file: io.BytesIO) -> Iterator[tuple[Picture, Raster]]:
        file.seek(0)
        kind = picture_format(file.read(HEAD_BYTES))
        assert kind is not None, "what is no picture is rejected before it is read whole"
        with _rejecting_damage():
            picture = PICTURES[kind](file)
        try:
            check_pixels(*picture.size, self._max_pixels)
            with _rejecting_damage():
                picture.draft(enough(picture.size, self._shape))
            with self._budget.take(picture.bytes_needed):
                try:
                    with _rejecting_damage():
                        raster = picture.load()
                    yield picture, raster
                finally:
                    picture.close()  # its pixels go before the next picture's come
        finally:
            picture.close()


@contextmanager
def _rejecting_damage() -> Iterator[None]:
    """Raise Rejected for any error of Pillow: one damaged picture must not end the ingest."""
    try:
        yield
    except (Rejected, MemoryError):
        raise
    except Exception as error:
        raise damage(error) from error


def _convert(picture: Picture, image: Image.Image) -> Image.Image:
    """Resized pixels in sRGB."""
    if image.mode == "LAB":
        return lab_to_srgb(image)
    if picture.profile:
        try:
            image, is_other = to_srgb(image, picture.profile)
        except UnusableProfile:
            picture.treatments.add("profile_ignored")
        else:
            if is_other:
                picture.treatments.add("profile")
    return image
