"""Processes seen from outside, and the code of stand-ins for what `moggy up` runs."""

import os
import time
from collections.abc import Callable
from pathlib import Path

SLEEPER = "import time; time.sleep(600)"
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"


def wait_for(condition: Callable[[], object], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def processes_of(home: Path) -> dict[int, str]:
    """The command line of every process whose environment names `home`, read from the kernel."""
    mark = f"MOGGY_HOME={home}".encode()
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                if mark in (folder / "environ").read_bytes().split(b"\0"):
                    command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                    found[int(folder.name)] = command
            except (OSError, ProcessLookupError):
                continue  # it ended meanwhile
    return found
