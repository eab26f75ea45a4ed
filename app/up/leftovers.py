"""Pid files, and the end of processes that a killed `moggy up` left behind."""

import json
import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

POLL_SECONDS = 0.05


def write_pid_file(path: Path, pid: int) -> None:
    """Remember a process by its number and its birth, since numbers are used again."""
    path.write_text(json.dumps({"pid": pid, "birth": birth(pid)}))


def end_leftovers(folder: Path, seconds: float) -> list[str]:
    """End what the pid files in `folder` name and still runs; the names of those ended.

    Each led a process group. It gets SIGTERM, and SIGKILL after `seconds`.
    """
    alive = {path: pid for path in folder.glob("*.pid") if (pid := _living(path)) is not None}
    names = sorted(path.stem for path in alive)
    _signal(alive, signal.SIGTERM)
    if not _gone(alive, seconds):
        _signal(alive, signal.SIGKILL)
        _gone(alive, seconds)
    for path in folder.glob("*.pid"):
        path.unlink()
    return names


def birth(pid: int) -> str | None:
    """When a process began, in words that only it has; None when it does not run."""
    try:
        # The name, in brackets, may itself hold spaces and brackets.
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return None if Path("/proc/self").exists() else _birth_by_ps(pid)
    except ProcessLookupError:
        return None
    if state in "ZX":  # dead, and only not yet buried by its parent
        return None
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot} {fields[18]}"


def _birth_by_ps(pid: int) -> str | None:
    command = ["ps", "-o", "lstart=", "-p", str(pid)]
    answer = subprocess.run(command, capture_output=True, text=True, start_new_session=True)
    return answer.stdout.strip() or None


def _living(path: Path) -> int | None:
    with suppress(OSError, ValueError, KeyError, TypeError):  # a file cut short by a crash
        noted = json.loads(path.read_text())
        pid = int(noted["pid"])
        if noted["birth"] is not None and noted["birth"] == birth(pid):
            return pid
    return None


def _signal(processes: dict[Path, int], number: signal.Signals) -> None:
    for path, pid in processes.items():
        if _living(path) == pid:
            with suppress(ProcessLookupError):
                os.killpg(pid, number)


def _gone(processes: dict[Path, int], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while any(_living(path) is not None for path in processes):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True
