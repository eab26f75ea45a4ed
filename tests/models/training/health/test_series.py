"""What the steps of a window say together."""

import math

import pytest

from models.config import TrainingConfig
from models.training.health.series import Series, guessing
from models.training.run import Losses

GUESSING = 2 * math.log(2)


def _losses(loss: float = 1.0, slope: float = 0.9) -> Losses:
    return Losses(1.0, loss, 2.0, -2.0, 1.0, 0.0, slope)


def _oscillation(losses: list[float]) -> float:
    series = Series()
    for loss in losses:
        series.add(_losses(loss), GUESSING)
    return series.read()["oscillation"]


def test_a_discriminator_that_overshoots_oscillates() -> None:
    assert _oscillation([0.2, 0.2, 0.2, 3.5 * GUESSING]) == pytest.approx(2 / 4)


def test_neither_a_strong_discriminator_nor_one_that_can_only_guess_does() -> None:
    assert _oscillation([0.1, 0.2, 0.1, 0.3]) == 0
    assert _oscillation([0.9 * GUESSING, 1.1 * GUESSING, 1.2 * GUESSING]) == 0


def test_the_slope_is_the_mean_of_the_window() -> None:
    series = Series()
    series.add(_losses(slope=0.2), GUESSING)
    series.add(_losses(slope=0.4), GUESSING)
    assert series.read()["vanishing_gradient"] == pytest.approx(0.3)
    series.add(_losses(slope=0.8), GUESSING)
    assert series.read()["vanishing_gradient"] == pytest.approx(0.8)


def test_a_series_goes_on_from_what_was_written() -> None:
    series = Series()
    for loss in (1.0, 3.0, 2.0):
        series.add(_losses(loss), GUESSING)
    assert Series(**series.to_json()).read() == series.read()


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
def test_guessing_costs_what_the_loss_says(loss: str, updates: str, value: float) -> None:
    config = TrainingConfig(loss=loss, updates=updates)
    assert guessing(config) == pytest.approx(value)


def test_a_loss_without_a_measure_shows_no_oscillation() -> None:
    series = Series()
    series.add(_losses(50.0), guessing(TrainingConfig(loss="wasserstein")))
    assert series.read()["oscillation"] == 0
