"""Measures what a training step takes, in a short process of its own: on this machine, unless a
training worker is asked."""

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import structlog

from app.domain.errors import Unavailable
from models.config import TrainingConfig

log = structlog.get_logger()

THIS_MACHINE = "this machine"
NO_WORKER = "the service's own machine, as no training worker answered"
DEADLINE_SECONDS = 30.0  # loading torch included
WAIT_SECONDS = 40.0  # for another measurement to end
WAITING = 4  # at most at a time, each in a thread that others could use
REMEMBER_SECONDS = 600.0
REMEMBERED = 100
# What no step depends on.
FREE_FIELDS = ("preset", "images", "seed", "schedule_images", "sample_grid", "sample_every_images",
               "checkpoint_every_images", "held_out_share", "stability")  # fmt: skip


@dataclass(frozen=True)
class Measured:
    """What a training takes on a machine; the memory is a GPU's where it has one.

    `step_seconds` is None where no step ended in time; `batch_size` is that of the steps that did.
    """

    device: str
    step_seconds: float | None
    batch_size: int
    memory_bytes: int
    free_bytes: int
    checkpoint_bytes: int
    state_bytes: int
    machine: str = THIS_MACHINE


class StepMeter:
    """One measurement at a time, each remembered for some minutes.

    `ask` has another machine measure, and answers None where none does: then this one does it.
    """

    def __init__(
        self,
        deadline_seconds: float = DEADLINE_SECONDS,
        ask: Callable[[TrainingConfig], Measured | None] | None = None,
    ) -> None:
        self._deadline_seconds = deadline_seconds
        self._ask = ask
        self._lock = threading.Lock()
        self._places = threading.Semaphore(WAITING)
        self._remembered: dict[str, tuple[float, Measured]] = {}

    def measure(self, config: TrainingConfig) -> Measured:
        """Raises Unavailable where others are measuring for longer than anybody would wait."""
        known = {name: value for name, value in config.to_json().items() if name not in FREE_FIELDS}
        key = json.dumps(known, sort_keys=True)
        busy = Unavailable("other trainings are being measured: try again", retry_after=10)
        measured = self._recall(key)
        if measured is not None:
            return measured
        if not self._places.acquire(blocking=False):
            raise busy
        try:
            if not self._lock.acquire(timeout=WAIT_SECONDS):
                raise busy
            try:
                # Whoever was waited for may have measured the same.
                measured = self._recall(key)
                if measured is None:
                    measured = self._measure(config)
                    self._remember(key, measured)
            finally:
                self._lock.release()
        finally:
            self._places.release()
        return measured

    def _measure(self, config: TrainingConfig) -> Measured:
        if self._ask is None:
            return _measure(config, self._deadline_seconds)
        measured = self._ask(config)
        if measured is not None:
            return measured
        return replace(_measure(config, self._deadline_seconds), machine=NO_WORKER)

    def _recall(self, key: str) -> Measured | None:
        measured_at, measured = self._remembered.get(key, (0.0, None))
        recent = time.monotonic() - measured_at <= REMEMBER_SECONDS
        return measured if recent else None

    def _remember(self, key: str, measured: Measured) -> None:
        self._remembered[key] = time.monotonic(), measured
        while len(self._remembered) > REMEMBERED:
            del self._remembered[next(iter(self._remembered))]


def _measure(config: TrainingConfig, deadline_seconds: float) -> Measured:
    with tempfile.TemporaryDirectory(prefix="moggy-estimate-") as name:
        folder = Path(name)
        (folder / "run.json").write_text(json.dumps({"config": config.to_json()}))
        events, said = _run(folder, deadline_seconds)
    sizes = [event for event in events if event["event"] == "sizes"]
    if not sizes:
        log.error("estimate_failed", said=said)
        raise Unavailable(
            "this machine is too busy, or has too little memory, to measure a training: try again",
            retry_after=30,
        )
    return understood(sizes[0], [one for one in events if one["event"] == "step"], config)


def _run(folder: Path, deadline_seconds: float) -> tuple[list[dict[str, Any]], str]:
    """The events that the process had time for, and what else it said last."""
    with (folder / "log.txt").open("w+b") as words:
        process = subprocess.Popen(
            [sys.executable, "-m", "models.estimate", str(folder)],
            stdin=subprocess.PIPE,  # it ends when this closes
            stdout=subprocess.PIPE,
            stderr=words,
            text=True,
        )
        deadline = threading.Timer(deadline_seconds, process.kill)
        deadline.start()
        assert process.stdout is not None
        with process:
            lines = list(process.stdout)
            deadline.cancel()
        # Without its end, a line was torn by the deadline.
        events = [json.loads(line) for line in lines if line.endswith("\n")]
        words.seek(0)
        return events, words.read().decode(errors="replace")[-2000:]


def understood(
    sizes: dict[str, Any], steps: list[dict[str, Any]], config: TrainingConfig
) -> Measured:
    """What the events of the process mean for the whole batch."""
    seconds = [(one["batch_size"], one["step_seconds"]) for one in steps]
    memory = [(one["batch_size"], one["memory_bytes"]) for one in steps]
    weights = sizes["memory_bytes"]
    return Measured(
        device=sizes["device"],
        step_seconds=_at(config.batch_size, [(0, 0.0), *seconds]) if steps else None,
        batch_size=steps[-1]["batch_size"] if steps else 0,
        memory_bytes=max(weights, round(_at(config.batch_size, [(0, weights), *memory]))),
        free_bytes=sizes["free_bytes"],
        checkpoint_bytes=sizes["checkpoint_bytes"],
        state_bytes=sizes["state_bytes"],
    )


def _at(batch_size: int, points: list[tuple[int, float]]) -> float:
    """The value at the whole batch, by the line through the last two points."""
    if len(points) == 1:
        return points[0][1]
    (first, low), (last, high) = points[-2:]
    return high + max(0.0, (high - low) / (last - first)) * (batch_size - last)
