"""Small pictures of four solid quadrants, in encodings that Pillow does not write."""

import base64
import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image

from worker.ingest.archives.members import Member
from worker.ingest.decoding.levels import Levels
from worker.ingest.decoding.reader import Fitted, Reader
from worker.ingest.request import ImageShape

SIDE = 32
QUADRANTS = [(200, 30, 40), (30, 180, 60), (40, 60, 210), (220, 200, 90)]
SIGNATURE = b"\x89PNG\r\n\x1a\n"
# 64 × 64 with these quadrants, by libheif: nothing that the tests install writes HEIC.
HEIC = base64.b64decode(
    "AAAAHGZ0eXBoZWl4AAAAAG1pZjFoZWl4bWlhZgAAAUFtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAA"
    "AAAAAAAAACJpbG9jAAAAAERAAAEAAQAAAAABZQABAAAAAAAAAEAAAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABo"
    "dmMxAAAAAA5waXRtAAAAAAABAAAAwWlwcnAAAACjaXBjbwAAAHdodmNDAQQIAAAAnjgAAAAAHvAA/P/4+AAADwNgAAEA"
    "F0ABDAH//wQIAAADAJ44AAADAAAeugJAYQABACpCAQEECAAAAwCeOAAAAwAAHpAEECCy3UklNc3AQ0GBAAADABkAAAMA"
    "AQhiAAEACEQBwXKGDAIkAAAAFGlzcGUAAAAAAAAAQAAAAEAAAAAQcGl4aQAAAAADCAgIAAAAFmlwbWEAAAAAAAAAAQAB"
    "A4ECAwAAAEhtZGF0AAAAPCgBrwY4Wvz9N/kOB///nIb6H+kPybCV/QDl//U7v//0LPLGY+JNrG/YD9v/65BEONB+3kg/"
    "+pKf1+f20w=="
)


def quadrants(colours: Any = QUADRANTS, dtype: Any = np.uint8) -> np.ndarray:
    """(32, 32, C)."""
    half = SIDE // 2
    pixels = np.zeros((SIDE, SIDE, len(colours[0])), dtype)
    pixels[:half, :half], pixels[:half, half:], pixels[half:, :half], pixels[half:, half:] = colours
    return pixels


def colours_of(pixels: np.ndarray) -> list[tuple[int, ...]]:
    """The colour in the middle of each quadrant."""
    side = len(pixels)
    near, far = side // 4, 3 * side // 4
    return [tuple(pixels[y, x].tolist()) for y in (near, far) for x in (near, far)]


def encode(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def chunk(kind: bytes, data: bytes, checksum: int | None = None) -> bytes:
    checksum = zlib.crc32(kind + data) if checksum is None else checksum
    return struct.pack(">L", len(data)) + kind + data + struct.pack(">L", checksum)


def png(
    pixels: np.ndarray, depth: int, colour_type: int, *chunks: bytes, packed: bytes | None = None
) -> bytes:
    """A PNG of (H, W, C) values; `chunks` go before the pixels, `packed` replaces them."""
    height, width, _ = pixels.shape
    rows = pixels.reshape(height, -1)
    if depth == 16:
        lines = rows.astype(">u2").view(np.uint8)
    elif depth == 8:
        lines = rows.astype(np.uint8)
    else:
        bits = np.unpackbits(rows.astype(np.uint8)[..., None], axis=2)[..., 8 - depth :]
        lines = np.packbits(bits.reshape(height, -1), axis=1)
    data = b"".join(b"\0" + line.tobytes() for line in lines)
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(data) if packed is None else packed)
    return SIGNATURE + chunk(b"IHDR", header) + b"".join(chunks) + body + chunk(b"IEND", b"")


def matrix_profile(primaries: Any, gamma: float = 2.2) -> bytes:
    """An ICC profile, version 2, of a display with these (x, y) of red, green, blue and D65."""

    def xyz(x: float, y: float) -> np.ndarray:
        return np.array([x / y, 1, (1 - x - y) / y])

    columns, white = np.array([xyz(*primary) for primary in primaries]).T, xyz(0.3127, 0.3290)
    device = columns * np.linalg.solve(columns, white)
    cones = np.array(
        [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
    )
    d50 = np.array([0.9642, 1.0, 0.8249])
    adapted = np.linalg.inv(cones) @ np.diag((cones @ d50) / (cones @ white)) @ cones @ device
    tags = {b"desc": _description(), b"cprt": b"text\0\0\0\0x\0\0\0", b"wtpt": _xyz(d50)}
    tags |= {
        name: _xyz(adapted[:, column]) for column, name in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))
    }
    return _profile(b"RGB ", tags | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), _curve(gamma)))


def grey_profile(gamma: float) -> bytes:
    white = _xyz(np.array([0.9642, 1.0, 0.8249]))
    tags = {b"desc": _description(), b"wtpt": white, b"kTRC": _curve(gamma)}
    return _profile(b"GRAY", tags | {b"cprt": b"text\0\0\0\0x\0\0\0"})


def ink_profile() -> bytes:
    """An ICC profile of a printer whose four inks are alike: each takes 25 of 100 from L*."""
    corners = [100 - 25 * corner.bit_count() for corner in range(16)]
    table = b"".join(bytes((round(2.55 * light), 128, 128)) for light in corners)
    identity = struct.pack(">9i", *(65536 * (index % 4 == 0) for index in range(9)))
    ramp = bytes(range(256))
    lut = b"mft1\0\0\0\0" + bytes((4, 3, 2, 0)) + identity + 4 * ramp + table + 3 * ramp
    white = _xyz(np.array([0.9642, 1.0, 0.8249]))
    tags = {b"desc": _description(), b"wtpt": white, b"A2B0": lut, b"A2B1": lut}
    tags |= {b"cprt": b"text\0\0\0\0x\0\0\0"}
    return _profile(b"CMYK", tags, device=b"prtr", connection=b"Lab ")


def _profile(
    space: bytes,
    tags: dict[bytes, bytes],
    *,
    device: bytes = b"mntr",
    connection: bytes = b"XYZ ",
) -> bytes:
    start = 128 + 4 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        table += name + struct.pack(">II", start + len(body), len(data))
        body += data
    head = struct.pack(
        ">I4sI4s4s4s", start + len(body), b"lcms", 0x02400000, device, space, connection
    )
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp"
    head = head.ljust(68, b"\0") + struct.pack(">3i", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + table + body


def _xyz(values: np.ndarray) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in values))


def _curve(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"


def _description() -> bytes:
    text = b"desc\0\0\0\0" + struct.pack(">I", 2) + b"x\0" + bytes(78)
    return text + b"\0" * (-len(text) % 4)


P3 = matrix_profile([(0.68, 0.32), (0.265, 0.69), (0.15, 0.06)])
ADOBE_RGB = matrix_profile([(0.64, 0.33), (0.21, 0.71), (0.15, 0.06)])


def read(data: bytes, *, channels: str = "rgb", levels: Levels | None = None) -> Fitted:
    """Read and fit to 32 × 32 pixels. Raises Rejected."""
    reader = Reader(ImageShape(SIDE, SIDE, "crop", channels), 1 << 20, levels or Levels())
    return reader.fit(Member("a", len(data), 0, io.BytesIO(data)).read_image())
