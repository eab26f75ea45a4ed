"""Decodes an uploaded image to pixels in the shape of the dataset."""

import functools
import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from PIL import Image, ImageFile, _imaging
from PIL.Image import Transpose

from worker.ingest.archives.signatures import HEAD_BYTES, image_format
from worker.ingest.decoding.colour_profiles import UnusableProfile, lab_to_srgb, to_srgb
from worker.ingest.decoding.decoder import Decoder, rejection
from worker.ingest.decoding.fitting import (
    SIDEWAYS,
    check_pixels,
    check_size,
    fit_raster,
    fit_values,
    is_enlarged,
    least_decoded_size,
    pixels_if_fitting,
)
from worker.ingest.decoding.formats import DECODERS
from worker.ingest.decoding.levels import Levels, Pixels, Span, Values, depth_of
from worker.ingest.decoding.rasters import Raster
from worker.ingest.decoding.thumbnails import SIDE, thumbnail
from worker.ingest.errors import Rejected
from worker.ingest.limits import ByteBudget
from worker.ingest.request import ImageShape

BUDGET_BYTES = 192 << 20  # for all images that are decoded at the same time
# The size of the blocks that Pillow allocates. glibc keeps freed blocks of up to 32 MiB for the
# thread that used them: each thread would keep the memory of a large image.
PILLOW_BLOCK_BYTES = 64 << 20
TRANSPOSES = {  # that turn an image upright, by EXIF orientation
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}


def set_pillow_limits() -> None:
    """Make Pillow, in the whole process, accept images of any size, and refuse incomplete ones.

    `Reader` checks the size instead: Pillow only warns up to twice its limit, and its error does
    not say what to do.
    """
    warnings.filterwarnings("ignore", module="PIL")  # thousands of warnings about odd metadata
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    Image.MAX_IMAGE_PIXELS = None
    _imaging.set_block_size(PILLOW_BLOCK_BYTES)


@dataclass(frozen=True)
class Fitted:
    """An image in the shape of the dataset.

    `depth` and `span` are those of the file; `treatments` are keys of
    worker.ingest.report.TREATMENTS.
    """

    pixels: Pixels
    depth: str
    span: Span
    treatments: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Measured:
    """The depth and the range of values of a file."""

    depth: str
    span: Span


class Reader:
    """Decodes images; may be called from several threads at once. Raises Rejected."""

    def __init__(self, shape: ImageShape, max_pixels: int, levels: Levels) -> None:
        self._shape = shape
        self._max_pixels = max_pixels
        self._levels = levels
        self._budget = ByteBudget(BUDGET_BYTES)

    def fit(self, file: io.BytesIO, with_thumbnail: bool = False) -> Fitted:
        """Decode a file, turn the image upright, fit it.

        `with_thumbnail`: the Rejected has a thumbnail of what could be decoded.
        """
        with self._decoded(file, with_thumbnail) as (decoder, raster):
            turn = TRANSPOSES.get(decoder.orientation())
            width, height = decoder.size
            if turn in SIDEWAYS:
                width, height = height, width
            check_size(width, height, self._shape)
            span = raster.span()
            self._levels.check(raster.depth, span)
            convert = functools.partial(_convert_to_srgb, decoder)
            pixels = fit_raster(raster, self._shape, self._levels, turn, convert)
            treatments = decoder.treatments | self._treatments(raster.depth, width, height)
            return Fitted(pixels, raster.depth, span, frozenset(treatments))

    def measure(self, file: io.BytesIO) -> Measured:
        with self._decoded(file) as (_, raster):
            return Measured(raster.depth, raster.span())

    def fit_array(self, values: Values, span: Span) -> Fitted | Callable[[], Fitted]:
        """Fit an image (H, W, C) from an array.

        An image that has the shape of the dataset already is returned at once; for any other the
        result is a function that does the work, to be called in a thread.
        """
        depth = depth_of(values.dtype)
        if depth == "8-bit" and depth not in self._levels:
            pixels = pixels_if_fitting(values, self._shape)
            if pixels is not None:
                return Fitted(pixels, depth, span)
        treatments = self._treatments(depth, values.shape[1], values.shape[0])
        return lambda: Fitted(
            fit_values(values, self._shape, self._levels), depth, span, treatments
        )

    def _treatments(self, depth: str, width: int, height: int) -> frozenset[str]:
        """Treatments of any format. Stretched levels have a note of their own."""
        treatments = {"enlarged"} if is_enlarged(width, height, self._shape) else set()
        if depth != "8-bit" and depth not in self._levels:
            treatments.add("depth")
        return frozenset(treatments)

    def measure_array(self, values: Values, span: Span) -> Measured:
        return Measured(depth_of(values.dtype), span)

    @contextmanager
    def _decoded(
        self, file: io.BytesIO, with_thumbnail: bool = False
    ) -> Iterator[tuple[Decoder, Raster]]:
        file.seek(0)
        kind = image_format(file.read(HEAD_BYTES))
        assert kind is not None, "other files are rejected before they are read whole"
        with _rejecting_damage():
            decoder = DECODERS[kind](file)
        try:
            check_pixels(*decoder.size, self._max_pixels)
            with _rejecting_damage():
                decoder.draft(least_decoded_size(decoder.size, self._shape))
            with self._budget.take(decoder.bytes_needed):
                raster = None
                try:
                    with _rejecting_damage():
                        raster = decoder.load()
                    yield decoder, raster
                except Rejected as rejected:
                    if with_thumbnail:
                        rejected.thumbnail = _thumbnail(decoder, raster)
                    raise
                finally:
                    decoder.close()  # frees the pixels before the budget
        finally:
            decoder.close()


@contextmanager
def _rejecting_damage() -> Iterator[None]:
    """Turn any error of Pillow into Rejected: one damaged image must not end the ingest."""
    try:
        yield
    except (Rejected, MemoryError):
        raise
    except Exception as error:
        raise rejection(error) from error


def _thumbnail(decoder: Decoder, raster: Raster | None) -> Pixels | None:
    """The thumbnail of a rejected file; None where nothing of it was decoded.

    `raster`: its pixels, unless their decoding failed.
    """
    shown = decoder.partial() if raster is None else raster
    if shown is None:
        return None
    turn = TRANSPOSES.get(decoder.orientation())
    try:
        with _rejecting_damage():
            pixels = thumbnail(shown, turn, functools.partial(_convert_to_srgb, decoder))
    except Rejected:
        return None
    # The ground on which Pillow decodes has one colour.
    is_empty = raster is None and (pixels == pixels[SIDE // 2, SIDE // 2]).all()
    return None if is_empty else pixels


def _convert_to_srgb(decoder: Decoder, image: Image.Image) -> Image.Image:
    """Convert the resized pixels, and note it among the decoder's treatments."""
    if image.mode == "LAB":
        return lab_to_srgb(image)
    if decoder.profile:
        try:
            image, is_converted = to_srgb(image, decoder.profile)
        except UnusableProfile:
            decoder.treatments.add("profile_ignored")
        else:
            if is_converted:
                decoder.treatments.add("profile")
    if image.mode == "CMYK":  # `fit_raster` converts it by Pillow's formula
        decoder.treatments.add("cmyk")
    return image
