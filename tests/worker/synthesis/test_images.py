"""Generated images in order, each with the pixels and class of its seed, and copies found."""

import io
import threading

import numpy as np
import pytest
from PIL import Image

from app.domain.images.checkpoint import GeneratorCheckpoint
from models.config import MAX_SEED
from models.onnx_generator import OnnxGenerator
from models.samples import Pixels, Sample
from models.seeds import class_from_seed
from worker.synthesis import images as images_module
from worker.synthesis.images import (
    TASK_IMAGES,
    EncodedImage,
    ImageStream,
    task_limits,
)


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
