"""`moggy up` end to end: started, stopped and killed as a user might do it."""

import io
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest
from PIL import Image

from .processes import processes_of, wait_for
from .running import STOP_SECONDS, Up

pytestmark = pytest.mark.slow

StartUp = Callable[..., Up]

PROGRAMS = ("valkey-server", "celery", "uvicorn")


def test_it_announces_readiness_refuses_a_second_one_and_ctrl_c_leaves_no_process(
    start_up: StartUp, home: Path
) -> None:
    up = start_up(group=True)
    assert up.line() == f"Moggy 0.1.0 is starting; its home is {home}"
    assert up.line() == f"Moggy is ready: {up.address}"
    assert up.status() == 200
    running = processes_of(home)
    assert all(any(program in line for line in running.values()) for program in PROGRAMS)

    second = start_up()
    assert second.end() == (
        f"Moggy is already running on {home} (process {up.process.pid}, {up.address}).\n"
    )
    assert second.process.returncode == 1
    assert set(processes_of(home)) == set(running)
    assert up.status() == 200

    began = time.monotonic()
    os.killpg(up.process.pid, signal.SIGINT)  # as a terminal does
    assert up.end().splitlines() == [
        "Stopping; running jobs are kept and continue at the next start.",
        "Moggy has stopped.",
    ]
    assert up.process.returncode == 0
    assert time.monotonic() - began < STOP_SECONDS
    assert processes_of(home) == {}


def test_ctrl_c_during_the_start_leaves_no_process(start_up: StartUp, home: Path) -> None:
    up = start_up(group=True)
    up.line()
    wait_for(lambda: len(processes_of(home)) > 1)
    os.killpg(up.process.pid, signal.SIGINT)
    assert "Moggy has stopped." in up.end()
    assert up.process.returncode == 0
    assert processes_of(home) == {}


def test_killed_programs_are_restarted(start_up: StartUp, home: Path) -> None:
    up = start_up()
    up.until_ready()
    old = {program: up.pid_of(program) for program in PROGRAMS}
    for program, title in zip(PROGRAMS, ("Valkey", "The worker", "The API"), strict=True):
        os.kill(old[program], signal.SIGKILL)
        line = up.line()
        assert line.startswith(title)
        assert "ended with signal 9 (SIGKILL); it restarts at once" in line
    # Every program is new, and the worker has connected to the new broker.
    wait_for(lambda: len(processes_of(home)) == 4, seconds=30)
    assert not set(processes_of(home)) & set(old.values())
    wait_for(lambda: up.status() == 200, seconds=30)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends programs with their parent")
def test_a_killed_api_is_restarted_alone_and_a_killed_moggy_up_leaves_no_process(
    start_up: StartUp, home: Path
) -> None:
    up = start_up()
    up.until_ready()
    *others, api = PROGRAMS
    undisturbed = {program: up.pid_of(program) for program in others}
    for number in (signal.SIGKILL, signal.SIGSEGV):
        os.kill(up.pid_of(api), number)
        ended = f"The API ended with signal {number:d} ({number.name}); it restarts "
        assert up.line().startswith(ended)
        wait_for(lambda: up.status("/healthz") == 200, seconds=60)
    assert {program: up.pid_of(program) for program in others} == undisturbed

    up.process.kill()
    wait_for(lambda: not processes_of(home), seconds=STOP_SECONDS)
    start_up().until_ready()


def test_without_the_extra_it_serves_the_cats_and_a_job_fails_with_the_remedy(
    start_up: StartUp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOGGY_STARTER", "cats")
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['torch'] = None")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    needs = "the extra train (not installed: torch): pip install 'moggy[train]'"
    up = start_up()
    assert up.line().startswith("Moggy 0.1.0 is starting")
    assert up.line() == (
        "Pictures become datasets; models are served, indexed and searched, and images generated "
        f"into files. Every other job fails, since its worker needs {needs}"
    )
    assert up.line() == f"Moggy is ready: {up.address}"
    assert up.line().startswith("A model of cats is here to begin with: ")
    pictures = [tmp_path / f"{colour}.png" for colour in ("black", "white")]
    for picture in pictures:
        Image.new("RGB", (64, 64), picture.stem).save(picture)
    up.moggy("dataset", "add", *pictures, "--name", "plain")
    names = ("--dataset", "plain", "--model", "plain")
    training = up.begin("train", *names, "--images", 64, "--follow")
    assert f"a job of kind train needs {needs}" in "".join(training.communicate())
    assert training.returncode == 1


def test_a_port_in_use_is_reported_before_any_program_starts(start_up: StartUp, home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        up = start_up("--port", str(port))
        assert up.end().splitlines()[1:] == [
            f"Port {port} of 127.0.0.1 is in use by another program: "
            "stop it, or choose another port with --port."
        ]
    assert up.process.returncode == 1
    assert sorted(path.name for path in home.iterdir()) == ["logs", "run", "up.lock"]
    assert list((home / "logs").iterdir()) == []


def test_a_public_address_is_refused_without_keys(start_up: StartUp, home: Path) -> None:
    up = start_up("--host", "0.0.0.0")
    assert up.end().startswith("MOGGY_HOST 0.0.0.0 is reachable from other machines: set MOGGY_API")
    assert up.process.returncode == 1
    assert list(home.iterdir()) == []


def test_with_keys_it_serves_every_interface_and_requires_a_key(
    start_up: StartUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOGGY_API_KEYS", "secret")
    up = start_up("--host", "0.0.0.0")
    up.until_ready()
    assert up.status("/v1/jobs") == 401


def test_the_first_start_imports_a_model_of_cats_that_does_not_come_back_once_deleted(
    start_up: StartUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOGGY_STARTER", "cats")
    up = start_up()
    up.until_ready()
    image = "/v1/models/cats/images/1.png"
    assert up.line() == f"A model of cats is here to begin with: {up.address}{image}"
    with Image.open(io.BytesIO(httpx2.get(f"{up.address}{image}").content)) as picture:
        assert picture.size == (64, 64)
    assert httpx2.delete(f"{up.address}/v1/models/cats").status_code == 204
    up.process.send_signal(signal.SIGINT)
    up.end()
    again = start_up()
    again.until_ready()
    assert httpx2.get(f"{again.address}/v1/models").json()["items"] == []
    imports = httpx2.get(f"{again.address}/v1/jobs?kind=import").json()["items"]
    assert [job["status"] for job in imports] == ["succeeded"]
