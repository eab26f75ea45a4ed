"""Progress as it is said: at the start, now and then, at the end."""

from typing import Any

import pytest

from models import child_process
from models.child_process import ProgressReporter


class Events:
    def __init__(self) -> None:
        self.said: list[dict[str, Any]] = []

    def emit(self, event: str, **values: Any) -> None:
        assert event == "progress"
        self.said.append(values)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock whose one value is the time."""
    time = [100.0]
    monkeypatch.setattr(child_process.time, "monotonic", lambda: time[0])
    return time


def test_it_is_said_once_a_second_and_at_both_ends(clock: list[float]) -> None:
    events = Events()
    reporter = ProgressReporter(events, 40)
    for made in range(41):
        reporter.progress(made)
        clock[0] += 0.125
    assert [one["images_seen"] for one in events.said] == [0, 8, 16, 24, 32, 40]
    assert events.said[0] == {
        "images_seen": 0,
        "images_total": 40,
        "images_per_second": None,
        "eta_seconds": None,
    }
    assert events.said[1]["images_per_second"] == pytest.approx(8)
    assert events.said[1]["eta_seconds"] == pytest.approx(4)


def test_what_was_made_before_is_no_part_of_the_rate(clock: list[float]) -> None:
    events = Events()
    reporter = ProgressReporter(events, 1020, before=1000)
    reporter.progress(1000)
    clock[0] += 2
    reporter.progress(1010)
    assert events.said[1]["images_per_second"] == pytest.approx(5)
    assert events.said[1]["eta_seconds"] == pytest.approx(2)
