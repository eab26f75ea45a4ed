"""Lists the processes of a home, and the code of stand-ins for the programs of `moggy up`."""

import os
import time
from collections.abc import Callable
from pathlib import Path

SLEEPER = "import time; time.sleep(600)"
IGNORES_SIGTERM = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    "print('ready', flush=True); time.sleep(600)"
)


def wait_for(condition: Callable[[], object], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not become true in time"
        time.sleep(0.05)


def processes_of(home: Path) -> dict[int, str]:
    """The command line of every process that runs in `home` or has it in MOGGY_HOME, by pid."""
    variable = f"MOGGY_HOME={home}".encode()
    commands = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                in_environment = variable in (folder / "environ").read_bytes().split(b"\0")
                # Valkey overwrites its environment with its title: it is found by its folder.
                if in_environment or (folder / "cwd").readlink().is_relative_to(home):
                    command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                    commands[int(folder.name)] = command
            except (OSError, ProcessLookupError):
                continue  # it has ended meanwhile
    return commands
