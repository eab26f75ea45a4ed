"""The child process: its events, its stop, and its end with its supervisor."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from worker.child import Child
from worker.job_log import LOG_FILE

MODULE = "stand_in_child"
PROGRAM = """
import json, signal, sys, threading, time, os
def watch():
    sys.stdin.read()
    os._exit(3)
threading.Thread(target=watch, daemon=True).start()
def stop(*_):
    print(json.dumps({"event": "stopped"}), flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
print("a warning", "the last line", sep="\\n", file=sys.stderr, flush=True)
print(json.dumps({"event": "started", "run_dir": sys.argv[1]}), flush=True)
time.sleep(60)
"""


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Child:
    (tmp_path / f"{MODULE}.py").write_text(PROGRAM)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return Child(MODULE, tmp_path)


def next_event(child: Child) -> dict[str, object] | None:
    return child.next_event(timeout=20)


def test_events_come_in_order_until_the_end(child: Child, tmp_path: Path) -> None:
    assert next_event(child) == {"event": "started", "run_dir": str(tmp_path)}
    child.terminate()
    assert next_event(child) == {"event": "stopped"}
    assert next_event(child) is None
    assert child.ended
    assert child.close() == 0


@pytest.mark.skipif(sys.platform != "linux", reason="SCHED_IDLE is of Linux")
def test_a_child_in_the_background_gives_way_in_all_its_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = """
import json, os, threading
def emit():
    policy = os.sched_getscheduler(threading.get_native_id())
    print(json.dumps({"event": "policy", "is_idle": policy == os.SCHED_IDLE}), flush=True)
emit()
thread = threading.Thread(target=emit)
thread.start()
thread.join()
"""
    (tmp_path / f"{MODULE}.py").write_text(program)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    child = Child(MODULE, tmp_path, background=True)
    expected = {"event": "policy", "is_idle": True}
    assert [next_event(child), next_event(child)] == [expected, expected]
    assert next_event(child) is None
    assert child.close() == 0


def test_close_kills_a_running_child(child: Child) -> None:
    next_event(child)
    assert child.close() == -signal.SIGKILL


def test_a_child_ends_when_its_supervisor_is_killed(tmp_path: Path) -> None:
    (tmp_path / f"{MODULE}.py").write_text(PROGRAM)
    program = f"""
import time
from pathlib import Path
from worker.child import Child
child = Child({MODULE!r}, Path({str(tmp_path)!r}))
child.next_event(20)
print(child._process.pid, flush=True)
time.sleep(60)
"""
    root = Path(__file__).resolve().parent.parent.parent
    environment = os.environ | {"PYTHONPATH": f"{root}:{tmp_path}"}
    with subprocess.Popen(
        [sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, text=True
    ) as supervisor:
        assert supervisor.stdout is not None
        pid = int(supervisor.stdout.readline())
        supervisor.kill()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize(
    ("code", "sentence", "without_memory"),
    [
        (-9, "its process ended with signal 9 (SIGKILL): probably out of memory", True),
        (-11, "its process ended with signal 11 (SIGSEGV)", False),
        (1, "its process ended with exit code 1: the last line", False),
    ],
)
def test_an_end_is_described_by_its_signal_or_the_last_line_of_the_log(
    child: Child, code: int, sentence: str, without_memory: bool
) -> None:
    next_event(child)
    child.terminate()
    while not child.ended:
        next_event(child)
    child.close()
    assert child.describe_end(code) == sentence
    assert child.ended_without_memory(code) == without_memory


@pytest.mark.parametrize(
    ("line", "without_memory"),
    [
        ("MemoryError", True),
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.", True),
        ("RuntimeError: [enforce fail] DefaultCPUAllocator: can't allocate memory", True),
        ("ValueError: an array of 3 values", False),
    ],
)
def test_memory_that_ran_out_is_known_by_the_last_line_of_the_log(
    child: Child, tmp_path: Path, line: str, without_memory: bool
) -> None:
    next_event(child)
    child.close()
    (tmp_path / LOG_FILE).write_text(f"Traceback\n{line}\n")
    assert child.ended_without_memory(1) == without_memory


def test_an_incomplete_last_line_ends_the_events(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = 'import os; print(\'{"event": "finis\', end="", flush=True); os._exit(9)'
    (tmp_path / f"{MODULE}.py").write_text(program)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    child = Child(MODULE, tmp_path)
    assert next_event(child) is None
    assert child.ended
    assert child.close() == 9
