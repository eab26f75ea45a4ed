"""The picture of a request, decoded and fitted as an ingest does it for the pictures of a dataset.

`Levels` are those of an ingest with `levels=full`.
"""

import io
from typing import Literal, cast, get_args

from app.domain.errors import InvalidRequest
from models.config import CHANNEL_NAMES
from models.samples import Pixels
from worker.ingest.archives.signatures import HEAD_BYTES, NOT_AN_IMAGE, image_format
from worker.ingest.decoding.levels import Levels
from worker.ingest.decoding.reader import Reader
from worker.ingest.errors import Rejected
from worker.ingest.request import ImageShape

Fit = Literal["crop", "pad", "stretch"]
FITS = get_args(Fit)
NAME_LENGTH = 100  # of a file's name in a message


def check_fit(text: str) -> Fit:
    """Return the text of a form's field. Raises InvalidRequest."""
    if text not in FITS:
        raise InvalidRequest(f"fit {text[:50]!r} is not one of {', '.join(FITS)}", field="fit")
    return cast(Fit, text)


def decode_picture(
    data: bytes,
    name: str,
    shape: tuple[int, int, int],
    fit: Fit = "crop",
    *,
    max_pixels: int,
    field: str = "picture",
) -> Pixels:
    """Decode a file, which its sender called `name`, to (height, width, channels) of `shape`.

    Raises InvalidRequest for a file that an ingest would reject, with the reason of its report.
    """
    height, width, channels = shape
    reader = Reader(ImageShape(width, height, fit, CHANNEL_NAMES[channels]), max_pixels, Levels())
    try:
        if image_format(data[:HEAD_BYTES]) is None:
            raise Rejected(NOT_AN_IMAGE)
        return reader.fit(io.BytesIO(data)).pixels
    except Rejected as error:
        raise InvalidRequest(
            f"{field} {name[:NAME_LENGTH]!r} cannot be used: {error}", field=field
        ) from error
