"""The embedding in ONNX Runtime is the one in torch, and needs no other images in its batch."""

import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from models.scoring.embedding import WEIGHTS, Embedder, prepare, read_network
from models.scoring.embedding_definition import EmbeddingError
from models.scoring.nearest import SCORES_ONNX
from models.scoring.onnx_embedder import EMBEDDING_ONNX, OnnxEmbedder, _prepare

FLOAT_ROUNDING = 1e-5
RESIZED_APART = 0.02  # after resizing, whose levels differ by at most one
SIZES = [(28, 28), (48, 80), (96, 64), (128, 128), (200, 333)]  # width, height


@pytest.fixture(scope="module")
def embedder() -> OnnxEmbedder:
    return OnnxEmbedder()


@pytest.fixture(scope="module")
def pictures(shared_data: Path) -> list[Image.Image]:
    with zipfile.ZipFile(shared_data / "cats-3000.zip") as archive:
        names = [name for name in archive.namelist() if name.endswith(".jpg")][:100]
        return [Image.open(archive.open(name)).convert("RGB") for name in names]


def in_float32(images: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        features: np.ndarray = read_network(WEIGHTS).eval()(prepare(images)).numpy()
    return features


def at_size(pictures: list[Image.Image], width: int, height: int) -> np.ndarray:
    return np.stack([np.asarray(picture.resize((width, height))) for picture in pictures])


def test_the_features_are_those_of_torch(
    embedder: OnnxEmbedder, pictures: list[Image.Image]
) -> None:
    images = at_size(pictures, 64, 64)
    apart = np.linalg.norm(embedder(images) - in_float32(images), axis=1)
    assert apart.max() < FLOAT_ROUNDING


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_pictures_of_other_sizes_are_resized_as_in_torch(
    embedder: OnnxEmbedder, pictures: list[Image.Image], width: int, height: int
) -> None:
    images = at_size(pictures, width, height)
    levels = _prepare(images).astype(int) - prepare(images).permute(0, 2, 3, 1).numpy()
    assert np.abs(levels).max() <= 1
    apart = np.linalg.norm(embedder(images) - in_float32(images), axis=1)
    assert apart.max() < RESIZED_APART


@pytest.mark.parametrize("count", [1, 7, 8, 9, 100])
def test_a_picture_has_the_same_bits_in_any_batch(
    embedder: OnnxEmbedder, pictures: list[Image.Image], count: int
) -> None:
    images = at_size(pictures, 64, 64)
    together = embedder(np.roll(images, count // 2, 0)[:count])
    assert together[count // 2].tobytes() == embedder(images[:1]).tobytes()


def test_features_of_torch_and_of_onnx_runtime_have_one_name(embedder: OnnxEmbedder) -> None:
    assert embedder.name == Embedder().name


@pytest.mark.parametrize("how", ["absent", "cut short", "no ONNX", "another network"])
def test_a_broken_file_is_refused_with_the_remedy(how: str, tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    if how == "cut short":
        path.write_bytes(EMBEDDING_ONNX.read_bytes()[:100_000])
    elif how == "no ONNX":
        path.write_bytes(b"not a network")
    elif how == "another network":
        shutil.copy(SCORES_ONNX, path)
    with pytest.raises(EmbeddingError, match=r"broken\.onnx is unusable: install Moggy again"):
        OnnxEmbedder(path)
