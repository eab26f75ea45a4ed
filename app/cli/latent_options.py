"""Latents on the command line: seeds, names, mixes and edits, as the API takes them."""

import re
from typing import Annotated, Any

import typer

from app.cli.errors import WrongUsage

MAX_SEEDS = 100_000  # far more than a service generates for one request
SEED_RANGE = re.compile(r"(\d+)(?:-(\d+))?", re.ASCII)
TERM = re.compile(r"(?:([0-9.]+)\*)?([a-z0-9][a-z0-9._-]*)")

EditsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--edit",
        metavar="DIRECTION:AMOUNT",
        help="Move along a direction by an amount of -10 to 10, such as white:1.5; repeatable.",
    ),
]


def parse_seeds(text: str) -> list[int]:
    """Parse seeds like `7`, `0-63` or `1,5,9-12`, in this order; a range includes both ends."""
    ranges = [_parse_range(part.strip(), text) for part in text.split(",")]
    count = sum(len(seeds) for seeds in ranges)
    if count > MAX_SEEDS:
        raise WrongUsage(f"seeds {text!r} are {count:,} seeds: at most {MAX_SEEDS:,} at once")
    return [seed for seeds in ranges for seed in seeds]


def _parse_range(part: str, text: str) -> range:
    from models.config import MAX_SEED

    match = SEED_RANGE.fullmatch(part)
    if match is None:
        raise WrongUsage(f"seeds {text!r}: {part!r} is neither a seed nor a range like 0-63")
    first = int(match[1])
    last = first if match[2] is None else int(match[2])
    if last < first:
        raise WrongUsage(f"seeds {text!r}: the range {part} ends before it begins")
    if last > MAX_SEED:
        raise WrongUsage(f"seeds {text!r}: {last} is above the largest seed, {MAX_SEED}")
    return range(first, last + 1)


def parse_latents(text: str) -> list[dict[str, Any]]:
    """Parse names, seeds and ranges of seeds, like `white,tabby,42` or `0-3`, in this order."""
    latents: list[dict[str, Any]] = []
    for part in text.split(","):
        if SEED_RANGE.fullmatch(part.strip()):
            latents += [{"seed": seed} for seed in parse_seeds(part)]
        else:
            latents.append({"name": part.strip()})
    return latents


def parse_edits(assignments: list[str] | None) -> dict[str, float] | None:
    """Parse the `direction:amount` of each --edit; None without any."""
    edits: dict[str, float] = {}
    for assignment in assignments or ():
        direction, _, amount = assignment.rpartition(":")
        try:
            edits[direction] = float(amount)
        except ValueError as exc:
            raise WrongUsage(f"--edit {assignment!r} is not of the form white:1.5") from exc
        if not direction:
            raise WrongUsage(f"--edit {assignment!r} is not of the form white:1.5")
    return edits or None


def with_edits(
    latents: list[dict[str, Any]], edits: dict[str, float] | None
) -> list[dict[str, Any]]:
    return [latent | ({"edits": edits} if edits else {}) for latent in latents]


def parse_mix(text: str) -> list[dict[str, Any]]:
    """Parse a mix like `white - tabby + 0.5*black`. Names may contain -: spaces surround a sign."""
    parts: list[dict[str, Any]] = []
    sign, is_term = 1.0, True
    for word in text.split():
        if word in ("+", "-"):
            if is_term and parts:
                break
            sign, is_term = (1.0 if word == "+" else -1.0), True
            continue
        match = TERM.fullmatch(word)
        if match is None or not is_term:
            break
        try:
            weight = sign * float(match[1] or 1)
        except ValueError:
            break
        latent = {"seed": int(match[2])} if match[2].isdigit() else {"name": match[2]}
        parts.append(latent | {"weight": weight})
        is_term = False
    else:
        if not is_term:
            return parts
    raise WrongUsage(
        f"--mix {text!r} is not names and seeds with signs between spaces, such as "
        '"white - tabby + 0.5*black"'
    )
