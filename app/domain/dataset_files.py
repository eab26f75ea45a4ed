"""The stored files of a packed dataset that are shown: its contact sheets and single images."""

import io
import math

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from app.domain.datasets import check_ready
from app.domain.errors import NotFound
from app.domain.store import ObjectStore
from app.domain.tables import Dataset

NPY_HEADER_BYTES = 128  # enough for any array of images; NumPy pads its headers
Pixels = NDArray[np.uint8]


def read_preview(store: ObjectStore, dataset: Dataset) -> bytes:
    """Return the PNG of the dataset's contact sheet."""
    check_ready(dataset)
    return _read(store, dataset, "preview.png")


def read_doctor(store: ObjectStore, dataset: Dataset) -> bytes:
    """Return the PNG of the worst pictures of each finding."""
    check_ready(dataset)
    if "doctor" not in (dataset.report or {}):
        raise NotFound(
            f"dataset {dataset.name!r} was packed by a version that did not examine its pictures: "
            "upload it again"
        )
    return _read(store, dataset, "doctor.png")


def _read(store: ObjectStore, dataset: Dataset, file: str) -> bytes:
    try:
        return store.get_bytes(f"{dataset.key}/{file}")
    except FileNotFoundError as exc:
        raise NotFound(f"dataset {dataset.name!r} is being deleted") from exc


def check_index(dataset: Dataset, index: int) -> None:
    """Raise NotFound if the dataset has no picture at this index."""
    check_ready(dataset)
    assert dataset.images is not None
    if not 0 <= index < dataset.images:
        raise NotFound(
            f"dataset {dataset.name!r} has {dataset.images:,} pictures, numbered 0 to "
            f"{dataset.images - 1}: there is no picture {index}",
            field="index",
        )


def read_image(store: ObjectStore, dataset: Dataset, index: int) -> Pixels:
    """Return one packed picture, (H, W, C), without reading the others."""
    check_index(dataset, index)
    return _read_item(store, dataset, "images.npy", index)


def check_thumbnail(dataset: Dataset, index: int) -> None:
    """Raise NotFound if the report names no thumbnail of this number."""
    check_ready(dataset)
    rejected = (dataset.report or {}).get("rejected", [])
    thumbnails = sum("thumbnail" in rejection for rejection in rejected)
    if not 0 <= index < thumbnails:
        raise NotFound(
            f"the report of dataset {dataset.name!r} names {thumbnails:,} thumbnails of rejected "
            f"files, numbered from 0: there is no thumbnail {index}",
            field="index",
        )


def read_thumbnail(store: ObjectStore, dataset: Dataset, index: int) -> Pixels:
    """Return what could be decoded of a rejected file, (64, 64, 4) RGBA."""
    check_thumbnail(dataset, index)
    return _read_item(store, dataset, "rejected.npy", index)


def _read_item(store: ObjectStore, dataset: Dataset, file: str, index: int) -> Pixels:
    """Return one item of a uint8 npy file, without reading the others."""
    key = f"{dataset.key}/{file}"
    try:
        header = io.BytesIO(store.get_range(key, 0, NPY_HEADER_BYTES))
        npy.read_magic(header)
        (_, *shape), _, _ = npy.read_array_header_1_0(header)
        size = math.prod(shape)
        pixels = store.get_range(key, header.tell() + index * size, size)
    except FileNotFoundError as exc:
        raise NotFound(f"dataset {dataset.name!r} is being deleted") from exc
    return np.frombuffer(pixels, np.uint8).reshape(shape)
