import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.harness.machine import ROOT
from benchmarks.harness.processes import (
    NotStarted,
    cpu_seconds,
    descendants,
    free_port,
    memory_bytes,
    resident_bytes,
    running_server,
)

# Ignores SIGTERM, as does the child that it starts in a separate session.
STUBBORN = """
import http.server, signal, subprocess, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
sleeper = [sys.executable, "-c", "import time; time.sleep(600)"]
print(subprocess.Popen(sleeper, start_new_session=True).pid, flush=True)
answer = http.server.SimpleHTTPRequestHandler
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), answer).serve_forever()
"""


def gone(pid: int) -> bool:
    """Whether the process ends within 5 seconds."""
    deadline = time.monotonic() + 5
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not alive(pid)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_server_is_stopped_with_all_its_descendants(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.harness.processes.STOP_SECONDS", 0.5)
    port, log = free_port(), tmp_path / "log"
    command = [sys.executable, "-c", STUBBORN, str(port)]
    with running_server(command, port=port, ready="/", log=log, environment={}) as server:
        (child,) = descendants(server.pid)
        assert alive(server.pid)
        assert alive(child)
    assert gone(server.pid)
    assert gone(child)


def test_a_server_that_exits_at_once_raises_with_its_log(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('no such model')"]
    with (
        pytest.raises(NotStarted, match="no such model"),
        running_server(command, port=free_port(), ready="/", log=tmp_path / "log", environment={}),
    ):
        pass


def test_a_server_may_announce_in_its_log_that_it_is_ready(tmp_path: Path) -> None:
    (tmp_path / "announcement.py").write_text("READY = 'Now ready'")
    program = """
import time, announcement
time.sleep(0.2)
print(announcement.READY, flush=True)
time.sleep(600)
"""
    with running_server(
        [sys.executable, "-c", program],
        port=free_port(),
        ready_line="Now ready",
        log=tmp_path / "log",
        environment={},
        root=tmp_path,
    ) as server:
        assert 0.2 <= server.seconds < 30


def test_a_benchmark_stops_its_servers_on_sigterm(tmp_path: Path) -> None:
    program = """
import sys, time
from pathlib import Path
from benchmarks.harness.processes import exit_on_sigterm, free_port, running_server
exit_on_sigterm()
port = free_port()
command = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)]
with running_server(command, port=port, ready="/", log=Path(sys.argv[1]), environment={}) as server:
    print(server.pid, flush=True)
    time.sleep(600)
"""
    benchmark = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "log")],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert benchmark.stdout is not None
    server = int(benchmark.stdout.readline())
    assert alive(server)
    benchmark.send_signal(signal.SIGTERM)
    benchmark.communicate(timeout=30)
    assert benchmark.returncode == 128 + signal.SIGTERM
    assert gone(server)


@pytest.mark.parametrize("child", [False, True])
def test_memory_includes_the_children_of_a_process(child: bool) -> None:
    program = "held = bytearray(50_000_000); print(flush=True); input()"
    if child:
        program = (
            "import subprocess, sys;"
            f"subprocess.run([sys.executable, '-c', {program!r}], check=True)"
        )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        used = memory_bytes(process.pid)
        quick = resident_bytes(process.pid)
        process.communicate(b"\n")
    assert used["Rss"] >= used["Pss"] >= used["Anonymous"] > 50_000_000
    assert quick == pytest.approx(used["Rss"], rel=0.1)


# Computes for the given seconds, then prints a line and waits.
SPINNING = """
import sys, time
while time.process_time() < float(sys.argv[1]):
    pass
print(flush=True)
input()
"""
PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", *sys.argv[1:]], stdout=subprocess.PIPE)
print(child.stdout.readline().decode(), end="", flush=True)
input()
"""


def test_processor_time_includes_the_children_of_a_process() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, SPINNING, "0.4"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        used = cpu_seconds(process.pid)
        process.communicate(b"\n")
    assert 0.35 < used < 2
