"""What changes with images_seen: a start, an end, and half a cosine between them."""

import math
from dataclasses import dataclass

from models.config import TrainingConfig

LEVELS = 500  # a schedule moves in steps, between which a captured graph can be used again
RAMP_UP = 0.05  # early on, the average's half-life is never above this share of the images seen


@dataclass(frozen=True)
class Hyperparameters:
    """The values of one step."""

    generator_learning_rate: float
    discriminator_learning_rate: float
    beta2: float
    r1: float
    r2: float
    augmentation: str
    augmentation_probability: float


def hyperparameters(
    config: TrainingConfig, images_seen: int, rate_scale: float = 1.0
) -> Hyperparameters:
    """The values after `images_seen`; `rate_scale` is what rollbacks leave of the rates."""
    at = _Schedule(config, images_seen)
    return Hyperparameters(
        at.value("generator_learning_rate") * rate_scale,
        at.value("discriminator_learning_rate") * rate_scale,
        at.value("beta2"),
        at.value("r1"),
        at.value("r2"),
        config.augmentation,
        at.value("augmentation_probability"),
    )


def ema_decay(config: TrainingConfig, images_seen: int, images: int) -> float:
    """How much of the average is kept by a step of `images`: Karras et al. (arXiv 2006.06676)."""
    half_life = _Schedule(config, images_seen).value("ema_half_life_images")
    half_life = min(half_life, RAMP_UP * images_seen)
    return 0.5 ** (images / half_life) if half_life > 0 else 0.0


class _Schedule:
    def __init__(self, config: TrainingConfig, images_seen: int) -> None:
        self.config = config
        level = 0.0
        if config.schedule_images:
            level = min(1.0, int(LEVELS * images_seen / config.schedule_images) / LEVELS)
        self.way = (1 - math.cos(math.pi * level)) / 2

    def value(self, name: str) -> float:
        start: float = getattr(self.config, name)
        final: float | None = getattr(self.config, f"{name}_final")
        return start if final is None else start + (final - start) * self.way
