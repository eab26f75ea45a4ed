"""Seeds and ranges of seeds."""

import pytest

from app.cli.errors import WrongUsage
from app.cli.latent_options import parse_seeds
from models.config import MAX_SEED


@pytest.mark.parametrize(
    ("text", "seeds"),
    [
        ("7", [7]),
        ("0-3", [0, 1, 2, 3]),
        ("1,5,9-12", [1, 5, 9, 10, 11, 12]),
        (" 3 , 1 ", [3, 1]),
        ("5-5", [5]),
        ("7,7", [7, 7]),
        (str(MAX_SEED), [MAX_SEED]),
    ],
)
def test_seeds_keep_the_order_in_which_they_are_written(text: str, seeds: list[int]) -> None:
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "neither a seed nor a range"),
        ("1,", "neither a seed nor a range"),
        ("-5", "neither a seed nor a range"),
        ("a", "'a' is neither a seed nor a range"),
        ("٣", "neither a seed nor a range"),
        ("1-2-3", "neither a seed nor a range"),
        ("63-0", "the range 63-0 ends before it begins"),
        (str(MAX_SEED + 1), "above the largest seed, 9007199254740991"),
        ("0-9007199254740990", "are 9,007,199,254,740,991 seeds: at most 100,000 at once"),
    ],
)
def test_an_invalid_seed_is_named(text: str, reason: str) -> None:
    with pytest.raises(WrongUsage, match=reason):
        parse_seeds(text)
