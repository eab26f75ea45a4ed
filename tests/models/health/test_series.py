"""What the steps of a window say together."""

import pytest

from models.health.series import LEAST_GAP, Series
from models.training import Losses


def _losses(real: float, fake: float, slope: float = 0.9) -> Losses:
    return Losses(1.0, 1.0, real, fake, 1.0, 0.0, slope)


def test_logits_that_swing_together_oscillate_and_steady_ones_do_not() -> None:
    steady, swinging = Series(), Series()
    for step in range(20):
        steady.add(_losses(2.0, -2.0))
        swing = 1.0 if step % 2 else -1.0
        swinging.add(_losses(2.0 + swing, -2.0 + swing))
    assert steady.read()["oscillation"] == 0
    assert swinging.read()["oscillation"] == pytest.approx(2 / 4)


def test_the_slope_is_the_mean_of_the_window() -> None:
    series = Series()
    series.add(_losses(1, -1, slope=0.2))
    series.add(_losses(1, -1, slope=0.4))
    assert series.read()["vanishing_gradient"] == pytest.approx(0.3)
    series.add(_losses(1, -1, slope=0.8))
    assert series.read()["vanishing_gradient"] == pytest.approx(0.8)


def test_where_reals_and_fakes_are_hardly_told_apart_a_swing_counts_no_more_for_it() -> None:
    series = Series()
    for swing in (1.0, -1.0, 1.0):
        series.add(_losses(swing + 0.1, swing))
    assert series.read()["oscillation"] == pytest.approx(2 / LEAST_GAP)


def test_the_last_step_of_a_window_counts_in_the_next() -> None:
    series = Series()
    series.add(_losses(2.0, -2.0))
    series.read()
    series.add(_losses(6.0, 2.0))
    assert series.read()["oscillation"] == pytest.approx(1)


def test_a_series_goes_on_from_what_was_written() -> None:
    series = Series()
    for real in (1.0, 3.0, 2.0):
        series.add(_losses(real, -1.0))
    again = Series(**series.to_json())
    assert again.read() == series.read()


def test_nothing_seen_is_nothing_found() -> None:
    assert Series().read() == {}
