"""Latents in URLs: the keyframes of a morph, such as 7..white..42, and edits, such as white:1.5."""

import re

from pydantic import ValidationError

from app.domain.errors import InvalidRequest
from app.domain.named_latents import LATENT_NAME_RULE, is_name
from app.serving.latents import MAX_AMOUNT, MAX_KEYFRAMES, Latent
from models.config import MAX_SEED

SEPARATOR = ".."
MAX_DIGITS = len(str(MAX_SEED))
TWO_SEEDS = re.compile(r"\d+-\d+", re.ASCII)
SEED = re.compile(r"\d+", re.ASCII)


def parse_keyframes(text: str, edits: dict[str, float] | None = None) -> list[Latent]:
    """Seeds and names with `..` between them, or two seeds with `-`; `edits` apply to each.

    Raises InvalidRequest.
    """
    parts = text.split("-") if TWO_SEEDS.fullmatch(text) else text.split(SEPARATOR)
    if not 2 <= len(parts) <= MAX_KEYFRAMES:
        raise InvalidRequest(
            f"keyframes: {text[:100]!r} has {len(parts)} keyframes: give 2 to {MAX_KEYFRAMES} "
            "seeds or names with .. between them, such as 7..white..42",
            field="keyframes",
        )
    return [parse_latent(part, "keyframes", edits) for part in parts]


def parse_latent(text: str, field: str, edits: dict[str, float] | None = None) -> Latent:
    """A seed, or the name of a saved latent. Raises InvalidRequest."""
    if SEED.fullmatch(text):
        if len(text) > MAX_DIGITS or int(text) > MAX_SEED:
            raise InvalidRequest(
                f"{field}: {text[:100]!r} is too large: the maximum is {MAX_SEED}", field=field
            )
        return Latent(seed=int(text), edits=edits)
    if not is_name(text):
        raise InvalidRequest(
            f"{field}: {text[:100]!r} is neither a seed nor {LATENT_NAME_RULE}", field=field
        )
    return Latent(name=text, edits=edits)


def parse_edits(texts: list[str]) -> dict[str, float]:
    """The amount of each direction. Raises InvalidRequest."""
    edits: dict[str, float] = {}
    for text in texts:
        direction, _, amount = text.rpartition(":")
        if direction in edits:
            raise InvalidRequest(f"edit: {direction!r} is given more than once", field="edit")
        try:
            edits |= Latent(seed=0, edits={direction: float(amount)}).edits or {}
        except (ValueError, ValidationError) as exc:
            raise InvalidRequest(
                f"edit: {text[:100]!r} is not DIRECTION:AMOUNT with an amount from "
                f"-{MAX_AMOUNT:g} to {MAX_AMOUNT:g}, such as white:1.5",
                field="edit",
            ) from exc
    return edits
