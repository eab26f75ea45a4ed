"""Averages over the reports of the steps between two readings of the health."""

from dataclasses import asdict, dataclass
from typing import Any

import torch

from models.config import TrainingConfig
from models.training.losses import LOSSES
from models.training.step import StepReport

OVERSHOOT = 1.5  # times the loss of guessing; equally strong networks stay below it


@dataclass
class StepAverages:
    """Sums over the steps since the last reading."""

    steps: int = 0
    slope: float = 0.0  # generator_slope
    excess: float = 0.0  # the discriminator's loss beyond OVERSHOOT, in units of guessing_loss

    def add(self, report: StepReport[float], guessing_loss: float) -> None:
        """Add a step; a `guessing_loss` of 0 leaves the excess as it is."""
        self.steps += 1
        self.slope += report.generator_slope
        if guessing_loss > 0:
            self.excess += max(0.0, report.discriminator_loss / guessing_loss - OVERSHOOT)

    def read(self) -> dict[str, float]:
        """The means since the last reading; starts new sums.

        `vanishing_gradient` is |∂L_G/∂D(G(z))|. `oscillation` is how far the discriminator's loss
        exceeded that of guessing: a loss this high means that the step before overshot.
        """
        means = {
            "vanishing_gradient": self.slope / self.steps,
            "oscillation": self.excess / self.steps,
        }
        self.steps = 0
        self.slope = self.excess = 0.0
        return means

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def guessing_loss(config: TrainingConfig) -> float:
    """The loss of a discriminator whose logit is always the boundary between real and fake.

    It is 0 for the wasserstein loss, which has no scale.
    """
    loss = LOSSES[config.loss]
    logits = torch.full((1,), loss.boundary or 0.0)
    value = loss.discriminator(logits, logits, config.label_smoothing).item()
    return value / 2 if config.updates == "split" else value  # the split scheme reports a mean
