"""A server that a benchmark starts on loopback and stops with all its descendants."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness.machine import ROOT

START_SECONDS = 60
STOP_SECONDS = 10
LOG_CHARACTERS = 2000  # of the end of the log of a server that does not start


class NotStarted(Exception):
    """The server exited or did not answer in time; the message is the end of its log."""


@dataclass(frozen=True)
class Server:
    pid: int
    port: int
    seconds: float  # from its start until it answered


@contextmanager
def running_server(
    command: Sequence[str],
    *,
    port: int,
    log: Path,
    environment: Mapping[str, str],
    ready: str = "",
    ready_line: str = "",
    root: Path = ROOT,
) -> Iterator[Server]:
    """Run a server in the block, once it answers at the path `ready` or its log has `ready_line`.

    `root` is the folder of its code. Raises NotStarted.
    """
    started = time.perf_counter()
    with log.open("wb") as file:
        process = subprocess.Popen(
            command,
            env=os.environ | {"PYTHONPATH": str(root)} | dict(environment),
            cwd=root,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    try:
        while not (ready_line in log.read_text() if ready_line else _answers(port, ready)):
            if process.poll() is not None or time.perf_counter() - started > START_SECONDS:
                raise NotStarted(log.read_text(errors="replace")[-LOG_CHARACTERS:])
            time.sleep(0.02)
        yield Server(process.pid, port, time.perf_counter() - started)
    finally:
        _end(process)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def exit_on_sigterm() -> None:
    """Let SIGTERM exit this process as Ctrl-C does, so that its servers are stopped too."""
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))


def _answers(port: int, path: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5):
            return True
    except OSError:
        return False


def _end(process: subprocess.Popen[bytes]) -> None:
    """Send SIGTERM, then kill what is left: some servers leave running children behind."""
    children = descendants(process.pid)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    for pid in [process.pid, *children]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()


def descendants(pid: int) -> list[int]:
    """The pids of its children, their children and so on; empty except on Linux."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
            children.setdefault(int(parent), []).append(int(folder.name))
    pids, unvisited = [], [pid]
    while unvisited:
        unvisited += (started := children.get(unvisited.pop(), []))
        pids += started
    return pids


def cpu_seconds(pid: int) -> float:
    """Processor time that a process and its descendants have used so far."""
    ticks = 0
    for member in [pid, *descendants(pid)]:
        with suppress(OSError):
            fields = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def memory_bytes(pid: int) -> dict[str, int]:
    """Memory of a process and its descendants by the kernel's names, in bytes.

    Rss counts shared pages in each process, Pss divides them among the processes that share them,
    Anonymous counts private memory.
    """
    sums: Counter[str] = Counter()
    for text in _read_proc_files(pid, "smaps_rollup"):
        for line in text.splitlines()[1:]:
            name, kib, _ = line.split()
            sums[name.rstrip(":")] += 1024 * int(kib)
    return dict(sums)


def resident_bytes(pid: int) -> int:
    """The Rss of a process and its descendants; cheap enough to be sampled often."""
    pages = sum(int(text.split()[1]) for text in _read_proc_files(pid, "statm"))
    return pages * os.sysconf("SC_PAGE_SIZE")


def _read_proc_files(pid: int, file: str) -> Iterator[str]:
    """The /proc file of a process, then those of its descendants that are still running."""
    yield Path(f"/proc/{pid}/{file}").read_text()
    for child in descendants(pid):
        with suppress(OSError):
            yield Path(f"/proc/{child}/{file}").read_text()
