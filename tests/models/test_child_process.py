"""The child's progress events, at the start, every second and at the end; its imports."""

import gc
from typing import Any

import pytest

from models.child_process import ProgressReporter, fast_imports


class RecordedEvents:
    def __init__(self) -> None:
        self.emitted: list[dict[str, Any]] = []

    def emit(self, event: str, **values: Any) -> None:
        assert event == "progress"
        self.emitted.append(values)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that tests set: its only item is the time."""
    time = [100.0]
    monkeypatch.setattr("models.child_process.time.monotonic", lambda: time[0])
    return time


def test_progress_is_emitted_once_a_second_and_at_both_ends(clock: list[float]) -> None:
    events = RecordedEvents()
    reporter = ProgressReporter(events, 40)
    for made in range(41):
        reporter.progress(made)
        clock[0] += 0.125
    assert [event["images_seen"] for event in events.emitted] == [0, 8, 16, 24, 32, 40]
    assert events.emitted[0] == {
        "images_seen": 0,
        "images_total": 40,
        "images_per_second": None,
        "eta_seconds": None,
    }
    assert events.emitted[1]["images_per_second"] == pytest.approx(8)
    assert events.emitted[1]["eta_seconds"] == pytest.approx(4)


def test_the_rate_leaves_out_images_of_earlier_processes(clock: list[float]) -> None:
    events = RecordedEvents()
    reporter = ProgressReporter(events, 1020, made_before=1000)
    reporter.progress(1000)
    clock[0] += 2
    reporter.progress(1010)
    assert events.emitted[1]["images_per_second"] == pytest.approx(5)
    assert events.emitted[1]["eta_seconds"] == pytest.approx(2)


def test_imports_are_not_collected_and_later_objects_are() -> None:
    with fast_imports():
        assert not gc.isenabled()
    assert gc.isenabled()
    assert gc.get_freeze_count() > 0
    gc.unfreeze()
