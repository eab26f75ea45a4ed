"""What one training step costs: time and memory, measured in a short child process.

Where training workers run on other machines, the service asks one of them to measure. It pushes a
request onto a list of the broker from which every training worker pops. The worker measures, even
beside a training of its own, and pushes the answer onto a list that belongs to this request.
"""

import json
import platform
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import redis
import structlog

from app.domain.errors import MoggyError, Unavailable
from app.domain.extras import lacks_training
from models.config import TrainingConfig
from models.ranges import ConfigError

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

REQUEST_LIST = "moggy:measure"
ANSWER_LIST = "moggy:measured:"  # followed by the request's token
TAKEN_SECONDS = 1.0  # an idle worker has taken a request by then
ANSWER_SECONDS = MEASURE_SECONDS + 5
ANSWER_EXPIRY_SECONDS = 60  # of an answer that is never fetched
REQUEST_POLL_SECONDS = 2.0
BROKER_RETRY_SECONDS = 2.0
REQUEST_EXPIRY_SECONDS = 10.0  # by the broker's clock; by then the service has stopped waiting


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
        """Raises Unavailable if too many other measurements are waiting or running."""
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


class WorkerMeter:
    """Asks one of the training workers to measure."""

    def __init__(self, redis_url: str) -> None:
        self._client = redis.Redis.from_url(
            redis_url, socket_connect_timeout=2, socket_timeout=ANSWER_SECONDS + 5
        )

    def measure(self, config: TrainingConfig) -> StepCost | None:
        """Return what a worker measured; None if no worker takes the request or answers it."""
        token = secrets.token_hex(8)
        try:
            now = _broker_time(self._client)
            request = json.dumps({"token": token, "config": config.to_json(), "asked_at": now})
            self._client.lpush(REQUEST_LIST, request)
            answer = self._client.blpop([ANSWER_LIST + token], TAKEN_SECONDS)
            if answer is None and self._client.lrem(REQUEST_LIST, 1, request) == 0:  # it was taken
                answer = self._client.blpop([ANSWER_LIST + token], ANSWER_SECONDS)
        except redis.RedisError as error:
            log.warning("measure_request_failed", error=str(error))
            return None
        if answer is None:
            return None
        cost: dict[str, Any] | None = json.loads(answer[1])
        return None if cost is None else StepCost(**cost)


def start_answering(
    redis_url: str, stopping: threading.Event, meter: StepMeter | None = None
) -> threading.Thread:
    """Start the thread of a training worker that answers measurement requests until `stopping`."""
    measure = (meter or StepMeter()).measure
    thread = threading.Thread(
        target=_answer_requests, args=(redis_url, stopping, measure), name="measuring", daemon=True
    )
    thread.start()
    return thread


def _answer_requests(
    redis_url: str, stopping: threading.Event, measure: Callable[[TrainingConfig], StepCost]
) -> None:
    client = redis.Redis.from_url(
        redis_url, socket_connect_timeout=2, socket_timeout=REQUEST_POLL_SECONDS + 5
    )
    while not stopping.is_set():
        try:
            request = client.brpop([REQUEST_LIST], REQUEST_POLL_SECONDS)
            if request is not None:
                _answer(client, json.loads(request[1]), measure)
        except redis.RedisError as error:
            log.warning("measure_requests_not_read", error=str(error))
            stopping.wait(BROKER_RETRY_SECONDS)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            log.warning("measure_request_unreadable", error=str(error))
    client.close()


def _broker_time(client: "redis.Redis") -> int:
    """Seconds by the broker's clock: the clocks of two machines may differ."""
    seconds: int = client.time()[0]
    return seconds


def _answer(
    client: "redis.Redis", request: dict[str, Any], measure: Callable[[TrainingConfig], StepCost]
) -> None:
    if _broker_time(client) - float(request["asked_at"]) > REQUEST_EXPIRY_SECONDS:
        return
    key = ANSWER_LIST + str(request["token"])
    answer = None
    try:
        cost = measure(TrainingConfig.from_json(request["config"]))
        answer = asdict(replace(cost, machine=f"{WORKER}{platform.node()}"))
    except (ConfigError, MoggyError) as error:
        log.warning("measure_failed", error=str(error))
    client.lpush(key, json.dumps(answer))
    client.expire(key, ANSWER_EXPIRY_SECONDS)
