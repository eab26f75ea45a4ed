"""The training loop: counts images, says when something is due, and never writes or logs."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from models.training.health.signals import Finding
from models.training.run import Losses, TrainingRun

PROGRESS_SECONDS = 1.0
FIRST_STATE_SECONDS = 10.0  # early, so that a run that dies young has something to go on from
RATE_SECONDS = 30.0
CHECKPOINT_SECONDS = 300.0  # at least so often, however slow the training


@dataclass(frozen=True)
class Progress:
    """How far a run is. The rate is over the last 30 s of training proper; null until measured."""

    images_seen: int
    images_total: int
    images_per_second: float | None
    eta_seconds: float | None
    losses: Losses


class Observer(Protocol):
    """What a run is watched by; each is called between two steps and may not change the run.

    `checkpoint` answers whether it is whole: False where a stop has cut its scores short.
    """

    def progress(self, progress: Progress) -> None: ...
    def health(self, run: TrainingRun, finding: Finding) -> None: ...
    def sample(self, run: TrainingRun) -> None: ...
    def checkpoint(self, run: TrainingRun) -> bool: ...
    def state(self, run: TrainingRun) -> None: ...


class RateMeter:
    """Images per second over the last `RATE_SECONDS` spent in steps; what lies between is free."""

    def __init__(self) -> None:
        self._marks: deque[tuple[float, int]] = deque()  # seconds in steps, images
        self._seconds = 0.0
        self._images = 0

    def add(self, seconds: float, images: int) -> None:
        if self._marks:  # the first step also sets the libraries up
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
    """Step until the run is finished (True) or `stopping()` (False, its state being written).

    A run at its end whose last checkpoint is not whole is not finished: it goes on with that one.
    Samples are due at 0, at each multiple of `sample_every_images` and at the end; checkpoints
    likewise but for 0, and by the clock; states by the clock. Raises NotFiniteError.
    """
    config, meter, clock = run.config, RateMeter(), _Clock(state_every_seconds)
    if run.images_seen == 0:
        observer.sample(run)
    marked, measured = run.images_seen, time.monotonic()
    stopped = run.group.any(stopping())
    while not run.finished and not stopped:
        before = run.images_seen
        run.step()
        checkpoint_due = state_due = False
        if run.read_due:
            losses = run.losses()
            meter.add(time.monotonic() - measured, run.images_seen - marked)
            if clock.progress_due() or run.finished:
                observer.progress(_progress(run, meter, losses))
            for finding in run.examine():
                observer.health(run, finding)
            # What the clock decides, all processes of a group have to do alike.
            checkpoint_due = run.group.any(clock.checkpoint_due())
            state_due = run.group.any(clock.state_due())
            stopped = run.group.any(stopping())
        elif run.group.size == 1:
            stopped = stopping()
        if run.finished:
            break
        sample_due = _crossed(before, run.images_seen, config.sample_every_images)
        checkpoint_due |= _crossed(before, run.images_seen, config.checkpoint_every_images)
        looked_at = sample_due or checkpoint_due or state_due
        if looked_at and not run.read_due:  # what is queued on a GPU is training, what follows not
            run.wait()
            meter.add(time.monotonic() - measured, run.images_seen - marked)
        if sample_due:
            observer.sample(run)
        if checkpoint_due:
            observer.checkpoint(run)
            clock.checkpointed()
        if state_due:
            observer.state(run)
        if run.read_due or looked_at:
            marked, measured = run.images_seen, time.monotonic()
    if not run.finished:
        observer.state(run)
        return False
    observer.sample(run)
    if run.group.any(not observer.checkpoint(run)):
        observer.state(run)
        return False
    return True


class _Clock:
    """When what only looks is due."""

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
    return after // every > before // every


def _progress(run: TrainingRun, meter: RateMeter, losses: Losses) -> Progress:
    rate = meter.images_per_second
    left = max(0, run.config.images - run.images_seen)
    eta = left / rate if rate else None
    return Progress(run.images_seen, run.config.images, rate, eta, losses)
