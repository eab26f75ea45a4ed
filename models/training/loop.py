"""The training loop: it steps a run, decides when something is due, and calls the observer.

It writes and logs nothing itself.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from models.child_process import PROGRESS_SECONDS
from models.config import CHECKPOINT_SECONDS
from models.training.health.signals import HealthAlert
from models.training.run import TrainingRun
from models.training.stability import check_health
from models.training.step import StepReport

FIRST_STATE_SECONDS = 10.0  # early, so that a run that soon crashes has a state to resume from
RATE_SECONDS = 30.0


@dataclass(frozen=True)
class Progress:
    """How far a run is. Rate and ETA are None until they can be measured."""

    images_seen: int
    images_total: int
    images_per_second: float | None
    eta_seconds: float | None
    report: StepReport[float]


class Observer(Protocol):
    """What the loop calls between two steps; it must not change the run.

    `checkpoint` returns whether the checkpoint is complete: False if a stop cut its scores short.
    """

    def progress(self, progress: Progress) -> None: ...
    def health(self, run: TrainingRun, alert: HealthAlert) -> None: ...
    def sample(self, run: TrainingRun) -> None: ...
    def checkpoint(self, run: TrainingRun) -> bool: ...
    def state(self, run: TrainingRun) -> None: ...


class RateMeter:
    """Images per second over the last `RATE_SECONDS` of training, without the time of observers."""

    def __init__(self) -> None:
        self._marks: deque[tuple[float, int]] = deque()  # seconds in steps, images
        self._seconds = 0.0
        self._images = 0

    def add(self, seconds: float, images: int) -> None:
        if self._marks:  # not the first step, which also sets up the libraries
            self._seconds += seconds
            self._images += images
        self._marks.append((self._seconds, self._images))
        while len(self._marks) > 2 and self._seconds - self._marks[0][0] > RATE_SECONDS:
            self._marks.popleft()

    @property
    def images_per_second(self) -> float | None:
        seconds, images = self._marks[0] if self._marks else (0.0, 0)
        measured = self._seconds - seconds
        return (self._images - images) / measured if measured > 0 else None


def train(
    run: TrainingRun,
    observer: Observer,
    *,
    state_every_seconds: float,
    stopping: Callable[[], bool],
) -> bool:
    """Step until the run is finished, or until `stopping()`; return whether it is finished.

    Samples are due at 0 images, at every multiple of `sample_every_images` and at the end.
    Checkpoints are due likewise, except at 0, and also by the clock; states only by the clock and
    after a stop. A stop that cuts the last checkpoint short leaves the run unfinished: the next
    attempt repeats that checkpoint. Raises NotFiniteError.
    """
    config, meter, clock = run.config, RateMeter(), _Clock(state_every_seconds)
    if run.images_seen == 0:
        observer.sample(run)
    images_before, measured_from = run.images_seen, time.monotonic()
    stopped = run.group.any(stopping())
    while not run.finished and not stopped:
        before = run.images_seen
        run.step()
        checkpoint_due = state_due = False
        if run.read_due:
            report = run.read_report()
            meter.add(time.monotonic() - measured_from, run.images_seen - images_before)
            if clock.progress_due() or run.finished:
                observer.progress(_progress(run, meter, report))
            for alert in check_health(run):
                observer.health(run, alert)
            # Every process of a group has to act alike, whatever its own clock says.
            checkpoint_due = run.group.any(clock.checkpoint_due())
            state_due = run.group.any(clock.state_due())
            stopped = run.group.any(stopping())
        elif run.group.size == 1:
            stopped = stopping()
        if run.finished:
            break
        sample_due = _crossed(before, run.images_seen, config.sample_every_images)
        checkpoint_due |= _crossed(before, run.images_seen, config.checkpoint_every_images)
        observed = sample_due or checkpoint_due or state_due
        if observed and not run.read_due:
            # Steps that a GPU still has queued count as training; the observer's work does not.
            run.synchronise()
            meter.add(time.monotonic() - measured_from, run.images_seen - images_before)
        if sample_due:
            observer.sample(run)
        if checkpoint_due:
            observer.checkpoint(run)
            clock.checkpointed()
        if state_due:
            observer.state(run)
        if run.read_due or observed:
            images_before, measured_from = run.images_seen, time.monotonic()
    return _finish(run, observer)


def _finish(run: TrainingRun, observer: Observer) -> bool:
    """Observe the run where it ended or was stopped; return whether it is finished."""
    if not run.finished:
        observer.state(run)
        return False
    observer.sample(run)
    if run.group.any(not observer.checkpoint(run)):
        observer.state(run)
        return False
    return True


class _Clock:
    """When progress, checkpoints and states are due by time."""

    def __init__(self, state_every_seconds: float) -> None:
        now = time.monotonic()
        self._state_every = state_every_seconds
        self._progress = now
        self._checkpoint = now + CHECKPOINT_SECONDS
        self._state = now + min(FIRST_STATE_SECONDS, state_every_seconds)

    def progress_due(self) -> bool:
        if time.monotonic() < self._progress:
            return False
        self._progress = time.monotonic() + PROGRESS_SECONDS
        return True

    def checkpoint_due(self) -> bool:
        return time.monotonic() >= self._checkpoint

    def checkpointed(self) -> None:
        self._checkpoint = time.monotonic() + CHECKPOINT_SECONDS

    def state_due(self) -> bool:
        if time.monotonic() < self._state:
            return False
        self._state = time.monotonic() + self._state_every
        return True


def _crossed(before: int, after: int, every: int) -> bool:
    """Whether a multiple of `every` lies in (before, after]."""
    return after // every > before // every


def _progress(run: TrainingRun, meter: RateMeter, report: StepReport[float]) -> Progress:
    rate = meter.images_per_second
    left = max(0, run.config.images - run.images_seen)
    eta = left / rate if rate else None
    return Progress(run.images_seen, run.config.images, rate, eta, report)
