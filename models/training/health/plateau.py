"""Whether a training has stopped improving, by the scores of its checkpoints."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from models.training.health.signals import HealthAlert

MIN_IMAGES_SINCE_BEST = 100_000  # without a better checkpoint
MIN_SHARE = 0.2  # of the images seen: later in a run, improvement takes longer
MIN_SCORES = 3  # worse ones in a row: a single one may be bad luck


class CheckpointScore(NamedTuple):
    """A checkpoint's KID, and the ends of its 95 % interval."""

    images_seen: int
    kid: float
    low: float
    high: float

    @classmethod
    def of(cls, images_seen: int, metrics: Mapping[str, Any]) -> "CheckpointScore":
        return cls(images_seen, metrics["kid"], *metrics["kid_interval"])


class Plateau:
    """Keeps the scores of a run, and alerts once when they stop improving."""

    def __init__(self, scores: Sequence[CheckpointScore] = ()) -> None:
        self._scores = list(scores)
        self._active = _alert(self._scores) is not None

    def add(self, score: CheckpointScore) -> HealthAlert | None:
        """Add a checkpoint's score; return the alert if the signal becomes active with it."""
        # After a rollback, scores past the new one belong to discarded training.
        self._scores = [old for old in self._scores if old.images_seen < score.images_seen]
        self._scores.append(score)
        alert = _alert(self._scores)
        was_active, self._active = self._active, alert is not None
        return None if was_active else alert


def _alert(scores: Sequence[CheckpointScore]) -> HealthAlert | None:
    if not scores:
        return None
    best, last = min(scores, key=lambda score: score.kid), scores[-1]
    images_since_best = last.images_seen - best.images_seen
    threshold = max(MIN_IMAGES_SINCE_BEST, int(MIN_SHARE * last.images_seen))
    later = [score for score in scores if score.images_seen > best.images_seen]
    if images_since_best < threshold or len(later) < MIN_SCORES:
        return None
    return HealthAlert(
        "plateau",
        images_since_best,
        threshold,
        last.images_seen,
        f"it stopped improving {images_since_best:,} images ago: the best KID was {best.kid:.4f} "
        f"({best.low:.4f} to {best.high:.4f}) at {best.images_seen:,} images, the last is "
        f"{last.kid:.4f} ({last.low:.4f} to {last.high:.4f})",
        "stop here, because the best checkpoint is the one that is served, or go on with lower "
        "learning rates or more pictures",
        figures={"best": best._asdict(), "last": last._asdict()},
    )
