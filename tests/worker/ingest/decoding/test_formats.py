"""Which formats are read and which are not."""

import io
import warnings
from typing import Any

import numpy as np
import pytest
from encoded_pictures import HEIC, QUADRANTS, colours_of, encode, quadrants, read
from PIL import Image

from worker.ingest.decoding.formats import DECODERS
from worker.ingest.errors import Rejected

Image.init()
# MPO is a JPEG, DIB a BMP without its file header, and PDF, PALM and others are only written.
CLOSED = sorted((set(Image.OPEN) | set(Image.SAVE)) - set(DECODERS) - {"MPO"})
MODES = {"MSP": "1", "XBM": "1", "PALM": "L", "BLP": "P", "SPIDER": "F"}


def written(kind: str) -> bytes | None:
    """None for what Pillow cannot write without help from outside."""
    image = Image.fromarray(quadrants()).convert(MODES.get(kind, "RGB"))
    file = io.BytesIO()
    try:
        with warnings.catch_warnings(action="ignore"):  # of formats that Pillow gives up
            image.save(file, kind)
    except (OSError, ValueError, KeyError):
        return None
    return file.getvalue()


FILES = {kind: data for kind in CLOSED if kind in Image.SAVE and (data := written(kind))}


def test_pillow_writes_many_formats_that_stay_closed() -> None:
    assert set(FILES) >= {"EPS", "ICO", "JPEG2000", "PCX", "PPM", "TGA", "SGI", "DDS", "IM", "QOI"}


@pytest.mark.parametrize("kind", FILES)
def test_a_format_that_is_not_listed_stays_closed(kind: str) -> None:
    with pytest.raises(Rejected, match=r"^not (read|an image): "):
        read(FILES[kind])


@pytest.mark.parametrize(
    ("kind", "options", "tolerance"),
    [
        ("AVIF", {"quality": 100, "subsampling": "4:4:4"}, 6),
        ("TIFF", {}, 0),
        ("TIFF", {"compression": "tiff_lzw"}, 0),
        ("TIFF", {"compression": "tiff_adobe_deflate"}, 0),
        ("TIFF", {"compression": "packbits"}, 0),
        ("TIFF", {"compression": "jpeg", "quality": 100}, 6),
        ("TIFF", {"big_tiff": True}, 0),
    ],
)
def test_avif_and_tiff_give_the_picture(kind: str, options: dict[str, Any], tolerance: int) -> None:
    got = np.array(colours_of(read(encode(Image.fromarray(quadrants()), kind, **options)).pixels))
    assert np.abs(got - QUADRANTS).max() <= tolerance


def test_heic_gives_the_picture() -> None:
    assert np.abs(np.array(colours_of(read(HEIC).pixels)) - QUADRANTS).max() <= 6


@pytest.mark.parametrize("data", [HEIC, encode(Image.fromarray(quadrants()), "AVIF")])
def test_a_cut_heic_or_avif_is_refused(data: bytes) -> None:
    for part in (0.3, 0.7, 0.95):
        with pytest.raises(Rejected, match=r"^(truncated|damaged)"):
            read(data[: int(len(data) * part)])


def test_a_jpeg_of_12_bits_is_not_called_damaged() -> None:
    data = bytearray(encode(Image.fromarray(quadrants()), "JPEG"))
    data[data.index(b"\xff\xc0") + 4] = 12
    with pytest.raises(Rejected, match=r"^not read: an unsupported kind of JPEG .*12-bit.*PNG"):
        read(bytes(data))
