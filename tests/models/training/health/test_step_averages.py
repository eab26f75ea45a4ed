"""Two health signals are averages over the steps between two readings."""

import math

import pytest

from models.config import TrainingConfig
from models.training.health.step_averages import StepAverages, guessing_loss
from models.training.step import StepReport

GUESSING = 2 * math.log(2)


def _report(loss: float = 1.0, slope: float = 0.9) -> StepReport[float]:
    return StepReport(1.0, loss, 2.0, -2.0, 1.0, 0.0, slope)


def _oscillation(losses: list[float]) -> float:
    averages = StepAverages()
    for loss in losses:
        averages.add(_report(loss), GUESSING)
    return averages.read()["oscillation"]


def test_a_discriminator_that_overshoots_oscillates() -> None:
    assert _oscillation([0.2, 0.2, 0.2, 3.5 * GUESSING]) == pytest.approx(2 / 4)


def test_neither_a_strong_discriminator_nor_a_guessing_one_oscillates() -> None:
    assert _oscillation([0.1, 0.2, 0.1, 0.3]) == 0
    assert _oscillation([0.9 * GUESSING, 1.1 * GUESSING, 1.2 * GUESSING]) == 0


def test_the_slope_is_the_mean_since_the_last_reading() -> None:
    averages = StepAverages()
    averages.add(_report(slope=0.2), GUESSING)
    averages.add(_report(slope=0.4), GUESSING)
    assert averages.read()["vanishing_gradient"] == pytest.approx(0.3)
    averages.add(_report(slope=0.8), GUESSING)
    assert averages.read()["vanishing_gradient"] == pytest.approx(0.8)


def test_averages_resume_from_json() -> None:
    averages = StepAverages()
    for loss in (1.0, 3.0, 2.0):
        averages.add(_report(loss), GUESSING)
    assert StepAverages(**averages.to_json()).read() == averages.read()


@pytest.mark.parametrize(
    ("loss", "updates", "value"),
    [
        ("non_saturating", "shared", 2 * math.log(2)),
        ("non_saturating", "split", math.log(2)),
        ("minimax", "alternating", 2 * math.log(2)),
        ("least_squares", "shared", 0.25),
        ("hinge", "shared", 2.0),
        ("relativistic", "shared", math.log(2)),
        ("wasserstein", "shared", 0.0),
    ],
)
def test_guessing_loss_of_each_loss(loss: str, updates: str, value: float) -> None:
    config = TrainingConfig(loss=loss, updates=updates)
    assert guessing_loss(config) == pytest.approx(value)


def test_a_loss_without_a_scale_has_no_oscillation() -> None:
    averages = StepAverages()
    averages.add(_report(50.0), guessing_loss(TrainingConfig(loss="wasserstein")))
    assert averages.read()["oscillation"] == 0
