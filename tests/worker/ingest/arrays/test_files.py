"""Ingests of arrays: good ones are packed, bad ones are rejected."""

import gzip
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from array_files import first_of_idx, idx, images, npy
from PIL import Image

from benchmarks.harness.digits import read_idx
from worker.ingest.errors import IngestError

Run = Callable[..., Any]
GOOD = ("good.npy", npy(images(3, 32, 32, 3, seed=9)))


def stored(folder: Path, *files: tuple[str, bytes]) -> list[Path]:
    for name, data in files:
        (folder / name).write_bytes(data)
    return [folder / name for name, _ in files]


def test_mnist_is_packed_unchanged(ingest: Run, shared_data: Path, tmp_path: Path) -> None:
    files = sorted((shared_data / "mnist").glob("*.gz"))
    outcome = ingest(
        [first_of_idx(file, 1_500, tmp_path) for file in files], size=28, max_images=3_000
    )
    assert outcome.report["received"] == outcome.report["accepted"] == 3_000
    assert outcome.packed.shape == [28, 28, 1]
    assert outcome.packed.classes == [str(digit) for digit in range(10)]
    assert outcome.packed.horizontal_flip is False
    pixels, labels = b"", b""
    for name in ("t10k", "train"):  # in the order of the upload
        folder = shared_data / "mnist"
        pixels += read_idx(folder / f"{name}-images-idx3-ubyte.gz")[:1_500].tobytes()
        labels += read_idx(folder / f"{name}-labels-idx1-ubyte.gz")[:1_500].tobytes()
    assert outcome.images.tobytes() == pixels
    assert np.load(outcome.folder / "labels.npy").astype(np.uint8).tobytes() == labels


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("pack", [idx, npy, lambda values: gzip.compress(npy(values))])
def test_every_kind_of_array_is_read(
    ingest: Run, tmp_path: Path, channels: int, pack: Callable[[np.ndarray], bytes]
) -> None:
    values = images(300, 32, 32, channels)
    channels_option = {1: "grey", 3: "rgb", 4: "rgba"}[channels]
    outcome = ingest(stored(tmp_path, ("any.name", pack(values))), channels=channels_option)
    assert outcome.report["accepted"] == 300
    assert np.array_equal(outcome.images, values)


def test_images_of_another_shape_are_fitted_as_those_in_files(ingest: Run, tmp_path: Path) -> None:
    values = images(4, 40, 60, 3)
    files = []
    for number, image in enumerate(values):
        Image.fromarray(image).save(tmp_path / f"{number}.png")
        files.append(tmp_path / f"{number}.png")
    (array,) = stored(tmp_path, ("a.npy", npy(values)))
    for fit in ("crop", "pad", "stretch"):
        for channels in ("auto", "grey", "rgba"):
            options: dict[str, Any] = {"size": (48, 32), "fit": fit, "channels": channels}
            expected = np.array(ingest(files, **options).images)
            assert np.array_equal(ingest([array], **options).images, expected)


def test_transparent_images_of_the_requested_shape_are_laid_over_white(
    ingest: Run, tmp_path: Path
) -> None:
    values = images(2, 32, 32, 4)
    values[..., 3] = 0
    values[1, 0, 0] = (9, 0, 0, 255)
    outcome = ingest(stored(tmp_path, ("a.npy", npy(values))))
    assert outcome.images[0].min() == 255
    assert outcome.images[1, 0, 0].tolist() == [9, 0, 0]


def test_labels_become_classes_in_the_order_of_their_values(ingest: Run, tmp_path: Path) -> None:
    values, labels = images(12, 32, 32), np.array([10, 2, 1] * 4)
    sources = stored(tmp_path, ("y_train.npy", npy(labels)), ("x_train.npy", npy(values)))
    outcome = ingest(sources)
    assert outcome.packed.classes == ["1", "2", "10"]
    assert np.load(outcome.folder / "labels.npy").tolist() == [2, 1, 0] * 4
    assert outcome.report["received"] == 12  # labels do not count


def test_there_are_no_classes_where_one_of_two_arrays_has_labels(
    ingest: Run, tmp_path: Path
) -> None:
    values, labels = images(2, 32, 32), np.array([0, 1], np.uint8)
    arrays = stored(tmp_path, ("images.idx", idx(values)), ("labels.idx", idx(labels)))
    outcome = ingest([*arrays, *stored(tmp_path, GOOD)])
    assert outcome.packed.classes is None  # some have none
    assert outcome.report["accepted"] == 5
    assert ingest(arrays).packed.classes == ["0", "1"]


def test_of_duplicates_the_first_label_is_kept(ingest: Run, tmp_path: Path) -> None:
    values = images(3, 32, 32)
    values[2] = values[0]
    sources = stored(
        tmp_path, ("images.npy", npy(values)), ("labels.npy", npy(np.array([7, 8, 9])))
    )
    outcome = ingest(sources)
    assert outcome.report["duplicates"] == 1
    assert outcome.packed.classes == ["7", "8"]


BROKEN = {
    "floats": (npy(np.full((5, 32, 32), 7.5, np.float32)), "no known white: .*levels=auto"),
    "nan": (npy(np.full((5, 32, 32), np.nan)), "not a picture: some of its values"),
    "whole": (npy(np.zeros((5, 32, 32), np.int64)), "no known white: whole numbers"),
    "complex": (npy(np.zeros((5, 32, 32), np.complex64)), "not pictures: complex64"),
    "first": (npy(images(5, 3, 32, 32)), r"not pictures: .*move the channels last"),
    "flat": (npy(images(5, 784)), r"not pictures: shape \(5, 784\)"),
    "five": (npy(images(1, 2, 32, 32, 3)), "not pictures: shape"),
    "fortran": (npy(np.asfortranarray(images(5, 32, 32))), "in Fortran order"),
    "objects": (npy(np.array([[[{}]]], object)), "pickled objects"),
    "names": (npy(np.array(["cat", "dog"])), "not labels"),
    "none": (npy(images(0, 32, 32)), "empty"),
    "flat_side": (idx(images(0, 32, 32), (5, 32, 0)), "empty"),
    "small": (npy(images(5, 7, 32)), "too small: 32 × 7"),
    "shorts": (
        b"\0\0\x0b\x03" + struct.pack(">3I", 5, 32, 32) + bytes(10240),
        "no known white: whole",
    ),
    "cut": (idx(images(5, 32, 32))[:-1], "truncated: 5,136 bytes are announced"),
    "cut_header": (idx(images(5, 32, 32))[:11], "truncated: .*header"),
    "more": (idx(images(5, 32, 32)) + b"x", "wrong count: more bytes"),
    "huge": (idx(images(1, 32, 32), (4_000_000_000, 256, 256)), "truncated"),
    "wide": (idx(images(1, 32, 32), (1, 60_000, 60_000)), "too many pixels: 60000 × 60000"),
    "overflow": (idx(images(1, 32, 32), (2**32 - 1,) * 3), "too many pixels"),
    "gzip_cut": (gzip.compress(idx(images(50, 32, 32)))[:-9], "damaged: its gzip ends"),
    "gzip_crc": (gzip.compress(idx(images(5, 32, 32)))[:-8] + bytes(8), "damaged: its gzip is"),
    "gzip_lie": (gzip.compress(idx(images(9, 32, 32), (8, 32, 32))), "wrong count: more"),
    "long_header": (b"\x93NUMPY\x02\x00" + b"\xff\xff\xff\xff" + bytes(500), "damaged: its header"),
    "odd_header": (b"\x93NUMPY\x01\x00\x10\x00" + b"-" * 16 + bytes(500), "damaged: the header"),
    "deep_header": (b"\x93NUMPY\x01\x00\x00\x20" + b"(" * 8192, "damaged: the header"),
    "version": (b"\x93NUMPY\x09\x00\x10\x00" + bytes(500), "damaged: a NumPy array"),
    "labels": (npy(np.arange(77)), "labels without pictures: 0 arrays of 77"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_array_is_rejected_as_a_whole_with_the_reason(
    ingest: Run, tmp_path: Path, name: str
) -> None:
    data, reason = BROKEN[name]
    outcome = ingest(stored(tmp_path, (name, data), GOOD), max_pixels=1 << 20)
    assert (outcome.report["accepted"], outcome.report["rejected_count"]) == (3, 1)
    assert re.match(reason, outcome.reasons[name]), outcome.reasons[name]


def test_images_with_a_wrong_count_of_labels_are_kept_without_labels(
    ingest: Run, tmp_path: Path
) -> None:
    sources = stored(
        tmp_path,
        ("train-images-idx3-ubyte", idx(images(5, 32, 32))),
        ("train-labels-idx1-ubyte", idx(np.arange(4, dtype=np.uint8))),
    )
    outcome = ingest(sources)
    assert outcome.packed.classes is None
    assert outcome.reasons == {
        "train-labels-idx1-ubyte": (
            "wrong count: 4 labels for the 5 pictures of train-images-idx3-ubyte"
        )
    }


def test_a_damaged_file_is_at_worst_rejected(ingest: Run, tmp_path: Path) -> None:
    chance = np.random.default_rng(3)
    for pack in (idx, npy, lambda values: gzip.compress(idx(values))):
        data = pack(images(4, 32, 32))
        for _ in range(60):
            damaged = bytearray(data)
            for offset in chance.integers(4, min(len(data), 130), 2):
                damaged[offset] = chance.integers(256)
            (good, bad) = stored(tmp_path, GOOD, ("bad", bytes(damaged)))
            try:
                assert ingest([good, bad]).report["accepted"] >= 3
            except IngestError as error:
                assert "bad" in str(error)  # noqa: PT017  a gzip broken at its start
