"""A training worker measures for the service, over a real broker."""

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
from app.domain.remote_step_timing import REQUESTS, WorkerMeter, start_measuring
from app.domain.step_timing import NO_WORKER, THIS_MACHINE, Measured, StepMeter
from models.config import TrainingConfig

MEASURED = Measured(
    device="cuda", step_seconds=0.01, batch_size=64, memory_bytes=1, free_bytes=2,
    checkpoint_bytes=3, state_bytes=4,
)  # fmt: skip
CONFIG = TrainingConfig(batch_size=64)


class FixedMeter(StepMeter):
    """A worker's meter whose measurement is `outcome`."""

    def __init__(self, outcome: Measured | Exception) -> None:
        super().__init__()
        self.outcome = outcome
        self.configs: list[TrainingConfig] = []

    def measure(self, config: TrainingConfig) -> Measured:
        self.configs.append(config)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


@pytest.fixture
def start(valkey_url: str) -> Iterator[Callable[[StepMeter], None]]:
    """Starts what a training worker does for requests, with a meter."""
    stopping, threads = threading.Event(), list[threading.Thread]()
    yield lambda meter: threads.append(start_measuring(valkey_url, stopping, meter))
    stopping.set()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


@pytest.fixture
def meter(valkey_url: str) -> StepMeter:
    return StepMeter(ask=WorkerMeter(valkey_url).measure)


@pytest.fixture
def own_measurements(monkeypatch: pytest.MonkeyPatch) -> list[TrainingConfig]:
    """What is measured on the service's own machine."""
    configs: list[TrainingConfig] = []

    def measure(config: TrainingConfig, _deadline: float) -> Measured:
        configs.append(config)
        return replace(MEASURED, device="cpu")

    monkeypatch.setattr(step_timing, "_measure", measure)
    return configs


def test_a_worker_measures_the_configuration_and_is_named(
    start: Callable[[StepMeter], None], meter: StepMeter, own_measurements: list[TrainingConfig]
) -> None:
    worker = FixedMeter(MEASURED)
    start(worker)
    assert meter.measure(CONFIG) == replace(MEASURED, machine=f"worker {platform.node()}")
    assert (worker.configs, own_measurements) == ([CONFIG], [])


def test_a_worker_whose_clock_differs_measures_as_well(
    start: Callable[[StepMeter], None],
    meter: StepMeter,
    own_measurements: list[TrainingConfig],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = itertools.count(0.0, 60.0)  # a minute later at each look at it
    monkeypatch.setattr(time, "time", lambda: next(clock))
    start(FixedMeter(MEASURED))
    assert meter.measure(CONFIG).device == "cuda"
    assert own_measurements == []


def test_without_a_worker_the_service_measures_itself_soon_and_says_so(
    meter: StepMeter, own_measurements: list[TrainingConfig], valkey_url: str
) -> None:
    began = time.monotonic()
    measured = meter.measure(CONFIG)
    assert time.monotonic() - began < 10
    assert (measured.device, measured.machine) == ("cpu", NO_WORKER)
    assert own_measurements == [CONFIG]
    with redis.Redis.from_url(valkey_url) as client:
        assert client.llen(REQUESTS) == 0  # no worker that starts later measures for nobody


def test_a_worker_that_cannot_measure_says_so_at_once(
    start: Callable[[StepMeter], None], meter: StepMeter, own_measurements: list[TrainingConfig]
) -> None:
    start(FixedMeter(Unavailable("this machine is too busy")))
    began = time.monotonic()
    assert meter.measure(CONFIG).machine == NO_WORKER
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("message", [b"null", b"no JSON", b"{}", b'{"asked_at": []}', b"7"])
def test_a_worker_outlives_a_foreign_request(
    start: Callable[[StepMeter], None], meter: StepMeter, valkey_url: str, message: bytes
) -> None:
    start(FixedMeter(MEASURED))
    with redis.Redis.from_url(valkey_url) as client:
        client.lpush(REQUESTS, message)
    assert meter.measure(CONFIG).device == "cuda"


def test_without_a_broker_this_machine_is_measured(own_measurements: list[TrainingConfig]) -> None:
    assert StepMeter().measure(CONFIG).machine == THIS_MACHINE
    unreachable = WorkerMeter("redis://127.0.0.1:1/0")
    assert StepMeter(ask=unreachable.measure).measure(CONFIG).machine == NO_WORKER
