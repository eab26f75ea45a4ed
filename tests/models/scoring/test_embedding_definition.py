"""What both implementations of the embedding promise, in torch and in ONNX Runtime."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.scoring.embedding import Embedder
from models.scoring.embedding_definition import BACKGROUND, FEATURES, EmbeddingError
from models.scoring.onnx_embedder import OnnxEmbedder

FLOAT_ROUNDING = 1e-5
Embed = Callable[[np.ndarray], np.ndarray]


@pytest.fixture(scope="module", params=[Embedder, OnnxEmbedder])
def embedder(request: pytest.FixtureRequest) -> Embed:
    built: Embed = request.param()
    return built


@pytest.fixture(scope="module")
def pictures(cats: Path) -> np.ndarray:
    found: np.ndarray = np.load(cats / "images.npy")
    return found


def lengths(features: np.ndarray) -> np.ndarray:
    norms: np.ndarray = np.linalg.norm(features, axis=1)
    return norms


def resized(pictures: np.ndarray, width: int, height: int, mode: str = "RGB") -> np.ndarray:
    shown = [Image.fromarray(image).resize((width, height)).convert(mode) for image in pictures]
    stack = np.stack([np.asarray(image) for image in shown])
    return stack[..., None] if mode == "L" else stack


@pytest.mark.parametrize(
    ("width", "height", "mode"),
    [
        (28, 28, "L"),
        (64, 96, "RGBA"),
        (256, 256, "RGB"),
        (64, 64, "RGB"),
        (1, 1, "L"),
        (7, 90, "L"),
    ],
)
def test_any_shape_gives_numbers_of_unit_length(
    embedder: Embed, pictures: np.ndarray, width: int, height: int, mode: str
) -> None:
    features = embedder(resized(pictures[:5], width, height, mode))
    assert features.shape == (5, FEATURES)
    assert features.dtype == np.float32
    np.testing.assert_allclose(lengths(features), 1, atol=FLOAT_ROUNDING)


def test_no_pictures_give_no_features(embedder: Embed) -> None:
    assert embedder(np.empty((0, 64, 64, 3), np.uint8)).shape == (0, FEATURES)


def test_blank_pictures_have_unit_length_too(embedder: Embed) -> None:
    blank = np.stack([np.full((64, 64, 3), level, np.uint8) for level in (0, 128, 255)])
    np.testing.assert_allclose(lengths(embedder(blank)), 1, atol=FLOAT_ROUNDING)


@pytest.mark.parametrize("count", [1, 8, 9, 63, 64, 65, 73])
def test_a_picture_is_the_same_in_any_batch(
    embedder: Embed, pictures: np.ndarray, count: int
) -> None:
    alone = embedder(pictures[:1])
    together = embedder(np.roll(pictures[:count], count // 2, 0))
    np.testing.assert_allclose(together[count // 2], alone[0], atol=FLOAT_ROUNDING)


def test_grey_is_as_its_three_equal_channels(embedder: Embed, pictures: np.ndarray) -> None:
    grey = resized(pictures[:10], 40, 40, "L")
    np.testing.assert_array_equal(embedder(grey), embedder(grey.repeat(3, 3)))


def test_a_strided_view_is_as_its_copy(embedder: Embed, pictures: np.ndarray) -> None:
    flipped = pictures[:10, :, ::-1]
    np.testing.assert_array_equal(embedder(flipped), embedder(flipped.copy()))


def test_transparent_pixels_show_the_background(embedder: Embed, pictures: np.ndarray) -> None:
    opaque = np.concatenate([pictures[:6], np.full((6, 64, 64, 1), 255, np.uint8)], 3)
    np.testing.assert_array_equal(embedder(opaque), embedder(pictures[:6]))
    hidden = opaque.copy()
    hidden[:, :, :20, 3] = 0
    shown = pictures[:6].copy()
    shown[:, :, :20] = BACKGROUND
    np.testing.assert_array_equal(embedder(hidden), embedder(shown))


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((64, 64, 3), np.uint8),
        np.zeros((1, 64, 64, 2), np.uint8),
        np.zeros((1, 0, 64, 3), np.uint8),
        np.zeros((1, 64, 64, 3), np.float32),
    ],
    ids=["three axes", "two channels", "no rows", "floats"],
)
def test_arrays_that_are_no_images_are_refused(embedder: Embed, wrong: np.ndarray) -> None:
    told = str(wrong.dtype) if wrong.dtype != np.uint8 else str(wrong.shape)
    with pytest.raises(EmbeddingError) as refused:
        embedder(wrong)
    assert told in str(refused.value)
