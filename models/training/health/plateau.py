"""Whether a training has stopped improving, by the scores of its checkpoints."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from models.training.health.signals import Finding

LEAST_IMAGES = 100_000  # without a better checkpoint
SHARE = 0.2  # of the images seen: later on, improvement takes longer
LEAST_SCORES = 3  # since the best: one alone may have been bad luck


class Scored(NamedTuple):
    """A checkpoint's KID, and the ends of its 95 % interval."""

    images_seen: int
    kid: float
    low: float
    high: float

    @classmethod
    def of(cls, images_seen: int, metrics: Mapping[str, Any]) -> "Scored":
        return cls(images_seen, metrics["kid"], *metrics["kid_interval"])


class Plateau:
    """Remembers the scores of a run, and says once that they no longer get better."""

    def __init__(self, scored: Sequence[Scored] = ()) -> None:
        self._scored = list(scored)
        self._said = _finding(self._scored) is not None

    def add(self, scored: Scored) -> Finding | None:
        """With a checkpoint's scores: the signal, if it rises with them."""
        self._scored = [one for one in self._scored if one.images_seen < scored.images_seen]
        self._scored.append(scored)
        finding = _finding(self._scored)
        rises = finding is not None and not self._said
        self._said = finding is not None
        return finding if rises else None


def _finding(scored: Sequence[Scored]) -> Finding | None:
    if not scored:
        return None
    best, last = min(scored, key=lambda one: one.kid), scored[-1]
    since = last.images_seen - best.images_seen
    threshold = max(LEAST_IMAGES, int(SHARE * last.images_seen))
    later = [one for one in scored if one.images_seen > best.images_seen]
    if since < threshold or len(later) < LEAST_SCORES:
        return None
    return Finding(
        "plateau",
        since,
        threshold,
        last.images_seen,
        f"it stopped improving {since:,} images ago: the best KID was {best.kid:.4f} "
        f"({best.low:.4f} to {best.high:.4f}) at {best.images_seen:,} images, the last is "
        f"{last.kid:.4f} ({last.low:.4f} to {last.high:.4f})",
        "stop here, as the best checkpoint is the one that is served, or go on with lower learning "
        "rates or more pictures",
    )
