"""The signals of a training that goes wrong: when each becomes active, and what it reports.

The thresholds are measured: docs/health.md has the runs, and the values on both sides of each.
"""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class HealthAlert:
    """An active signal. `action` is what the run has changed because of it (`stability=auto`);
    `proposal` has the overrides that would change the same, in a run that does not act.

    `figures` are those in `says` that are neither `value` nor `images_seen`.
    """

    signal: str
    value: float
    threshold: float
    images_seen: int
    says: str
    suggests: str
    action: dict[str, Any] | None = None
    proposal: dict[str, Any] | None = None
    figures: dict[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Signal:
    """Becomes active when its value passes `threshold`, inactive when it is back past `clear`.

    High values are bad if `clear` is below `threshold`, otherwise low ones are.
    """

    name: str
    threshold: float
    clear: float
    says: str  # a format string with the value
    suggests: str

    def active(self, value: float, was_active: bool) -> bool:
        """Whether the signal is active at `value`."""
        limit = self.clear if was_active else self.threshold
        return value > limit if self.clear < self.threshold else value < limit

    def alert(self, value: float, images_seen: int) -> HealthAlert:
        says = self.says.format(value=value)
        return HealthAlert(self.name, value, self.threshold, images_seen, says, self.suggests)


# Causes come before their effects: stability=auto acts on the first of several active signals.
SIGNALS = (
    Signal(
        "oscillation",
        threshold=0.05,
        clear=0.03,
        says="the two networks oscillate: in some steps the discriminator takes real images for "
        "generated ones, and its loss is on average {value:.0%} beyond 1.5 times the loss of "
        "guessing",
        suggests="a lower discriminator_learning_rate, or a penalty (r1)",
    ),
    Signal(
        "vanishing_gradient",
        threshold=0.05,
        clear=0.1,
        says="the generator hardly learns: its loss passes on only {value:.1%} of the "
        "discriminator's gradient",
        suggests="the non_saturating loss, fewer discriminator_steps, or a lower "
        "discriminator_learning_rate",
    ),
    Signal(
        "mode_collapse",
        threshold=0.07,
        clear=0.1,
        says="the generator makes few different images: the distance between them is only "
        "{value:.0%} of the distance between real ones",
        suggests="a penalty (r1), augmentation, or a larger latent_dim",
    ),
    Signal(
        "overfitting",
        threshold=0.2,
        clear=0.15,
        says="the discriminator memorises its training images: it scores images that it has never "
        "seen {value:.0%} of the way from them to generated ones",
        suggests="augmentation, more pictures, or fewer images",
    ),
)
