"""The rule by which seeds take the place of those whose images are copies."""

from models.config import MAX_SEED

LEAST_TRIES = 32  # seeds tried in place of copied ones, however few images are asked for
TRIES_PER_IMAGE = 2


def further_seeds(images: int) -> int:
    """How many are tried beyond those that were asked for."""
    return max(LEAST_TRIES, TRIES_PER_IMAGE * images)


def seed_after(first: int, place: int) -> int:
    """The seed so many places after `first`; after the last one there is, they begin again."""
    return (first + place) % (MAX_SEED + 1)
