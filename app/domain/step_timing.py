"""What one training step costs: time and memory, measured in a short child process."""

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
from app.domain.extras import lacks_training
from models.config import TrainingConfig

log = structlog.get_logger()

THIS_MACHINE = "this machine"
WORKER = "worker "  # before the name of its host
NO_WORKER = "the service's own machine, as no training worker answered"
MEASURE_SECONDS = 30.0  # the child's time limit, loading torch included
QUEUED_SECONDS = 40.0  # how long a request waits for another measurement to end
MAX_QUEUED = 4  # requests that wait or measure, each of which occupies a thread of the API
REMEMBER_SECONDS = 600.0
BUSY_SHARE = 0.2  # waiting_share from which other work has distorted the measurement
REMEMBER_BUSY_SECONDS = 30.0
MAX_REMEMBERED = 100
# Fields of a configuration that do not change what a step costs.
IRRELEVANT_FIELDS = ("preset", "images", "seed", "schedule_images", "sample_grid",
                     "sample_every_images", "checkpoint_every_images", "held_out_share",
                     "stability")  # fmt: skip


@dataclass(frozen=True)
class StepCost:
    """What a training step costs on one machine. On a GPU the memory is the GPU's.

    `step_seconds` is None if no step ended within the time limit. `batch_size` is the largest batch
    whose step ended. `waiting_share` of the time, 0 to 1, the step waited for processors that other
    processes used.
    """

    device: str
    step_seconds: float | None
    batch_size: int
    memory_bytes: int
    free_bytes: int
    checkpoint_bytes: int
    state_bytes: int
    waiting_share: float = 0.0
    machine: str = THIS_MACHINE

    @property
    def worker(self) -> str | None:
        """The host of the training worker that timed the step; None if the service did."""
        is_worker = self.machine.startswith(WORKER)
        return self.machine.removeprefix(WORKER) if is_worker else None


class StepMeter:
    """Runs one measurement at a time, and caches each result for REMEMBER_SECONDS, or for
    REMEMBER_BUSY_SECONDS if other work distorted it.

    `measure_remotely` has another machine measure. If it returns None, this machine measures.
    """

    def __init__(
        self,
        limit_seconds: float = MEASURE_SECONDS,
        measure_remotely: Callable[[TrainingConfig], StepCost | None] | None = None,
    ) -> None:
        self._limit_seconds = limit_seconds
        self._measure_remotely = measure_remotely
        self._lock = threading.Lock()
        self._slots = threading.Semaphore(MAX_QUEUED)
        self._remembered: dict[str, tuple[float, StepCost]] = {}

    def measure(self, config: TrainingConfig) -> StepCost:
        """Return the cost of a step, measured or cached.

        Raises Unavailable if too many other measurements are waiting or running.
        """
        relevant = config.to_json()
        for name in IRRELEVANT_FIELDS:
            relevant.pop(name, None)
        key = json.dumps(relevant, sort_keys=True)
        busy = Unavailable("other trainings are being measured: try again", retry_after=10)
        cost = self._recall(key)
        if cost is not None:
            return cost
        if not self._slots.acquire(blocking=False):
            raise busy
        try:
            if not self._lock.acquire(timeout=QUEUED_SECONDS):
                raise busy
            try:
                # The request that held the lock may have measured the same configuration.
                cost = self._recall(key)
                if cost is None:
                    cost = self._measure(config)
                    self._remember(key, cost)
            finally:
                self._lock.release()
        finally:
            self._slots.release()
        return cost

    def _measure(self, config: TrainingConfig) -> StepCost:
        if self._measure_remotely is None:
            return _measure_here(config, self._limit_seconds)
        cost = self._measure_remotely(config)
        if cost is not None:
            return cost
        return replace(_measure_here(config, self._limit_seconds), machine=NO_WORKER)

    def _recall(self, key: str) -> StepCost | None:
        expires_at, cost = self._remembered.get(key, (0.0, None))
        return cost if time.monotonic() <= expires_at else None

    def _remember(self, key: str, cost: StepCost) -> None:
        seconds = REMEMBER_BUSY_SECONDS if cost.waiting_share >= BUSY_SHARE else REMEMBER_SECONDS
        self._remembered[key] = time.monotonic() + seconds, cost
        while len(self._remembered) > MAX_REMEMBERED:
            del self._remembered[next(iter(self._remembered))]


def _measure_here(config: TrainingConfig, limit_seconds: float) -> StepCost:
    needs = lacks_training()
    if needs:
        raise Unavailable(
            "no training worker has measured this training, and to measure it, this machine needs "
            f"{needs}",
            retry_after=30,
        )
    with tempfile.TemporaryDirectory(prefix="moggy-estimate-") as name:
        folder = Path(name)
        (folder / "run.json").write_text(json.dumps({"config": config.to_json()}))
        events, output = _run_child(folder, limit_seconds)
    sizes = [event for event in events if event["event"] == "sizes"]
    if not sizes:
        log.error("estimate_failed", output=output)
        raise Unavailable(
            "this machine is too busy, or has too little memory, to measure a training: try again",
            retry_after=30,
        )
    return extrapolate(sizes[0], [event for event in events if event["event"] == "step"], config)


def _run_child(folder: Path, limit_seconds: float) -> tuple[list[dict[str, Any]], str]:
    """Return the events that the child wrote within the time limit, and the end of its stderr."""
    with (folder / "log.txt").open("w+b") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "models.estimate", str(folder)],
            stdin=subprocess.PIPE,  # the child ends when this closes
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
        time_limit = threading.Timer(limit_seconds, process.kill)
        time_limit.start()
        assert process.stdout is not None
        with process:
            lines = list(process.stdout)
            time_limit.cancel()
        # A line without a newline was cut off when the child was killed.
        events = [json.loads(line) for line in lines if line.endswith("\n")]
        stderr.seek(0)
        return events, stderr.read().decode(errors="replace")[-2000:]


def extrapolate(
    sizes: dict[str, Any], steps: list[dict[str, Any]], config: TrainingConfig
) -> StepCost:
    """Derive the cost of a step with the whole batch from the child's events."""
    seconds = [(step["batch_size"], step["step_seconds"]) for step in steps]
    memory = [(step["batch_size"], step["memory_bytes"]) for step in steps]
    weights = sizes["memory_bytes"]
    return StepCost(
        device=sizes["device"],
        step_seconds=_value_at(config.batch_size, [(0, 0.0), *seconds]) if steps else None,
        batch_size=steps[-1]["batch_size"] if steps else 0,
        memory_bytes=max(weights, round(_value_at(config.batch_size, [(0, weights), *memory]))),
        free_bytes=sizes["free_bytes"],
        checkpoint_bytes=sizes["checkpoint_bytes"],
        state_bytes=sizes["state_bytes"],
        waiting_share=steps[-1]["waiting_share"] if steps else 0.0,
    )


def _value_at(batch_size: int, points: list[tuple[int, float]]) -> float:
    """Extrapolate to the whole batch along the line through the last two points."""
    if len(points) == 1:
        return points[0][1]
    (first, low), (last, high) = points[-2:]
    return high + max(0.0, (high - low) / (last - first)) * (batch_size - last)
