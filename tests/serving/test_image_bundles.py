"""Responses of many pictures, streamed in pieces."""

import asyncio
import email
import gc
import io
import json
import zipfile
from collections.abc import AsyncGenerator
from itertools import repeat

import numpy as np
import pytest
from PIL import Image

from app.serving.display import Display
from app.serving.image_bundles import PIECE_BYTES, in_slices, new_bundle, stream_bundle
from models.samples import Pixels

RECIPE = {"model": "cats"}


def pictures(count: int) -> Pixels:
    return np.random.default_rng(count).integers(0, 256, (count, 8, 8, 3), np.uint8)


def pieces(
    file_format: str, pixels: Pixels, size: int, display: Display | None = None
) -> tuple[list[bytes], str]:
    bundle = new_bundle(file_format, "cats")

    async def collect() -> list[bytes]:
        slices = in_slices(pixels, size)
        parts = stream_bundle(slices, repeat(RECIPE), len(pixels), bundle, display or Display())
        return [piece async for piece in parts]

    return asyncio.run(collect()), bundle.media_type


def files(file_format: str, data: bytes, media_type: str) -> dict[str, bytes]:
    if file_format == "zip":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            assert archive.testzip() is None
            return {name: archive.read(name) for name in archive.namelist()}
    message = email.message_from_bytes(b"Content-Type: " + media_type.encode() + b"\r\n\r\n" + data)
    parts = [part for part in message.walk() if not part.is_multipart()]
    payloads = {part.get_filename() or "": part.get_payload(decode=True) for part in parts}
    return {name: data for name, data in payloads.items() if isinstance(data, bytes)}


@pytest.mark.parametrize("file_format", ["zip", "multipart"])
def test_all_pictures_are_bundled_in_order_with_a_piece_for_each_slice(file_format: str) -> None:
    made = pictures(10)
    parts, media_type = pieces(file_format, made, size=4)
    assert len(parts) == 4  # three slices, and the end
    assert all(parts)
    bundled = files(file_format, b"".join(parts), media_type)
    assert list(bundled) == [f"{index:04}.png" for index in range(10)]
    for data, expected in zip(bundled.values(), made, strict=True):
        image = Image.open(io.BytesIO(data))
        assert np.array_equal(np.asarray(image), expected)
        assert json.loads(image.info["moggy"]) == RECIPE


@pytest.mark.parametrize("file_format", ["zip", "multipart"])
def test_equal_pictures_give_equal_bytes_however_they_are_sliced(file_format: str) -> None:
    once, again = (b"".join(pieces(file_format, pictures(9), size)[0]) for size in (2, 9))
    assert once == again


def test_enlarged_pictures_carry_the_scale_in_their_recipes() -> None:
    parts, media_type = pieces("zip", pictures(2), 2, Display(3, "nearest"))
    for data in files("zip", b"".join(parts), media_type).values():
        image = Image.open(io.BytesIO(data))
        assert image.size == (24, 24)
        assert json.loads(image.info["moggy"]) == RECIPE | {"scale": 3, "resample": "nearest"}


def test_a_zip_can_be_read_while_it_arrives() -> None:
    parts, _ = pieces("zip", pictures(10), size=4)
    with zipfile.ZipFile(io.BytesIO(b"".join(parts))) as archive:
        for entry in archive.infolist():
            assert entry.flag_bits & 0x08 == 0  # sizes stand before the data
            header = b"".join(parts)[entry.header_offset :][:30]
            assert int.from_bytes(header[18:22], "little") == entry.compress_size


def test_much_enlarged_pictures_are_sent_in_pieces_of_fewer_pictures() -> None:
    made = np.random.default_rng(0).integers(0, 256, (16, 64, 64, 3), np.uint8)
    parts, media_type = pieces("zip", made, 16, Display(8, "nearest"))
    assert len(parts) > 3
    assert max(map(len, parts)) < 2 * PIECE_BYTES
    assert len(files("zip", b"".join(parts), media_type)) == 16


def test_a_bundle_that_is_not_read_to_its_end_closes_its_source() -> None:
    closed = []

    async def slices() -> AsyncGenerator[Pixels]:
        try:
            while True:
                yield pictures(2)
        finally:
            closed.append(True)

    async def scenario() -> None:
        reading = stream_bundle(slices(), repeat(RECIPE), 100, new_bundle("zip", "cats"), Display())
        await anext(reading)
        await reading.aclose()

    asyncio.run(scenario())
    assert closed == [True]


def test_a_zip_whose_client_left_is_collected_in_silence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ignored: list[str] = []
    monkeypatch.setattr("sys.unraisablehook", lambda failure: ignored.append(failure.err_msg))
    for _ in range(3):  # the order in which the parts of a circle are collected varies
        bundle = new_bundle("zip", "cats")
        bundle.add("0000.png", b"picture")
        bundle.take()
        bundle.itself = bundle  # type: ignore[attr-defined]  # as a traceback's frame refers to it
        del bundle
        gc.collect()
    assert ignored == []
