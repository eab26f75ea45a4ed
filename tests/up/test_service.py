import socket
from pathlib import Path

import pytest

from app.domain import message_publisher, queue, readiness
from app.domain.processes import StartError, load_settings
from app.domain.settings import Settings
from app.serving import engine
from app.up.service import (
    API_GRACE_SECONDS,
    API_STOP_SECONDS,
    QUEUES,
    WORKER_THREADS,
    refuse_taken_port,
    service_url,
)


def test_the_command_line_overrides_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MOGGY_PORT", "8001")
    monkeypatch.setenv("MOGGY_HOME", str(tmp_path))
    settings = load_settings(Settings, {"port": 8002})
    assert (settings.port, settings.home) == (8002, tmp_path)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_an_address_that_other_machines_can_reach_needs_keys(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MOGGY_API_KEYS", raising=False)
    with pytest.raises(StartError, match=r"^MOGGY_HOST .* set MOGGY_API_KEYS"):
        load_settings(Settings, {"host": host})
    monkeypatch.setenv("MOGGY_API_KEYS", "one,two")
    assert load_settings(Settings, {"host": host}).api_keys == (("one", None), ("two", None))


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("MOGGY_PORT", "70000", "it is too large: the maximum is 65535"),
        ("MOGGY_PORT", "web", "it is not a whole number from 1 to 65535"),
        ("MOGGY_LEASE_SECONDS", "soon", "it is not a number above 0"),
        ("MOGGY_MAX_QUEUED_JOBS", "0", "it is too small: the minimum is 1"),
    ],
)
def test_an_invalid_setting_is_named_with_its_value_and_the_limit(
    variable: str, value: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(StartError) as caught:
        load_settings(Settings, {})
    assert str(caught.value) == f"{variable} {value!r}: {message}"


def test_a_port_in_use_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(StartError, match=rf"^Port {port} of 127.0.0.1 is in use"):
            refuse_taken_port(load_settings(Settings, {"port": port}))
    refuse_taken_port(load_settings(Settings, {"port": port}))


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("localhost", "http://localhost:8000"),
        ("::1", "http://[::1]:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),
    ],
)
def test_the_service_url_is_reachable_from_this_machine(
    host: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOGGY_API_KEYS", "key")
    assert service_url(load_settings(Settings, {"host": host, "port": 8000})) == expected


def test_the_api_is_not_killed_before_all_that_it_closes_has_had_its_time() -> None:
    closing = (
        engine.CLOSE_SECONDS + readiness.PROBE_TIMEOUT_SECONDS + message_publisher.CLOSE_SECONDS
    )
    assert API_GRACE_SECONDS + closing < API_STOP_SECONDS


def test_the_worker_runs_the_jobs_of_every_queue() -> None:
    assert list(queue.Queue) == list(QUEUES)
    assert sum(queue.CONCURRENT_JOBS.values()) == WORKER_THREADS
