"""Readiness: failures are named, and hanging checks and recoveries noticed."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.domain import readiness
from app.domain.readiness import FAILING_PROBE_INTERVAL_SECONDS, Probe
from app.domain.settings import Settings
from app.domain.store import ObjectStore


@contextmanager
def running(probe: Probe) -> Iterator[Probe]:
    probe.start()
    try:
        yield probe
    finally:
        probe.stop()
        probe.join()


def test_a_subject_that_was_never_checked_is_not_ready() -> None:
    failure = Probe("the database", lambda: None).failure
    assert failure == "the database has not been checked yet"


def test_a_recovery_is_noticed_at_the_failing_interval() -> None:
    away = threading.Event()
    away.set()

    def check() -> None:
        if away.is_set():
            raise OSError

    with running(Probe("the broker", check, interval=60)) as probe:
        assert probe.done.wait(5)
        assert probe.failure == "the broker does not answer: OSError"
        away.clear()
        time.sleep(FAILING_PROBE_INTERVAL_SECONDS + 0.5)
        assert probe.failure is None


def test_a_failing_subject_is_not_checked_more_often_than_its_interval() -> None:
    checks = 0

    def check() -> None:
        nonlocal checks
        checks += 1
        raise OSError

    with running(Probe("the object store", check, interval=60, failing_interval=60)) as probe:
        assert probe.done.wait(5)
        time.sleep(2 * FAILING_PROBE_INTERVAL_SECONDS)
        assert checks == 1


def test_a_hanging_check_is_a_failure_while_it_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "PROBE_TIMEOUT_SECONDS", 0.2)
    hanging, checks = threading.Event(), 0

    def check() -> None:
        nonlocal checks
        checks += 1
        if checks == 2:
            hanging.wait(30)

    with running(Probe("the database", check, interval=0.01)) as probe:
        assert probe.done.wait(5)
        time.sleep(0.5)
        assert checks == 2
        assert "the database has not answered for" in (probe.failure or "")
        hanging.set()
        time.sleep(0.3)
        assert probe.failure is None


def test_a_bucket_is_checked_and_a_missing_one_is_not_ready(
    tmp_path: Path, s3_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in s3_environment.items():
        monkeypatch.setenv(name, value)
    ObjectStore(Settings(home=tmp_path, storage_url="s3://moggy/prefix")).check()
    absent = ObjectStore(Settings(home=tmp_path, storage_url="s3://absent/prefix"))
    with running(Probe("the object store", absent.check)) as probe:
        assert probe.done.wait(10)
        assert "the object store does not answer" in (probe.failure or "")
