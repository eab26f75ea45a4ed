"""The seeds that are tried in place of seeds whose images are copies of training pictures."""

from models.config import MAX_SEED

MIN_FURTHER_SEEDS = 32
FURTHER_SEEDS_PER_IMAGE = 2


def further_seeds(images: int) -> int:
    """Return how many seeds are tried after those of the `images` requested images."""
    return max(MIN_FURTHER_SEEDS, FURTHER_SEEDS_PER_IMAGE * images)


def seed_after(first: int, offset: int) -> int:
    """Return the seed `offset` after `first`. Seed 0 follows the last seed."""
    return (first + offset) % (MAX_SEED + 1)
