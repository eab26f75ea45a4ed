"""Narrow ranges of values: how the report describes them, and how levels=auto stretches them."""

import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from encoded_pictures import encode, png, quadrants, read
from PIL import Image

from worker.ingest.decoding.levels import Levels, ValueRanges
from worker.ingest.decoding.reader import Reader
from worker.ingest.errors import IngestError, Rejected
from worker.ingest.request import ImageShape

Run = Callable[..., Any]


def steps(number: int, high: int, dtype: Any) -> np.ndarray:
    """(32, 32) of 0, `high` and what is between, like no other number's."""
    values = np.random.default_rng(number).integers(0, high + 1, (32, 32))
    values[0, :2] = 0, high
    return values.astype(dtype)


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def pngs(path: Path, high: int, dtype: Any, kind: str = "PNG") -> Path:
    """Three pictures of these values."""
    return zipped(
        path,
        {
            f"{number}.{kind}": encode(Image.fromarray(steps(number, high, dtype)), kind)
            for number in range(3)
        },
    )


def stacked(high: int, dtype: Any) -> np.ndarray:
    return np.stack([steps(number, high, dtype) for number in range(3)])


def npy(path: Path, values: np.ndarray) -> Path:
    np.save(path, values)
    return path


def npz(path: Path, values: np.ndarray) -> Path:
    np.savez_compressed(path, images=values)
    return path


def idx(path: Path, values: np.ndarray) -> Path:
    header = struct.pack(">4B3I", 0, 0, 0x0D, 3, *values.shape)
    path.write_bytes(header + values.astype(">f4").tobytes())
    return path


UPLOADS: dict[str, tuple[Callable[[Path], Path], int]] = {
    "masks of 0 and 1 in a PNG": (lambda path: pngs(path / "a.zip", 1, np.uint8), 1),
    "10 bits in a PNG of 16": (lambda path: pngs(path / "a.zip", 1023, np.uint16), 1023),
    "12 bits in a TIFF of 16": (lambda path: pngs(path / "a.zip", 4095, np.uint16, "TIFF"), 4095),
    "floats in a TIFF": (lambda path: pngs(path / "a.zip", 900, np.float32, "TIFF"), 900),
    "14 bits in an npy": (lambda path: npy(path / "a.npy", stacked(16383, np.uint16)), 16383),
    "booleans in an npz": (lambda path: npz(path / "a.npz", stacked(1, bool)), 1),
    "whole numbers in an npy": (lambda path: npy(path / "a.npy", stacked(20, np.int64)), 20),
    "floats in an IDX": (lambda path: idx(path / "a-images", stacked(3, np.float32)), 3),
}


@pytest.mark.parametrize("name", UPLOADS)
def test_auto_spreads_the_values_of_every_format_from_black_to_white(
    ingest: Run, tmp_path: Path, name: str
) -> None:
    make, high = UPLOADS[name]
    outcome = ingest([make(tmp_path)], levels="auto")
    expected = stacked(high, np.float64) * 255 / high
    assert np.abs(outcome.images[..., 0] - expected).max() <= 0.51
    findings = {
        finding["kind"]: finding["count"] for finding in outcome.report["doctor"]["findings"]
    }
    assert (findings["levels"], findings["blank"]) == (0, 0)
    assert "were spread from black to white" in outcome.report["notes"][0]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("masks of 0 and 1 in a PNG", "The values of 3 pictures lie between 0 and 1 of 255."),
        ("10 bits in a PNG of 16", "The values of 3 pictures lie between 0 and 1023 of 65535."),
        ("14 bits in an npy", "The values of 3 pictures lie between 0 and 16383 of 65535."),
    ],
)
def test_in_full_a_narrow_range_is_reported_and_not_called_blank(
    ingest: Run, tmp_path: Path, name: str, says: str
) -> None:
    outcome = ingest([UPLOADS[name][0](tmp_path)])
    findings = {finding["kind"]: finding for finding in outcome.report["doctor"]["findings"]}
    assert (findings["levels"]["count"], findings["blank"]["count"]) == (3, 0)
    assert findings["levels"]["says"] == says
    assert "levels=auto" in findings["levels"]["suggests"]


def test_pictures_of_two_depths_are_spread_each_by_its_own(ingest: Run, tmp_path: Path) -> None:
    files = {
        "deep.png": encode(Image.fromarray(steps(1, 1023, np.uint16))),
        "usual.png": encode(Image.fromarray(steps(2, 255, np.uint8))),
    }
    images = ingest([zipped(tmp_path / "a.zip", files)], levels="auto").images[..., 0]
    assert np.abs(images[0] - steps(1, 1023, np.float64) * 255 / 1023).max() <= 0.51
    assert np.array_equal(images[1], steps(2, 255, np.uint8))


def test_pictures_that_all_come_out_black_fail_with_the_remedy(ingest: Run, tmp_path: Path) -> None:
    with pytest.raises(IngestError, match=r"between 0 and 200 of 65535: levels=auto"):
        ingest([pngs(tmp_path / "a.zip", 200, np.uint16)])


def test_all_pictures_are_spread_alike_so_that_they_can_be_compared() -> None:
    values = ValueRanges()
    for high in (100.0, 1023.0):
        values.add("16-bit", (0.0, high))
    dim = png(np.full((32, 32, 1), 100, np.uint16), 16, 0)
    assert read(dim, channels="grey", levels=values.stretched()).pixels[0, 0, 0] == 25


def test_a_narrow_range_of_large_numbers_is_spread_by_all_their_digits() -> None:
    values = 1e9 + np.arange(256)
    assert Levels({"float": (1e9, 1e9 + 255)}).to_bytes(values, "float").tolist() == [*range(256)]
    assert Levels({"float": (0, 1e300)}).to_bytes(np.array([0, 1e300]), "float").tolist() == [
        0,
        255,
    ]


def test_colours_are_spread_and_alpha_is_not() -> None:
    values = np.dstack([quadrants() // 8, np.full((32, 32), 9, np.uint8)])
    levels = Levels({"8-bit": (0.0, 27.0)})
    pixels = read(encode(Image.fromarray(values)), channels="rgba", levels=levels).pixels
    assert np.abs(pixels[..., :3] - (quadrants() // 8) * (255 / 27)).max() <= 0.51
    assert (pixels[..., 3] == 9).all()


def test_16_bit_colours_are_spread_by_all_their_bits() -> None:
    values = np.random.default_rng(0).integers(0, 1024, (32, 32, 3), np.uint16)
    pixels = read(png(values, 16, 2), levels=Levels({"16-bit": (0.0, 1023.0)})).pixels
    assert np.abs(pixels - values * (255 / 1023)).max() <= 0.51


def test_a_reduction_to_8_bits_is_a_treatment_unless_the_levels_are_stretched() -> None:
    values = np.random.default_rng(0).integers(0, 1024, (32, 32, 3), np.uint16)
    assert read(png(values, 16, 2)).treatments == {"depth"}
    levels = Levels({"16-bit": (0.0, 1023.0)})
    assert read(png(values, 16, 2), levels=levels).treatments == set()
    reader = Reader(ImageShape(32, 32, "crop", "auto"), 1 << 20, Levels())
    fit = reader.fit_array(values, (0.0, 1023.0))
    assert callable(fit)
    assert fit().treatments == {"depth"}


def test_a_range_that_is_wide_enough_is_not_reported() -> None:
    values = ValueRanges()
    values.add("8-bit", (10.0, 90.0))
    assert values.narrow_sentence() is None


def test_numbers_without_a_white_are_refused_with_the_remedy() -> None:
    with pytest.raises(Rejected, match=r"decimal numbers from -1 to 1, .* levels=auto"):
        Levels().check("float", (-1.0, 1.0))
    Levels({"float": (-1.0, 1.0)}).check("float", (-1.0, 1.0))


def test_levels_are_not_offered_where_all_values_are_one() -> None:
    values = ValueRanges()
    values.add("8-bit", (0.0, 0.0))
    assert values.narrow_sentence() is None
    values.add("8-bit", (0.0, 1.0))
    assert values.narrow_sentence() is not None
