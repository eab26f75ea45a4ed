"""The signals of a training that goes wrong: when each rises, what it says, and what it suggests.

The thresholds are measured: docs/health.md has the runs, and the values on both sides.
"""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Finding:
    """A signal that has risen. `action` is what the run did about it, with `stability=auto`."""

    signal: str
    value: float
    threshold: float
    images_seen: int
    says: str
    suggests: str
    action: dict[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Signal:
    """Rises where its value passes `threshold`, and is silent again where it is back past `clear`.

    The value is too high where `clear` lies below the threshold, and else too low.
    """

    name: str
    threshold: float
    clear: float
    says: str  # with the value in it
    suggests: str

    def up(self, value: float, before: bool) -> bool:
        """Whether it is up at `value`, having been so `before`."""
        border = self.clear if before else self.threshold
        return value > border if self.clear < self.threshold else value < border

    def finding(self, value: float, images_seen: int) -> Finding:
        says = self.says.format(value=value)
        return Finding(self.name, value, self.threshold, images_seen, says, self.suggests)


# Causes before what they lead to: of several at once, the first is acted on.
SIGNALS = (
    Signal(
        "oscillation",
        threshold=0.05,
        clear=0.03,
        says="the two networks chase each other: again and again the discriminator takes real for "
        "generated, on average {value:.0%} beyond one and a half times the loss of guessing",
        suggests="a lower discriminator_learning_rate, or a penalty (r1)",
    ),
    Signal(
        "vanishing_gradient",
        threshold=0.05,
        clear=0.1,
        says="the generator hardly learns: its loss lets through {value:.1%} of the "
        "discriminator's slope",
        suggests="the non_saturating loss, fewer discriminator_steps, or a lower "
        "discriminator_learning_rate",
    ),
    Signal(
        "mode_collapse",
        threshold=0.07,
        clear=0.1,
        says="the generator makes few different pictures: they lie only {value:.0%} as far apart "
        "as real ones do",
        suggests="a penalty (r1), augmentation, or a larger latent_dim",
    ),
    Signal(
        "overfitting",
        threshold=0.2,
        clear=0.15,
        says="the discriminator knows its pictures by heart: those it never saw lie {value:.0%} of "
        "the way from them to the generated ones",
        suggests="augmentation, more pictures, or fewer images",
    ),
)
