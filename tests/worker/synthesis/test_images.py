"""Generated images in order, each with the pixels and class of its seed, and copies found."""

import io
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from copying_models import embed, pack_features
from PIL import Image

from app.domain.images.checkpoint import GeneratorCheckpoint
from models.config import MAX_SEED
from models.onnx_generator import OnnxGenerator
from models.samples import Pixels, Sample
from models.scoring.nearest import Index
from models.seeds import class_from_seed
from worker.synthesis import images as images_module
from worker.synthesis.images import (
    TASK_IMAGES,
    CopyFinder,
    EncodedImage,
    ImageStream,
    task_limits,
)
from worker.synthesis.request import ComparedDataset, NoPassport


def decoded(image: EncodedImage) -> np.ndarray:
    assert image.data is not None
    return np.asarray(Image.open(io.BytesIO(image.data)))


def test_images_come_in_the_order_of_their_seeds_from_any_offset(
    generator: OnnxGenerator, checkpoint: GeneratorCheckpoint
) -> None:
    stream = ImageStream(generator, checkpoint, "png", None)
    whole = list(stream.images(100, 0, 50))
    assert [image.seed for image in whole] == list(range(100, 150))
    assert list(stream.images(100, 13, 50)) == whole[13:]
    for image in whole[::7]:
        label = class_from_seed(image.seed, 3)
        (pixels,) = generator.render([Sample(image.seed, label)])
        assert (image.label, image.recipe["seed"]) == (label, image.seed)
        assert np.array_equal(decoded(image), pixels[..., 0])


def test_all_images_are_of_the_requested_class(
    generator: OnnxGenerator, checkpoint: GeneratorCheckpoint
) -> None:
    stream = ImageStream(generator, checkpoint, "webp", 1)
    assert {image.label for image in stream.images(0, 0, 20)} == {1}


def test_after_the_largest_seed_an_endless_stream_continues_at_seed_0(
    generator: OnnxGenerator, checkpoint: GeneratorCheckpoint
) -> None:
    endless = ImageStream(generator, checkpoint, "png", None).images(MAX_SEED - 1, 0, None)
    assert [next(endless).seed for _ in range(4)] == [MAX_SEED - 1, MAX_SEED, 0, 1]


def test_a_copy_has_no_data(generator: OnnxGenerator, checkpoint: GeneratorCheckpoint) -> None:
    def every_other(pixels: Pixels) -> list[bool]:
        return [index % 2 == 1 for index in range(len(pixels))]

    made = list(ImageStream(generator, checkpoint, "png", 0, every_other).images(0, 0, 12))
    assert [image.data is None for image in made] == [False, True] * 6


def test_copies_are_searched_once_for_each_task(
    generator: OnnxGenerator, checkpoint: GeneratorCheckpoint
) -> None:
    sizes: list[int] = []

    def none(pixels: Pixels) -> list[bool]:
        sizes.append(len(pixels))
        return [False] * len(pixels)

    assert (
        len(
            list(
                ImageStream(generator, checkpoint, "png", 0, none).images(0, 0, 2 * TASK_IMAGES + 5)
            )
        )
        == 69
    )
    assert sorted(sizes) == [5, TASK_IMAGES, TASK_IMAGES]


def test_closing_the_stream_waits_only_for_running_tasks(
    generator: OnnxGenerator, checkpoint: GeneratorCheckpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images_module, "usable_cores", lambda: 1)
    started: list[int] = []
    closing = threading.Event()

    def slow(pixels: Pixels) -> list[bool]:
        started.append(len(pixels))
        if len(started) > 1:
            closing.wait(20)
        return [False] * len(pixels)

    stream = ImageStream(generator, checkpoint, "png", 0, slow).images(0, 0, None)
    next(stream)
    threading.Timer(1, closing.set).start()  # after the other tasks have been cancelled
    stream.close()
    assert len(started) <= 2


@pytest.mark.parametrize(
    ("shape", "threads", "size", "most_waiting"),
    [
        ((28, 28, 1), 2, 32, 8),
        ((64, 64, 3), 2, 32, 8),
        ((64, 64, 3), 256, 32, 682),  # not 1024
        ((256, 256, 3), 2, 16, 8),
        ((256, 256, 3), 128, 16, 128),
        ((2048, 2048, 4), 16, 8, 16),
    ],
)
def test_tasks_are_smaller_for_large_images_and_fewer_wait_for_many_cores(
    shape: tuple[int, int, int], threads: int, size: int, most_waiting: int
) -> None:
    assert task_limits(shape, threads) == (size, most_waiting)


@pytest.fixture
def images(generator: OnnxGenerator) -> np.ndarray:
    """(8, 28, 28, 1): the images of the seeds 0 to 7."""
    return generator.render([Sample(seed, 0) for seed in range(8)])


def test_only_training_images_are_copies(tmp_path: Path, images: np.ndarray) -> None:
    # With each image twice in the dataset, only equal images are near enough to be copies.
    pack_features(tmp_path / "packed", embed(np.concatenate([images[2:5]] * 2)))
    finder = CopyFinder(ComparedDataset("kittens", tmp_path / "packed"))
    assert finder.find(images) == [False] * 2 + [True] * 3 + [False] * 3
    assert finder.find(images[4:6]) == [True, False]


def test_a_dataset_without_usable_embeddings_is_named_in_the_error(tmp_path: Path) -> None:
    with pytest.raises(NoPassport, match="dataset 'kittens' is being deleted"):
        CopyFinder(ComparedDataset("kittens", tmp_path / "gone"))
    pack_features(tmp_path / "old", np.ones((2, 128), np.float16), embedding="moggy-0-cafe")
    with pytest.raises(NoPassport, match="was embedded by moggy-0-cafe, this service has moggy-"):
        CopyFinder(ComparedDataset("kittens", tmp_path / "old"))


def test_a_verdict_does_not_depend_on_how_many_images_are_searched_at_once(
    tmp_path: Path, generator: OnnxGenerator
) -> None:
    samples = [Sample(seed, 0) for seed in range(21)]
    batches = (samples[:8], samples[8:16], samples[16:])
    images = np.concatenate([generator.render(batch) for batch in batches])
    pack_features(tmp_path / "packed", embed(np.concatenate([images[3:19:4]] * 2)))
    finder = CopyFinder(ComparedDataset("kittens", tmp_path / "packed"))
    together = finder.find(images)
    assert [index for index, is_copy in enumerate(together) if is_copy] == [3, 7, 11, 15]
    assert together == [finder.find(images[index : index + 1])[0] for index in range(21)]


def test_the_index_is_searched_once_for_all_images(
    tmp_path: Path, images: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack_features(tmp_path / "packed", embed(images))
    finder = CopyFinder(ComparedDataset("kittens", tmp_path / "packed"))
    searched: list[int] = []
    search = Index.nearest

    def count(index: Index, features: np.ndarray) -> Any:
        searched.append(len(features))
        return search(index, features)

    monkeypatch.setattr(Index, "nearest", count)
    finder.find(np.concatenate([images] * 4))
    assert searched == [32]
