"""A server that a benchmark starts on loopback, and ends with every process that it started."""

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
LOG_CHARACTERS = 2000  # the end of it, where a server does not start


class NotStarted(Exception):
    """The server ended or never answered; the end of its log."""


@dataclass(frozen=True)
class Server:
    pid: int
    port: int
    seconds: float  # from its start until it answered


@contextmanager
def serving(
    command: Sequence[str],
    *,
    port: int,
    ready: str,
    log: Path,
    environment: Mapping[str, str],
) -> Iterator[Server]:
    """Run it until the end of the block, once `ready`, a path, is answered. Raises NotStarted."""
    started = time.perf_counter()
    with log.open("wb") as file:
        process = subprocess.Popen(
            command,
            env=os.environ | {"PYTHONPATH": str(ROOT)} | dict(environment),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    try:
        while not _answers(port, ready):
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


def end_when_told() -> None:
    """Let a SIGTERM end this process as Ctrl-C does, its servers included."""
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))


def _answers(port: int, path: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5):
            return True
    except OSError:
        return False


def _end(process: subprocess.Popen[bytes]) -> None:
    """Told kindly first. Some servers leave their children behind, which may spin for ever."""
    family = descendants(process.pid)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    for pid in [process.pid, *family]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()


def descendants(pid: int) -> list[int]:
    """The processes that it started, and they, and so on; none but on Linux."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
            children.setdefault(int(parent), []).append(int(folder.name))
    found, unseen = [], [pid]
    while unseen:
        unseen += (mine := children.get(unseen.pop(), []))
        found += mine
    return found


def cpu_seconds(pid: int) -> float:
    """What it and its descendants have computed so far; other load on the machine is not in it."""
    ticks = 0
    for one in [pid, *descendants(pid)]:
        with suppress(OSError):
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> dict[str, int]:
    """Bytes that it and its descendants have in memory: Rss all, what they share in each of them;
    Pss with what is shared divided among who shares it; Anonymous their own."""
    sums: Counter[str] = Counter()
    for text in _read_of_each(pid, "smaps_rollup"):
        for line in text.splitlines()[1:]:
            name, kib, _ = line.split()
            sums[name.rstrip(":")] += 1024 * int(kib)
    return dict(sums)


def resident(pid: int) -> int:
    """Rss alone; quickly, to be asked often."""
    pages = sum(int(text.split()[1]) for text in _read_of_each(pid, "statm"))
    return pages * os.sysconf("SC_PAGE_SIZE")


def _read_of_each(pid: int, file: str) -> Iterator[str]:
    """A file of /proc of it, then of each of its descendants that has not ended meanwhile."""
    yield Path(f"/proc/{pid}/{file}").read_text()
    for one in descendants(pid):
        with suppress(OSError):
            yield Path(f"/proc/{one}/{file}").read_text()
