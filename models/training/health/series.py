"""What the steps report, summed up between two readings."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch

from models.config import TrainingConfig
from models.training.losses import LOSSES

if TYPE_CHECKING:
    from models.training.run import Losses

MISJUDGED = 1.5  # times the loss of guessing; less than that is also where equals meet


@dataclass
class Series:
    """Sums over the steps since the last reading."""

    steps: int = 0
    slope: float = 0.0  # of the generator's loss, at its pictures
    excess: float = 0.0  # of the discriminator's loss over `MISJUDGED`, in losses of guessing

    def add(self, losses: "Losses", guessing: float) -> None:
        """A step; `guessing` is the loss of a discriminator that cannot tell, 0 if it has none."""
        self.steps += 1
        self.slope += losses.generator_slope
        if guessing > 0:
            self.excess += max(0.0, losses.discriminator_loss / guessing - MISJUDGED)

    def read(self) -> dict[str, float]:
        """The means over the steps since the last reading; begins anew.

        `vanishing_gradient`: |∂L_G/∂D(G(z))|. `oscillation`: how much worse than guessing the
        discriminator was where it was: it had overshot in the step before.
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


def guessing(config: TrainingConfig) -> float:
    """The loss of a discriminator that thinks the same of every picture, midway between real and
    fake; 0 of the wasserstein loss, which has no measure.
    """
    loss = LOSSES[config.loss]
    logits = torch.full((1,), loss.border or 0.0)
    value = loss.discriminator(logits, logits, config.label_smoothing).item()
    return value / 2 if config.updates == "split" else value  # which reports a mean of two
