"""A whole service, started with `moggy up`."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx2
from servers import free_port

BIN = Path(sys.executable).parent
START_SECONDS = 60
LEAST_PRIORITY = 19  # the largest niceness


def wait_until(
    client: httpx2.Client,
    path: str,
    condition: Callable[[dict[str, Any]], bool],
    seconds: float = 120,
) -> dict[str, Any]:
    """Request `path` until the response is 200 and meets the condition; return its JSON."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            response = client.get(path)
            last_result = response.text
            if response.status_code == 200 and condition(response.json()):
                body: dict[str, Any] = response.json()
                return body
        except httpx2.TransportError as error:
            last_result = str(error)
        assert time.monotonic() < deadline, last_result
        time.sleep(0.1)


class Service:
    """`moggy up` on a home of its own. It is stopped with Ctrl-C if it still runs at the end."""

    def __init__(self, home: Path, program: Path = BIN / "moggy", /, **settings: object) -> None:
        self.home = home
        self._program = program
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._settings = {f"MOGGY_{name.upper()}": str(value) for name, value in settings.items()}
        self.process = self.start()

    def start(self) -> subprocess.Popen[str]:
        self.process = subprocess.Popen(
            [self._program, "up", "--home", str(self.home), "--port", str(self.port)],
            env=os.environ | self._settings,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        return self.process

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                if httpx2.get(f"{self.url}/readyz", timeout=5).status_code == 200:
                    return
            except httpx2.TransportError:
                pass
            assert self.process.poll() is None, self.process.communicate()[0]
            assert time.monotonic() < deadline, "not ready in time"
            time.sleep(0.2)

    def processes(self) -> list[int]:
        """The process ids of every process that works for this home, read from /proc."""
        variable = f"MOGGY_HOME={self.home}".encode()
        pids = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                command = (folder / "cmdline").read_bytes()
                has_variable = variable in (folder / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            if command and (has_variable or str(self.home).encode() in command):
                pids.append(int(folder.name))
        return pids

    def let_trainings_give_way(self) -> None:
        """From now on, the trainings that run get only what no other process needs."""
        for pid in self.processes():
            folder = Path(f"/proc/{pid}")
            with suppress(FileNotFoundError, ProcessLookupError):  # it has ended
                if b"models.train" in (folder / "cmdline").read_bytes():
                    for thread in (folder / "task").iterdir():
                        os.setpriority(os.PRIO_PROCESS, int(thread.name), LEAST_PRIORITY)

    def kill_everything(self) -> None:
        """Kill every process, as a power cut does."""
        deadline = time.monotonic() + START_SECONDS
        while pids := self.processes():
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            assert time.monotonic() < deadline, pids
            self.process.poll()
            time.sleep(0.05)  # the kernel removes them after a moment
        self.process.wait()
        self._close_output()

    def stop(self) -> str:
        """Stop it with Ctrl-C; return its output."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            output, _ = self.process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            self.kill_everything()
            raise
        return output

    def __enter__(self) -> "Service":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.returncode is None:
            self.stop()
        else:
            self._close_output()

    def _close_output(self) -> None:
        if self.process.stdout is not None:
            self.process.stdout.close()
