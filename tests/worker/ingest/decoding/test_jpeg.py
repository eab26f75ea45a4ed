"""JPEGs with damaged metadata or without their last two bytes, and JPEGs that are cut."""

import struct

import numpy as np
import pytest
from encoded_pictures import QUADRANTS, colours_of, encode, quadrants, read
from PIL import Image

from worker.ingest.decoding.jpeg import MAX_SCANS
from worker.ingest.errors import Rejected

WHOLE = encode(Image.fromarray(quadrants()), "JPEG", quality=100, subsampling=0)


def segment(marker: int, body: bytes, length: int | None = None) -> bytes:
    size = len(body) + 2 if length is None else length
    return bytes((0xFF, marker)) + struct.pack(">H", size) + body


def with_segment(marker: int, body: bytes, length: int | None = None) -> bytes:
    return WHOLE[:2] + segment(marker, body, length) + WHOLE[2:]


def several() -> bytes:
    image = Image.fromarray(quadrants())
    options = {"quality": 100, "subsampling": 0}
    return encode(
        image, "MPO", save_all=True, append_images=[Image.new("RGB", (32, 32))], **options
    )


FINE = {
    "no end": WHOLE[:-2],
    "bytes behind the end": WHOLE + bytes(64),
    "a short JFIF": with_segment(0xE0, b"JFIF\0"),
    "an EXIF that claims more than there is": with_segment(0xE1, b"Exif\0\0MM", 65_535),
    "garbage for EXIF": with_segment(0xE1, b"Exif\0\0" + b"\xff" * 50),
    "garbage for a profile": with_segment(0xE2, b"ICC_PROFILE\0\1\1" + b"x" * 90),
    "a cut profile": with_segment(0xE2, b"ICC_PROFILE\0"),
    "a Photoshop block that is cut": with_segment(0xED, b"Photoshop 3.0\x008BIM\4\4\0\0\0\0\xff"),
    "an index of pictures that is none": with_segment(0xE2, b"MPF\0MM\0*" + b"\xff" * 20),
    "stray bytes between segments": WHOLE[:20] + b"\0\1\2\3" + WHOLE[20:],
    "a line before it": b"\r\n" + WHOLE,
    "several pictures": several(),
    "several pictures, the second cut": several()[:-40],
}


@pytest.mark.parametrize("name", FINE)
def test_damage_outside_of_the_pixels_does_not_matter(name: str) -> None:
    got = np.array(colours_of(read(FINE[name]).pixels))
    assert np.abs(got - QUADRANTS).max() <= 5


def test_the_first_of_several_pictures_is_told() -> None:
    assert read(several()).treatments == {"first_image"}
    assert read(WHOLE).treatments == set()


@pytest.mark.parametrize("progressive", [False, True])
def test_a_cut_among_the_pixels_is_refused_wherever_it_is(progressive: bool) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    data = encode(Image.fromarray(noise), "JPEG", progressive=progressive)
    assert read(data[:-2]).pixels.shape == (32, 32, 3)
    for missing in (12, 40, 300, 2000):
        with pytest.raises(Rejected, match=r"^truncated: the file ends before the picture does$"):
            read(data[:-missing])


def test_a_jpeg_of_very_many_segments_is_refused() -> None:
    data = encode(Image.fromarray(quadrants()), "JPEG")
    with pytest.raises(Rejected, match=r"^damaged: a JPEG of more than 10,000 segments$"):
        read(data[:2] + 10_000 * b"\xff\xfe\0\2" + data[2:])


def test_xmp_alone_turns_a_picture_upright() -> None:
    xmp = (
        b'http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
        b'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="3"/></rdf:RDF></x:xmpmeta>'
    )
    got = np.array(colours_of(read(with_segment(0xE1, xmp)).pixels))
    assert np.abs(got - QUADRANTS[::-1]).max() <= 5


def with_scans(scans: int, between: bytes = b"") -> bytes:
    """A progressive JPEG whose last scan stands in it so many times."""
    data = encode(Image.fromarray(quadrants()), "JPEG", quality=100, progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + (between + data[last:-2]) * scans + data[-2:]


# A table whose values look like the end of the picture.
TABLE = segment(0xC4, bytes((0x1F, *(0 for _ in range(15)), 2)) + b"\xff\xd9")


@pytest.mark.parametrize("between", [b"", TABLE], ids=["alone", "with a table"])
def test_a_jpeg_of_more_scans_than_any_encoder_makes_is_refused(between: bytes) -> None:
    with pytest.raises(Rejected, match=r"^not read: a JPEG of more than 500 scans"):
        read(with_scans(MAX_SCANS + 1, between))


def test_scans_up_to_the_limit_are_read_and_bytes_behind_the_end_are_not_counted() -> None:
    data = with_scans(100) + b"\xff\xda\0\2" * 1000
    assert np.abs(np.array(colours_of(read(data).pixels)) - QUADRANTS).max() <= 12
