"""Seeds as people write them: `7`, `0-63`, `1,5,9-12`."""

import re

from app.cli.errors import WrongUsage
from models.config import MAX_SEED

MAX_SEEDS = 100_000  # far beyond what a service answers at once; a slip of the finger is not
RANGE = re.compile(r"(\d+)(?:-(\d+))?", re.ASCII)


def parse_seeds(text: str) -> list[int]:
    """The seeds in the order they are written; a range holds both its ends."""
    ranges = [_parse_range(part.strip(), text) for part in text.split(",")]
    count = sum(len(one) for one in ranges)
    if count > MAX_SEEDS:
        raise WrongUsage(f"seeds {text!r} are {count:,} seeds: at most {MAX_SEEDS:,} at once")
    return [seed for one in ranges for seed in one]


def _parse_range(part: str, text: str) -> range:
    match = RANGE.fullmatch(part)
    if match is None:
        raise WrongUsage(f"seeds {text!r}: {part!r} is neither a seed nor a range like 0-63")
    first = int(match[1])
    last = first if match[2] is None else int(match[2])
    if last < first:
        raise WrongUsage(f"seeds {text!r}: the range {part} ends before it begins")
    if last > MAX_SEED:
        raise WrongUsage(f"seeds {text!r}: {last} is above the largest seed, {MAX_SEED}")
    return range(first, last + 1)
