"""PNGs that are damaged outside of their pixels, and PNGs with damaged pixels."""

import struct
import zlib
from typing import Any

import numpy as np
import pytest
from encoded_pictures import QUADRANTS, SIGNATURE, chunk, colours_of, encode, png, quadrants, read
from PIL import Image, PngImagePlugin

from worker.ingest.errors import Rejected

MIB = 1 << 20
WHOLE = encode(Image.fromarray(quadrants()))
PIXELS = WHOLE.index(b"IDAT") - 4
WHITE = (255, 255, 255)


def texts(count: int, size: int, *, international: bool) -> bytes:
    info = PngImagePlugin.PngInfo()
    add = info.add_itxt if international else info.add_text
    for number in range(count):
        add(f"workflow {number}", "x" * size, zip=True)
    return encode(Image.fromarray(quadrants()), pnginfo=info)


def with_chunk(kind: bytes, data: bytes, checksum: int | None = None) -> bytes:
    return WHOLE[:PIXELS] + chunk(kind, data, checksum) + WHOLE[PIXELS:]


FINE = {
    "a long packed text": texts(1, 2 * MIB, international=False),
    "a long packed international text": texts(1, 2 * MIB, international=True),
    "many texts": texts(80, 900_000, international=False),
    "a profile that unpacks to a gigabyte": with_chunk(
        b"iCCP", b"x\0\0" + zlib.compress(bytes(64 * MIB), 9) * 16
    ),
    "a text whose checksum is wrong": with_chunk(b"tEXt", b"Comment\0hello", 1),
    "a profile whose checksum is wrong": with_chunk(b"iCCP", b"x\0\0" + zlib.compress(b"y"), 1),
    "a text that claims more than there is": (
        WHOLE[:PIXELS] + struct.pack(">L4s", 1 << 30, b"tEXt") + b"Comment" + WHOLE[PIXELS:]
    ),
    "a short gamma": with_chunk(b"gAMA", b"\0"),
    "a short physical size": with_chunk(b"pHYs", b"\0"),
    "broken EXIF": with_chunk(b"eXIf", b"II*\0\xff\xff\xff\xff"),
    "an animation that is none": with_chunk(b"acTL", b"\0") + b"",
    "no end": WHOLE[:-12],
    "half an end": WHOLE[:-4],
    "bytes behind the end": WHOLE + bytes(100),
    "pixels of which only the chunk's checksum is wrong": WHOLE[:-16] + b"\0\0\0\1" + WHOLE[-12:],
}


@pytest.mark.parametrize("name", FINE)
def test_damage_outside_of_the_pixels_does_not_matter(name: str) -> None:
    assert colours_of(read(FINE[name]).pixels) == QUADRANTS


@pytest.mark.parametrize("name", ["a text whose checksum is wrong", "a short gamma"])
def test_damaged_metadata_is_counted_where_its_checksum_is_wrong(name: str) -> None:
    assert ("metadata" in read(FINE[name]).treatments) == name.startswith("a text")


def test_pixels_that_do_not_match_their_checksum_are_refused() -> None:
    stored = zlib.compress(b"".join(b"\0" + row.tobytes() for row in quadrants()), 0)
    damaged = bytearray(png(quadrants(), 8, 2, packed=stored))
    damaged[damaged.index(b"IDAT") + 500] ^= 0xFF
    with pytest.raises(Rejected, match=r"^damaged: its pixels do not match their checksum$"):
        read(bytes(damaged))


def test_pixels_of_several_blocks_are_checked_to_the_last() -> None:
    pixels = np.full((256, 256, 3), 77, np.uint8)
    stored = zlib.compress(b"".join(b"\0" + row.tobytes() for row in pixels), 0)  # 197 kB
    wrong_chunk = png(pixels, 8, 2, packed=stored)[:-16] + b"\0\0\0\1" + chunk(b"IEND", b"")
    assert (read(wrong_chunk).pixels == 77).all()
    damaged = bytearray(wrong_chunk)
    damaged[-100] ^= 0xFF
    with pytest.raises(Rejected, match=r"^damaged: its pixels do not match their checksum$"):
        read(bytes(damaged))


def test_a_png_of_very_many_chunks_is_refused() -> None:
    data = WHOLE[:PIXELS] + 100_000 * chunk(b"IDAT", b"") + WHOLE[PIXELS:]
    with pytest.raises(Rejected, match=r"^damaged: a PNG of more than 100,000 chunks$"):
        read(data)


def test_a_header_whose_checksum_is_wrong_is_refused() -> None:
    damaged = bytearray(WHOLE)
    damaged[19] ^= 1
    with pytest.raises(Rejected, match=r"^damaged: the checksum of its chunk IHDR is wrong$"):
        read(bytes(damaged))


def test_a_png_without_pixels_is_refused() -> None:
    with pytest.raises(Rejected, match=r"^truncated"):
        read(WHOLE[:PIXELS] + chunk(b"IEND", b""))


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_a_grey_colour_key_is_transparent_at_every_depth(depth: int) -> None:
    most = (1 << depth) - 1
    key = most if depth < 16 else 0x1234
    grey = quadrants([(0,), (key,), (0,), (key ^ 1,)], np.uint16)
    pixels = read(png(grey, depth, 0, chunk(b"tRNS", struct.pack(">H", key)))).pixels
    other = (key ^ 1) * 255 // most if depth < 16 else (key ^ 1) >> 8
    assert colours_of(pixels) == [(0, 0, 0), WHITE, (0, 0, 0), (other,) * 3]


@pytest.mark.parametrize("depth", [8, 16])
def test_a_colour_key_is_transparent_and_its_neighbour_is_not(depth: int) -> None:
    near = [QUADRANTS[0], (30, 180, 60), (30, 180, 61), QUADRANTS[3]]
    scale = 257 if depth == 16 else 1
    colours = [tuple(value * scale for value in colour) for colour in near]
    if depth == 16:
        colours[2] = (30 * 257, 180 * 257, 60 * 257 + 1)  # differs in the low byte alone
    key = chunk(b"tRNS", struct.pack(">3H", *colours[1]))
    pixels = read(png(quadrants(colours, np.uint16), depth, 2, key)).pixels
    last = near[2] if depth == 8 else near[1]
    assert colours_of(pixels) == [near[0], WHITE, last, near[3]]


@pytest.mark.parametrize(("colour_type", "channels"), [(2, 3), (4, 2), (6, 4)])
def test_16_bits_a_channel_are_read_whole(colour_type: int, channels: int) -> None:
    random = np.random.default_rng(3)
    values = random.integers(0, 65536, (32, 32, channels), np.uint16)
    fitted = read(png(values, 16, colour_type), channels="rgba")
    colours = values[..., : channels if channels == 3 else channels - 1]
    assert fitted.depth == "16-bit"
    assert fitted.span == (colours.min(), colours.max())
    assert np.array_equal(fitted.pixels[..., : colours.shape[2]][..., 0], colours[..., 0] >> 8)
    if channels != 3:
        assert np.array_equal(fitted.pixels[..., 3], values[..., -1] >> 8)


def apple(pixels: np.ndarray, colour_type: int) -> bytes:
    """As Xcode writes it: BGR, raw deflate, a chunk CgBI before the header."""
    packed = zlib.compress(b"".join(b"\0" + row.tobytes() for row in pixels))[2:-4]
    plain = png(pixels, 8, colour_type, packed=packed)
    mark = chunk(b"CgBI", b"\x50\0\x20\x02")
    return SIGNATURE + mark + plain[len(SIGNATURE) :]


def test_a_png_by_apple_gives_its_colours() -> None:
    swapped = np.ascontiguousarray(quadrants()[..., ::-1])
    assert colours_of(read(apple(swapped, 2)).pixels) == QUADRANTS


def test_a_png_by_apple_has_its_alpha_taken_out_of_the_colours() -> None:
    half = np.dstack([quadrants()[..., ::-1] // 2, np.full((32, 32), 128, np.uint8)])
    pixels = read(apple(half, 6), channels="rgba").pixels.astype(int)
    assert np.abs(pixels[..., :3] - quadrants()).max() <= 2
    assert (pixels[..., 3] == 128).all()


def test_the_default_picture_of_an_animation_is_taken_and_counted() -> None:
    first, second = Image.fromarray(quadrants()), Image.new("RGB", (32, 32))
    options: dict[str, Any] = {"save_all": True, "append_images": [second]}
    for default in (False, True):
        fitted = read(encode(first, default_image=default, **options))
        assert colours_of(fitted.pixels) == QUADRANTS
        assert fitted.treatments == {"first_image"}


@pytest.mark.parametrize(("gamma", "is_counted"), [(45455, False), (100_000, True)])
def test_a_gamma_without_a_profile_is_not_used_and_counted(gamma: int, is_counted: bool) -> None:
    fitted = read(with_chunk(b"gAMA", struct.pack(">L", gamma)))
    assert colours_of(fitted.pixels) == QUADRANTS
    assert ("colours_ignored" in fitted.treatments) is is_counted


CHROMATICITIES = {
    "sRGB": (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000),
    "Display P3": (31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000),
}


@pytest.mark.parametrize(
    ("kind", "body", "is_counted"),
    [
        (b"cHRM", struct.pack(">8I", *CHROMATICITIES["sRGB"]), False),
        (b"cHRM", struct.pack(">8I", *CHROMATICITIES["Display P3"]), True),
        (b"cICP", bytes((1, 13, 0, 1)), False),
        (b"cICP", bytes((12, 13, 0, 1)), True),
    ],
)
def test_primaries_without_a_profile_are_not_used_and_counted(
    kind: bytes, body: bytes, is_counted: bool
) -> None:
    assert ("colours_ignored" in read(with_chunk(kind, body)).treatments) is is_counted
