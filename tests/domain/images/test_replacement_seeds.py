"""Which seeds replace copies, and how many are tried."""

from app.domain.images.replacement_seeds import max_further_seeds, seed_after
from models.config import MAX_SEED


def test_seed_0_follows_the_last_seed() -> None:
    assert [seed_after(7, offset) for offset in (0, 1, 5)] == [7, 8, 12]
    assert [seed_after(MAX_SEED, offset) for offset in (0, 1, 2)] == [MAX_SEED, 0, 1]


def test_at_least_32_seeds_or_twice_the_images_are_tried() -> None:
    assert [max_further_seeds(images) for images in (1, 16, 1000)] == [32, 32, 2000]
