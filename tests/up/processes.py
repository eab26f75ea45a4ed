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
    """The command line of every process that works in `home` or was told of it by environment."""
    mark = f"MOGGY_HOME={home}".encode()
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                told = mark in (folder / "environ").read_bytes().split(b"\0")
                # Valkey writes its title over its environment.
                if told or (folder / "cwd").readlink().is_relative_to(home):
                    command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                    found[int(folder.name)] = command
            except (OSError, ProcessLookupError):
                continue  # it ended meanwhile
    return found
