"""Content negotiation: `Accept` and `Accept-Encoding` (RFC 9110, 12.5)."""

from collections.abc import Sequence

from app.domain.errors import NotAcceptable


def choose_media_type(accept: str | None, offered: Sequence[str]) -> str:
    """Return the offered media type that `Accept` gives the highest weight.

    Among equal weights, a type that is named precedes one that a wildcard matches; otherwise the
    first one is chosen. Raises NotAcceptable if no type has a weight above 0.
    """
    ranges = _weights(accept or "*/*")
    matches = [max(_matches(media_type, ranges), default=(0, 0.0)) for media_type in offered]
    ranked = [(weight, specificity) for specificity, weight in matches]
    best = max(ranked, default=(0.0, 0))
    if best[0] <= 0:
        raise NotAcceptable(
            f"Accept {(accept or '')[:200]!r} matches none of the formats: there are "
            f"{', '.join(offered)}"
        )
    return offered[ranked.index(best)]


def accepts_coding(accept_encoding: str | None, coding: str) -> bool:
    """Whether the client accepts the coding with at least the weight of an unencoded response."""
    weights = dict(_weights(accept_encoding or ""))
    weight = weights.get(coding, weights.get("*", 0.0))
    return weight > 0 and weight >= weights.get("identity", 0.0)


def _matches(media_type: str, ranges: list[tuple[str, float]]) -> list[tuple[int, float]]:
    """Return the specificity and weight of each range that contains the media type."""
    specificity = {media_type: 3, f"{media_type.partition('/')[0]}/*": 2, "*/*": 1}
    return [(specificity[name], weight) for name, weight in ranges if name in specificity]


def _weights(header: str) -> list[tuple[str, float]]:
    return [_parse(element) for element in header.split(",")]


def _parse(text: str) -> tuple[str, float]:
    """`image/webp;q=0.8` -> (image/webp, 0.8); an invalid weight counts as 0."""
    name, *parameters = (part.strip().lower() for part in text.split(";"))
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "q":
            try:
                weight = float(value)
            except ValueError:
                return name, 0.0
            return name, weight if 0 <= weight <= 1 else 0.0
    return name, 1.0
