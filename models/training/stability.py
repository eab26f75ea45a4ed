"""What a run with `stability=auto` does about its signals: bounded changes of what it learns by."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from models.training.schedules import Hyperparameters

MOST_ACTIONS = 3  # in a run
PAUSE_IMAGES = 20_000  # between two: the signals need as long to show what the first one did
RATE_FACTOR = 0.5
PENALTY_FACTOR = 2.0
PROBABILITY_STEP = 0.25
AUGMENTATIONS = ("translation", "cutout")  # in the order in which they are added


@dataclass
class Stability:
    """What has been changed so far; a part of the training state.

    It decides by images seen and by the signals alone, which a run that goes on sees alike.
    """

    discriminator_rate: float = 1.0
    penalty: float = 1.0
    probability: float = 0.0  # is added
    augmentations: str = ""  # are added, with commas
    actions: int = 0
    acted_at: int = -PAUSE_IMAGES

    def apply(self, values: Hyperparameters) -> Hyperparameters:
        """`values` as they are after the actions."""
        policy = [] if values.augmentation == "none" else values.augmentation.split(",")
        added = [one for one in self.augmentations.split(",") if one and one not in policy]
        return replace(
            values,
            discriminator_learning_rate=values.discriminator_learning_rate
            * self.discriminator_rate,
            r1=values.r1 * self.penalty,
            r2=values.r2 * self.penalty,
            augmentation=",".join([*policy, *added]) or "none",
            augmentation_probability=min(1.0, values.augmentation_probability + self.probability),
        )

    def act(self, signal: str, values: Hyperparameters, images_seen: int) -> dict[str, Any] | None:
        """One action about `signal`, where there is one left: its field, before and after.

        `values` are those of the configuration, without any action.
        """
        if self.actions == MOST_ACTIONS or images_seen < self.acted_at + PAUSE_IMAGES:
            return None
        before = self.apply(values)
        field = self._change(signal, before)
        if field is None:
            return None
        self.actions += 1
        self.acted_at = images_seen
        after = self.apply(values)
        return {"field": field, "before": getattr(before, field), "after": getattr(after, field)}

    def _change(self, signal: str, now: Hyperparameters) -> str | None:
        if signal in ("oscillation", "vanishing_gradient"):
            self.discriminator_rate *= RATE_FACTOR
            return "discriminator_learning_rate"
        if signal == "mode_collapse" and (now.r1 > 0 or now.r2 > 0):
            self.penalty *= PENALTY_FACTOR
            return "r1" if now.r1 > 0 else "r2"
        if signal in ("mode_collapse", "overfitting"):
            return self._augment(now)
        return None

    def _augment(self, now: Hyperparameters) -> str | None:
        """More often where there is augmentation, else more kinds of it, and not just in name."""
        policy = now.augmentation.split(",")
        if now.augmentation != "none" and now.augmentation_probability < 1:
            self.probability += PROBABILITY_STEP
            return "augmentation_probability"
        for change in AUGMENTATIONS:
            if change not in policy:
                self.augmentations = ",".join(filter(None, [self.augmentations, change]))
                if now.augmentation_probability == 0:
                    self.probability += PROBABILITY_STEP
                return "augmentation"
        return None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Raises TypeError for what `to_json` never wrote."""
        return cls(**data)
