"""Pictures one after another: in order, each with its own seed's pixels and class."""

import io

import numpy as np
from PIL import Image

from app.domain.pictures.checkpoint import ServedCheckpoint
from models.config import MAX_SEED
from models.latents import class_from_seed
from models.rendering import Renderer
from models.samples import Pixels, Sample
from worker.synthesis.pictures import Picture, Pictures


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
