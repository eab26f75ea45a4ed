"""Readiness: what does not answer is named, what hangs is noticed, what comes back is seen."""

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
def looking(look: Probe) -> Iterator[Probe]:
    look.start()
    try:
        yield look
    finally:
        look.stop()
        look.join()


def test_what_was_never_looked_at_is_not_ready() -> None:
    failure = Probe("the database", lambda: None).failure
    assert failure == "the database has not been checked yet"


def test_what_comes_back_is_seen_at_the_pace_of_what_fails() -> None:
    away = threading.Event()
    away.set()

    def check() -> None:
        if away.is_set():
            raise OSError

    with looking(Probe("the broker", check, interval=60)) as look:
        assert look.done.wait(5)
        assert look.failure == "the broker does not answer: OSError"
        away.clear()
        time.sleep(FAILING_PROBE_INTERVAL_SECONDS + 0.5)
        assert look.failure is None


def test_what_fails_is_looked_at_no_faster_than_it_may_be() -> None:
    looks = 0

    def check() -> None:
        nonlocal looks
        looks += 1
        raise OSError

    with looking(Probe("the object store", check, interval=60, failing_interval=60)) as look:
        assert look.done.wait(5)
        time.sleep(2 * FAILING_PROBE_INTERVAL_SECONDS)
        assert looks == 1


def test_a_look_that_hangs_is_a_failure_while_it_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "PROBE_TIMEOUT_SECONDS", 0.2)
    hanging, looks = threading.Event(), 0

    def check() -> None:
        nonlocal looks
        looks += 1
        if looks == 2:
            hanging.wait(30)

    with looking(Probe("the database", check, interval=0.01)) as look:
        assert look.done.wait(5)
        time.sleep(0.5)
        assert looks == 2
        assert "the database has not answered for" in (look.failure or "")
        hanging.set()
        time.sleep(0.3)
        assert look.failure is None


def test_a_bucket_is_asked_and_one_that_is_absent_is_not_ready(
    tmp_path: Path, s3_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in s3_environment.items():
        monkeypatch.setenv(name, value)
    ObjectStore(Settings(home=tmp_path, storage_url="s3://moggy/prefix")).check()
    absent = ObjectStore(Settings(home=tmp_path, storage_url="s3://absent/prefix"))
    with looking(Probe("the object store", absent.check)) as look:
        assert look.done.wait(10)
        assert "the object store does not answer" in (look.failure or "")
