"""A signal becomes active past its threshold, and inactive only once it is back past `clear`."""

import pytest

from models.training.health.signals import SIGNALS, Signal

TOO_HIGH = Signal("high", threshold=0.5, clear=0.4, says="at {value:.0%}", suggests="less")
TOO_LOW = Signal("low", threshold=0.1, clear=0.2, says="at {value:.0%}", suggests="more")


@pytest.mark.parametrize(
    ("signal", "value", "was_active", "active"),
    [
        (TOO_HIGH, 0.51, False, True),
        (TOO_HIGH, 0.49, False, False),
        (TOO_HIGH, 0.49, True, True),
        (TOO_HIGH, 0.39, True, False),
        (TOO_LOW, 0.09, False, True),
        (TOO_LOW, 0.11, False, False),
        (TOO_LOW, 0.11, True, True),
        (TOO_LOW, 0.21, True, False),
    ],
)
def test_it_becomes_active_at_one_value_and_inactive_at_another(
    signal: Signal, value: float, was_active: bool, active: bool
) -> None:
    assert signal.active(value, was_active) == active


def test_an_alert_has_a_sentence_with_its_value() -> None:
    assert TOO_HIGH.alert(0.75, 20_000).to_json() == {
        "signal": "high",
        "value": 0.75,
        "threshold": 0.5,
        "images_seen": 20_000,
        "says": "at 75%",
        "suggests": "less",
        "action": None,
        "proposal": None,
        "figures": None,
    }


def test_each_of_the_four_signals_says_its_value() -> None:
    names = [signal.name for signal in SIGNALS]
    assert names == ["oscillation", "vanishing_gradient", "mode_collapse", "overfitting"]
    for signal in SIGNALS:
        alert = signal.alert(signal.threshold, 0)
        assert f"{signal.threshold:.0%}".rstrip("%") in alert.says
        assert "{" not in alert.says
