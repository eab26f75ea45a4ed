import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps

from models.scoring.embedding import WEIGHTS, Embedder, read_network
from models.scoring.embedding import prepare as prepared
from models.scoring.embedding_definition import EmbeddingError
from models.tensor_files import read_tensors, write_tensors

ROOT = Path(__file__).resolve().parents[3]
BFLOAT16_APART = 0.05  # as the embedder's docstring states


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return Embedder()


@pytest.fixture(scope="module")
def pictures(cats: Path) -> np.ndarray:
    found: np.ndarray = np.load(cats / "images.npy")
    return found


def resized(pictures: np.ndarray, width: int, height: int, mode: str = "RGB") -> np.ndarray:
    shown = [Image.fromarray(image).resize((width, height)).convert(mode) for image in pictures]
    stack = np.stack([np.asarray(image) for image in shown])
    return stack[..., None] if mode == "L" else stack


def test_a_second_embedder_finds_the_same(embedder: Embedder, pictures: np.ndarray) -> None:
    other = Embedder("cpu")
    assert other.name == embedder.name
    np.testing.assert_array_equal(other(pictures[:20]), embedder(pictures[:20]))


def test_a_large_picture_is_averaged_and_not_sampled() -> None:
    board = np.indices((256, 256)).sum(0) % 2 * 255
    seen = prepared(board.astype(np.uint8)[None, :, :, None].repeat(3, 3))
    assert seen.shape == (1, 3, 64, 64)
    assert seen.float().sub(127.5).abs().max() < 3


def test_near_duplicates_lie_closer_than_different_cats(
    embedder: Embedder, pictures: np.ndarray, tmp_path: Path
) -> None:
    features = embedder(pictures)
    apart = np.sqrt(np.maximum(2 - 2 * features @ features.T, 0))
    np.fill_diagonal(apart, np.inf)
    nearest_other = apart.min(1)
    for name, change in {
        "crop": lambda image: image.crop((3, 3, 61, 61)).resize((64, 64)),
        "jpeg": lambda image: through_jpeg(image, tmp_path / "packed.jpg"),
        "bright": lambda image: ImageEnhance.Brightness(image).enhance(1.15),
        "mirror": ImageOps.mirror,
    }.items():
        changed = np.stack([np.asarray(change(Image.fromarray(image))) for image in pictures])
        own = np.linalg.norm(embedder(changed) - features, axis=1)
        assert (own < nearest_other).mean() > 0.97, name
        assert np.median(own) < np.median(nearest_other) / 2, name


def through_jpeg(picture: Image.Image, path: Path) -> Image.Image:
    picture.save(path, quality=60)
    return Image.open(path)


@pytest.mark.parametrize("kind", ["noise", "blur"])
def test_a_stronger_distortion_lies_further_away(
    embedder: Embedder, pictures: np.ndarray, kind: str
) -> None:
    features = embedder(pictures)
    distances = []
    for strength in (4, 2, 1):  # less and less
        if kind == "noise":
            noise = np.random.default_rng(0).normal(0, 12 * strength, pictures.shape)
            changed = (pictures + noise).clip(0, 255).astype(np.uint8)
        else:
            side = 64 // (2 * strength)
            small = resized(pictures, side, side)
            changed = resized(small, 64, 64)
        distances.append(np.linalg.norm(embedder(changed) - features, axis=1).mean())
    assert distances[0] > distances[1] > distances[2] > 0.1


def test_digits_of_a_class_lie_together(embedder: Embedder, shared_data: Path) -> None:
    pictures, labels = [], []
    with zipfile.ZipFile(shared_data / "digits-labelled.zip") as archive:
        for name in sorted(archive.namelist())[::12]:
            if name.endswith(".png"):
                with archive.open(name) as file:
                    pictures.append(np.asarray(Image.open(file).convert("L"))[..., None])
                labels.append(int(name.split("/")[-2]))
    features = embedder(np.stack(pictures))
    alike = features @ features.T
    np.fill_diagonal(alike, -1)
    found = np.array(labels)[alike.argmax(1)]
    assert (found == labels).mean() > 0.95


def test_the_features_are_those_of_the_float32_network(
    embedder: Embedder, pictures: np.ndarray
) -> None:
    with torch.inference_mode():
        exact = read_network(WEIGHTS).eval()(prepared(pictures)).numpy()
    assert np.linalg.norm(embedder(pictures) - exact, axis=1).max() < BFLOAT16_APART


def broken_weights(how: str, path: Path) -> Path:
    description, tensors = read_tensors(WEIGHTS, "embedding")
    if how == "cut short":
        path.write_bytes(WEIGHTS.read_bytes()[:100_000])
    elif how == "no safetensors":
        path.write_bytes(b"not weights")
    elif how == "another kind":
        write_tensors(path, "checkpoint", {}, tensors)
    elif how == "one tensor less":
        write_tensors(path, "embedding", description, dict(list(tensors.items())[1:]))
    elif how == "not finite":
        tensors["features.bias"][3] = float("nan")
        write_tensors(path, "embedding", description, tensors)
    return path


@pytest.mark.parametrize(
    "how",
    ["absent", "cut short", "no safetensors", "another kind", "one tensor less", "not finite"],
)
def test_broken_weights_are_refused_by_name(how: str, tmp_path: Path) -> None:
    path = broken_weights(how, tmp_path / "broken.safetensors")
    with pytest.raises(EmbeddingError, match=r"broken\.safetensors"):
        Embedder(weights=path)


def test_other_weights_have_another_name(embedder: Embedder, tmp_path: Path) -> None:
    description, tensors = read_tensors(WEIGHTS, "embedding")
    tensors["features.bias"] += 1
    write_tensors(tmp_path / "other.safetensors", "embedding", description, tensors)
    assert Embedder(weights=tmp_path / "other.safetensors").name != embedder.name


def test_the_shipped_weights_say_how_they_were_made() -> None:
    description, tensors = read_tensors(WEIGHTS, "embedding")
    assert description["recipe"]["steps"] > 0
    assert description["measured"]["mnist_nearest"] > 0.95
    assert sum(tensor.numel() for tensor in tensors.values()) < 2_000_000
    assert WEIGHTS.stat().st_size < 8_000_000


def test_an_installation_carries_the_weights(tmp_path: Path) -> None:
    """As `pip install .` builds it of a copy, with what the image copies."""
    source = tmp_path / "source"
    for name in ("app", "worker", "models"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "--wheel-dir", tmp_path, source], check=True)
    (wheel,) = tmp_path.glob("moggy-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        for path in (WEIGHTS, *WEIGHTS.parent.glob("*.onnx")):
            assert archive.read(f"models/scoring/{path.name}") == path.read_bytes()
