"""What the steps report, summed up between two readings."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from models.training import Losses

# Logits between reals and fakes that a swing is measured by, at least: where the two are hardly
# told apart, as late in a good training, a swing of as much does no harm.
LEAST_GAP = 4.0


@dataclass
class Series:
    """Sums over the steps since the last reading."""

    steps: int = 0
    slope: float = 0.0  # of the loss, at the generated pictures
    gap: float = 0.0  # of the mean logits of reals and fakes
    changes: int = 0
    change: float = 0.0  # squared, from step to step, of the two mean logits' middle
    middle: float = 0.0  # of the last step
    begun: bool = False  # whether there was one

    def add(self, losses: "Losses") -> None:
        middle = (losses.discriminator_real + losses.discriminator_fake) / 2
        self.steps += 1
        self.slope += losses.generator_slope
        self.gap += losses.discriminator_real - losses.discriminator_fake
        if self.begun:
            self.changes += 1
            self.change += (middle - self.middle) ** 2
        self.middle, self.begun = middle, True

    def read(self) -> dict[str, float]:
        """What the signals are made of, over the steps since the last reading; begins anew.

        `vanishing_gradient`: the mean |∂L_G/∂D(G(z))|. `oscillation`: the root mean square change,
        from step to step, of what the discriminator thinks of all pictures alike, relative to what
        it tells reals from fakes by.
        """
        found = {}
        if self.steps:
            found["vanishing_gradient"] = self.slope / self.steps
        if self.changes:
            gap = max(LEAST_GAP, self.gap / self.steps)
            found["oscillation"] = (self.change / self.changes) ** 0.5 / gap
        self.steps = self.changes = 0
        self.slope = self.gap = self.change = 0.0
        return found

    def to_json(self) -> dict[str, Any]:
        return asdict(self)
