"""The training loop: counts images, says when something is due, and never writes or logs."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from models.training import Losses, TrainingRun

PROGRESS_SECONDS = 1.0
FIRST_STATE_SECONDS = 10.0  # early, so that a run that dies young has something to go on from
RATE_SECONDS = 30.0


@dataclass(frozen=True)
class Progress:
    """How far a run is. The rate is over the last 30 s of training proper; null until measured."""

    images_seen: int
    images_total: int
    images_per_second: float | None
    eta_seconds: float | None
    losses: Losses


class Observer(Protocol):
    """What a run is watched by; each is called between two steps and may not change the run."""

    def progress(self, progress: Progress) -> None: ...
    def sample(self, run: TrainingRun) -> None: ...
    def checkpoint(self, run: TrainingRun) -> None: ...
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

    Samples are due at 0, at each multiple of `sample_every_images` and at the end; checkpoints
    likewise but for 0; states by the clock.
    """
    config, meter = run.config, RateMeter()
    now = time.monotonic()
    progress_due, state_due = now, now + min(FIRST_STATE_SECONDS, state_every_seconds)
    if run.images_seen == 0:
        observer.sample(run)
    while not run.finished and not stopping():
        before, started = run.images_seen, time.monotonic()
        losses = run.step()
        now = time.monotonic()
        meter.add(now - started, config.batch_size)
        if now >= progress_due or run.finished:
            observer.progress(_progress(run, meter, losses))
            progress_due = now + PROGRESS_SECONDS
        if run.finished:
            break
        if _crossed(before, run.images_seen, config.sample_every_images):
            observer.sample(run)
        if _crossed(before, run.images_seen, config.checkpoint_every_images):
            observer.checkpoint(run)
        if now >= state_due:
            observer.state(run)
            state_due = time.monotonic() + state_every_seconds
    if not run.finished:
        observer.state(run)
        return False
    observer.sample(run)
    observer.checkpoint(run)
    return True


def _crossed(before: int, after: int, every: int) -> bool:
    return after // every > before // every


def _progress(run: TrainingRun, meter: RateMeter, losses: Losses) -> Progress:
    rate = meter.images_per_second
    left = max(0, run.config.images - run.images_seen)
    eta = left / rate if rate else None
    return Progress(run.images_seen, run.config.images, rate, eta, losses)
