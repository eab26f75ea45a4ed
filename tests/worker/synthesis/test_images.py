"""Pictures one after another: in order, each with its own seed's pixels and class."""

import io
import threading

import numpy as np
import pytest
from PIL import Image

from app.domain.images.checkpoint import ServedCheckpoint
from models.config import MAX_SEED
from models.latents import class_from_seed
from models.rendering import Renderer
from models.samples import Pixels, Sample
from worker.synthesis import images as module
from worker.synthesis.images import PART, Picture, Pictures, portions


def decoded(picture: Picture) -> np.ndarray:
    assert picture.data is not None
    return np.asarray(Image.open(io.BytesIO(picture.data)))


def test_they_come_in_order_whatever_the_place_they_begin_at(
    renderer: Renderer, checkpoint: ServedCheckpoint
) -> None:
    pictures = Pictures(renderer, checkpoint, "png", None)
    whole = list(pictures.of(100, 0, 50))
    assert [one.seed for one in whole] == list(range(100, 150))
    assert list(pictures.of(100, 13, 50)) == whole[13:]
    for picture in whole[::7]:
        label = class_from_seed(picture.seed, 3)
        (pixels,) = renderer.render([Sample(picture.seed, label)])
        assert (picture.label, picture.recipe["seed"]) == (label, picture.seed)
        assert np.array_equal(decoded(picture), pixels[..., 0])


def test_a_class_that_is_asked_for_is_that_of_all(
    renderer: Renderer, checkpoint: ServedCheckpoint
) -> None:
    pictures = Pictures(renderer, checkpoint, "webp", 1)
    assert {one.label for one in pictures.of(0, 0, 20)} == {1}


def test_without_an_end_they_go_on_after_the_last_seed_from_the_first(
    renderer: Renderer, checkpoint: ServedCheckpoint
) -> None:
    endless = Pictures(renderer, checkpoint, "png", None).of(MAX_SEED - 1, 0, None)
    assert [next(endless).seed for _ in range(4)] == [MAX_SEED - 1, MAX_SEED, 0, 1]


def test_what_is_a_copy_has_no_file(renderer: Renderer, checkpoint: ServedCheckpoint) -> None:
    def every_other(pixels: Pixels) -> list[bool]:
        return [place % 2 == 1 for place in range(len(pixels))]

    made = list(Pictures(renderer, checkpoint, "png", 0, every_other).of(0, 0, 12))
    assert [one.data is None for one in made] == [False, True] * 6


def test_copies_are_looked_for_in_a_whole_part_at_once(
    renderer: Renderer, checkpoint: ServedCheckpoint
) -> None:
    asked: list[int] = []

    def none(pixels: Pixels) -> list[bool]:
        asked.append(len(pixels))
        return [False] * len(pixels)

    assert len(list(Pictures(renderer, checkpoint, "png", 0, none).of(0, 0, 2 * PART + 5))) == 69
    assert sorted(asked) == [5, PART, PART]


def test_who_stops_early_waits_for_no_more_than_is_being_made(
    renderer: Renderer, checkpoint: ServedCheckpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "usable_cores", lambda: 1)
    begun: list[int] = []
    closing = threading.Event()

    def slow(pixels: Pixels) -> list[bool]:
        begun.append(len(pixels))
        if len(begun) > 1:
            closing.wait(20)
        return [False] * len(pixels)

    pictures = Pictures(renderer, checkpoint, "png", 0, slow).of(0, 0, None)
    next(pictures)
    threading.Timer(1, closing.set).start()  # when the others have been cancelled
    pictures.close()
    assert len(begun) <= 2


@pytest.mark.parametrize(
    ("shape", "threads", "part", "ahead"),
    [
        ((28, 28, 1), 2, 32, 8),
        ((64, 64, 3), 2, 32, 8),
        ((64, 64, 3), 256, 32, 682),  # not 1024
        ((256, 256, 3), 2, 16, 8),
        ((256, 256, 3), 128, 16, 128),
        ((2048, 2048, 4), 16, 8, 16),
    ],
)
def test_of_large_pictures_and_for_many_cores_fewer_wait(
    shape: tuple[int, int, int], threads: int, part: int, ahead: int
) -> None:
    assert portions(shape, threads) == (part, ahead)
