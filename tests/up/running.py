"""`moggy up` and other commands, run as child processes."""

import json
import os
import socket
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from .processes import processes_of

MOGGY = [sys.executable, "-c", "from app.cli.main import main; main()"]
STOP_SECONDS = 15


class Up:
    """A `moggy up`, and the lines that it prints."""

    def __init__(self, home: Path, *options: str, port: int = 0, group: bool = False) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = port or probe.getsockname()[1]
        self.home = home
        self._commands: list[subprocess.Popen[str]] = []
        self.process = subprocess.Popen(
            [*MOGGY, "up", "--home", str(home), "--port", str(self.port), *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | {"MOGGY_HOME": str(home)},
            start_new_session=group,
        )

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip("\n")

    def until_ready(self) -> None:
        assert self.line().startswith("Moggy 0.1.0 is starting")
        assert self.line() == f"Moggy is ready: {self.address}"

    def status(self, path: str = "/readyz") -> int | None:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except OSError:
            return None
        finally:
            connection.close()

    def pid_of(self, words: str) -> int:
        (pid,) = (pid for pid, line in processes_of(self.home).items() if words in line)
        return pid

    def clean_up(self) -> None:
        """End the processes that a failed test left running."""
        for command in self._commands:
            if command.returncode is None:
                command.kill()
                command.communicate()
        if self.process.poll() is None:
            self.process.terminate()
        self.process.communicate(timeout=STOP_SECONDS)

    def end(self) -> str:
        """Wait for its end, and return the lines not read yet."""
        return self.process.communicate(timeout=STOP_SECONDS)[0]

    def begin(self, *arguments: object) -> subprocess.Popen[str]:
        """Start a command against this service; it is killed at the end of the test."""
        command = subprocess.Popen(
            [*MOGGY, *(str(argument) for argument in arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"MOGGY_URL": self.address},
        )
        self._commands.append(command)
        return command

    def moggy(self, *arguments: object) -> tuple[str, str]:
        """Run a command, which must succeed, and return its stdout and stderr."""
        command = self.begin(*arguments)
        out, err = command.communicate()
        assert command.returncode == 0, err
        return out, err

    def job(self, job_id: str) -> dict[str, Any]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", f"/v1/jobs/{job_id}")
            job: dict[str, Any] = json.load(connection.getresponse())
            return job
        finally:
            connection.close()
