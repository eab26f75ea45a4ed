"""The seeds that are tried in place of seeds whose images are rejected: copies, or poor ones."""

from math import ceil

from models.config import MAX_SEED

MIN_FURTHER_SEEDS = 32
FURTHER_SEEDS_PER_IMAGE = 2
MAX_MIN_QUALITY = 95.0  # one in twenty images is accepted: 40 tries for each


def max_further_seeds(images: int, min_quality: float = 0.0) -> int:
    """Return how many seeds are tried after those of the `images` requested images.

    Of random images, `min_quality` per cent are rejected for their quality: so many more are tried.
    """
    tried = max(MIN_FURTHER_SEEDS, FURTHER_SEEDS_PER_IMAGE * images)
    return ceil(tried / (1 - min_quality / 100))


def describe_rejected(
    model: str, images: str, tried: int, *, min_quality: float, reject_copies: bool
) -> str:
    """Return the error message for images that are still rejected after all further seeds; `images`
    is a phrase such as `3 of 10 images`."""
    if not min_quality:
        return (
            f"model {model!r} copies its training images: after {tried:,} further seeds, {images} "
            "are still copies. Choose another checkpoint, or leave out reject_copies"
        )
    copies = ", or copies of training images" if reject_copies else ""
    return (
        f"after {tried:,} further seeds, {images} are still below the quality {min_quality:g}"
        f"{copies}. Choose a lower min_quality, or another checkpoint"
    )


def seed_after(first: int, offset: int) -> int:
    """Return the seed `offset` after `first`. Seed 0 follows the last seed."""
    return (first + offset) % (MAX_SEED + 1)
