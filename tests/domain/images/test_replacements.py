"""Which seeds take the place of copies, and how many are tried."""

from app.domain.images.replacements import further_seeds, seed_after
from models.config import MAX_SEED


def test_the_seeds_go_on_after_the_last_from_the_first() -> None:
    assert [seed_after(7, place) for place in (0, 1, 5)] == [7, 8, 12]
    assert [seed_after(MAX_SEED, place) for place in (0, 1, 2)] == [MAX_SEED, 0, 1]


def test_a_few_are_tried_for_one_image_and_twice_as_many_for_many() -> None:
    assert [further_seeds(images) for images in (1, 16, 1000)] == [32, 32, 2000]
