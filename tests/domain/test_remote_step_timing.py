"""The cost of a step that a training worker measures, on request through a real broker."""

import itertools
import platform
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import redis

from app.domain import step_timing
from app.domain.errors import Unavailable
from app.domain.remote_step_timing import REQUEST_LIST, WorkerMeter, start_answering
from app.domain.step_timing import NO_WORKER, THIS_MACHINE, StepCost, StepMeter
from models.config import TrainingConfig

MEASURED = StepCost(
    device="cuda", step_seconds=0.01, batch_size=64, memory_bytes=1, free_bytes=2,
    checkpoint_bytes=3, state_bytes=4,
)  # fmt: skip
CONFIG = TrainingConfig(batch_size=64)


class FixedMeter(StepMeter):
    """A worker's meter that returns or raises `outcome`."""

    def __init__(self, outcome: StepCost | Exception) -> None:
        super().__init__()
        self.outcome = outcome
        self.configs: list[TrainingConfig] = []

    def measure(self, config: TrainingConfig) -> StepCost:
        self.configs.append(config)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


@pytest.fixture
def start(valkey_url: str) -> Iterator[Callable[[StepMeter], None]]:
    """Starts the thread in which a training worker answers requests, with a meter."""
    stopping, threads = threading.Event(), list[threading.Thread]()
    yield lambda meter: threads.append(start_answering(valkey_url, stopping, meter))
    stopping.set()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


@pytest.fixture
def meter(valkey_url: str) -> StepMeter:
    return StepMeter(measure_remotely=WorkerMeter(valkey_url).measure)


@pytest.fixture
def own_measurements(monkeypatch: pytest.MonkeyPatch) -> list[TrainingConfig]:
    """The configurations that the service's own machine measures."""
    configs: list[TrainingConfig] = []

    def measure(config: TrainingConfig, _deadline: float) -> StepCost:
        configs.append(config)
        return replace(MEASURED, device="cpu")

    monkeypatch.setattr(step_timing, "_measure_here", measure)
    return configs


def test_a_worker_measures_the_configuration_and_names_its_machine(
    start: Callable[[StepMeter], None], meter: StepMeter, own_measurements: list[TrainingConfig]
) -> None:
    worker = FixedMeter(MEASURED)
    start(worker)
    assert meter.measure(CONFIG) == replace(MEASURED, machine=f"worker {platform.node()}")
    assert (worker.configs, own_measurements) == ([CONFIG], [])


def test_a_worker_with_another_clock_measures_too(
    start: Callable[[StepMeter], None],
    meter: StepMeter,
    own_measurements: list[TrainingConfig],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = itertools.count(0.0, 60.0)  # each reading is a minute later
    monkeypatch.setattr(time, "time", lambda: next(clock))
    start(FixedMeter(MEASURED))
    assert meter.measure(CONFIG).device == "cuda"
    assert own_measurements == []


def test_without_a_worker_the_service_soon_measures_and_names_its_own_machine(
    meter: StepMeter, own_measurements: list[TrainingConfig], valkey_url: str
) -> None:
    began = time.monotonic()
    measured = meter.measure(CONFIG)
    assert time.monotonic() - began < 10
    assert (measured.device, measured.machine) == ("cpu", NO_WORKER)
    assert own_measurements == [CONFIG]
    with redis.Redis.from_url(valkey_url) as client:
        assert client.llen(REQUEST_LIST) == 0  # a worker that starts later finds no stale request


def test_a_worker_that_cannot_measure_answers_at_once(
    start: Callable[[StepMeter], None], meter: StepMeter, own_measurements: list[TrainingConfig]
) -> None:
    start(FixedMeter(Unavailable("this machine is too busy")))
    began = time.monotonic()
    assert meter.measure(CONFIG).machine == NO_WORKER
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("message", [b"null", b"no JSON", b"{}", b'{"asked_at": []}', b"7"])
def test_a_worker_survives_an_unreadable_request(
    start: Callable[[StepMeter], None], meter: StepMeter, valkey_url: str, message: bytes
) -> None:
    start(FixedMeter(MEASURED))
    with redis.Redis.from_url(valkey_url) as client:
        client.lpush(REQUEST_LIST, message)
    assert meter.measure(CONFIG).device == "cuda"


def test_without_a_broker_this_machine_is_measured(own_measurements: list[TrainingConfig]) -> None:
    assert StepMeter().measure(CONFIG).machine == THIS_MACHINE
    unreachable = WorkerMeter("redis://127.0.0.1:1/0")
    assert StepMeter(measure_remotely=unreachable.measure).measure(CONFIG).machine == NO_WORKER
