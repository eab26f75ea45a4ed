"""The hyperparameters of each step: scheduled over images_seen, then adjusted by the run itself."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from models.config import TrainingConfig

LEVELS = 500  # a schedule moves in this many steps, between which a CUDA graph can be replayed
RAMP_UP = 0.05  # the average's half-life is at most this share of the images seen
# Images between two adjustments: the signals take this long to show the effect of the first one.
PAUSE_IMAGES = 20_000


@dataclass(frozen=True)
class Hyperparameters:
    """The values of one step."""

    generator_learning_rate: float
    discriminator_learning_rate: float
    beta2: float
    r1: float
    r2: float
    gradient_penalty: float
    augmentation: str
    augmentation_probability: float

    def without_penalties(self) -> "Hyperparameters":
        return replace(self, r1=0.0, r2=0.0, gradient_penalty=0.0)


def hyperparameters(
    config: TrainingConfig, images_seen: int, rate_scale: float = 1.0
) -> Hyperparameters:
    """The values after `images_seen`; rollbacks lower `rate_scale`, a factor of both rates."""
    schedule = _Schedule(config, images_seen)
    return Hyperparameters(
        generator_learning_rate=schedule.value("generator_learning_rate") * rate_scale,
        discriminator_learning_rate=schedule.value("discriminator_learning_rate") * rate_scale,
        beta2=schedule.value("beta2"),
        r1=schedule.value("r1"),
        r2=schedule.value("r2"),
        gradient_penalty=config.gradient_penalty,
        augmentation=config.augmentation,
        augmentation_probability=schedule.value("augmentation_probability"),
    )


def ema_decay(config: TrainingConfig, images_seen: int, images: int) -> float:
    """The share of the average that a step of `images` keeps: Karras et al. (arXiv 2006.06676)."""
    half_life = _Schedule(config, images_seen).value("ema_half_life_images")
    half_life = min(half_life, RAMP_UP * images_seen)
    return 0.5 ** (images / half_life) if half_life > 0 else 0.0


class _Schedule:
    """Half a cosine from each field's value to its `_final` one."""

    def __init__(self, config: TrainingConfig, images_seen: int) -> None:
        self._config = config
        level = 0.0
        if config.schedule_images:
            level = min(1.0, int(LEVELS * images_seen / config.schedule_images) / LEVELS)
        self._fraction = (1 - math.cos(math.pi * level)) / 2

    def value(self, name: str) -> float:
        start: float = getattr(self._config, name)
        final: float | None = getattr(self._config, f"{name}_final")
        return start if final is None else start + (final - start) * self._fraction


@dataclass
class Adjustments:
    """What `stability=auto` has changed so far (models.training.stability); saved in the state."""

    discriminator_rate: float = 1.0  # a factor
    penalty: float = 1.0  # a factor of r1 and r2
    probability: float = 0.0  # added to augmentation_probability
    augmentations: str = ""  # added to augmentation, comma-separated
    actions: int = 0
    acted_at: int = -PAUSE_IMAGES  # images seen at the last action

    def apply(self, values: Hyperparameters) -> Hyperparameters:
        """`values` after the adjustments."""
        policy = [] if values.augmentation == "none" else values.augmentation.split(",")
        added = [name for name in self.augmentations.split(",") if name and name not in policy]
        return replace(
            values,
            discriminator_learning_rate=values.discriminator_learning_rate
            * self.discriminator_rate,
            r1=values.r1 * self.penalty,
            r2=values.r2 * self.penalty,
            augmentation=",".join([*policy, *added]) or "none",
            augmentation_probability=min(1.0, values.augmentation_probability + self.probability),
        )

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Raises TypeError for what `to_json` does not write."""
        return cls(**data)
