"""A signal rises past its threshold, and falls silent only where its value has gone well back."""

import pytest

from models.training.health.signals import SIGNALS, Signal

TOO_HIGH = Signal("high", threshold=0.5, clear=0.4, says="at {value:.0%}", suggests="less")
TOO_LOW = Signal("low", threshold=0.1, clear=0.2, says="at {value:.0%}", suggests="more")


@pytest.mark.parametrize(
    ("signal", "value", "before", "up"),
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
def test_it_rises_at_one_value_and_clears_at_another(
    signal: Signal, value: float, before: bool, up: bool
) -> None:
    assert signal.up(value, before) == up


def test_a_finding_is_a_plain_sentence_with_its_figures() -> None:
    found = TOO_HIGH.finding(0.75, 20_000).to_json()
    assert found == {
        "signal": "high",
        "value": 0.75,
        "threshold": 0.5,
        "images_seen": 20_000,
        "says": "at 75%",
        "suggests": "less",
        "action": None,
    }


def test_each_of_the_four_says_its_value() -> None:
    names = [signal.name for signal in SIGNALS]
    assert names == ["oscillation", "vanishing_gradient", "mode_collapse", "overfitting"]
    for signal in SIGNALS:
        finding = signal.finding(signal.threshold, 0)
        assert f"{signal.threshold:.0%}".rstrip("%") in finding.says
        assert "{" not in finding.says
