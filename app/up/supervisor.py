"""Keeps programs running, and stops them in the reverse order of their start."""

import queue
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

from app.domain.exits import describe_exit
from app.domain.startup import StartError
from app.up.program import Program, RunningProgram

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
POLL_SECONDS = 0.1
QUICK_SECONDS = 5.0  # who ends sooner than this after a start has failed to start
QUICK_FAILURES = 5
STEADY_SECONDS = 60.0  # who ran for so long starts with the shortest pause again
LONGEST_PAUSE_SECONDS = 30.0
KILL_SECONDS = 2.0  # for the kernel to bury what was killed
LINES_SHOWN = 10


class StopRequested(Exception):
    """Ctrl-C, SIGTERM or SIGHUP."""


@dataclass
class Watched:
    """A program that is to run until the end, and how often it failed to."""

    running: RunningProgram
    failures: int = 0
    quick_failures: int = 0
    start_at: float = 0.0  # when to start it again


class Supervisor:
    """Used as a context: leaving it stops everything that was started in it.

    Everything is started from the main thread, with whose end the kernel ends the programs.
    """

    def __init__(self, home: Path, announce: Callable[[str], None]) -> None:
        self._logs = home / "logs"
        self._run = home / "run"
        self._announce = announce
        self._stages: list[list[Watched]] = []
        # A queue, as its `put` is safe in a signal handler; an Event's `set` is not.
        self._news: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._handlers: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        self._logs.mkdir(parents=True, exist_ok=True)
        self._run.mkdir(mode=0o700, parents=True, exist_ok=True)
        for number in (*STOP_SIGNALS, signal.SIGCHLD):
            self._handlers[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._stop()
        finally:
            for number, handler in self._handlers.items():
                signal.signal(number, handler)

    def start(self, *programs: Program) -> None:
        """Start programs that are stopped together, before those that were started earlier."""
        stage: list[Watched] = []
        self._stages.append(stage)
        for program in programs:
            watched = Watched(RunningProgram(program, self._logs, self._run))
            stage.append(watched)
            watched.running.start()

    def run_once(self, program: Program) -> None:
        """Run a program to its end, which must be a good one."""
        self.start(program)
        stage = self._stages.pop()
        once = stage[0].running
        try:
            while (code := once.poll()) is None:
                self._tick()
        except BaseException:
            self._stop_stage(stage)
            raise
        if code != 0:
            if self._stop_signals(POLL_SECONDS):
                raise StopRequested  # Ctrl-C caught it before it had a session of its own
            self._show_log(once)
            raise StartError(f"{program.title} failed with {describe_exit(code)}.")

    def wait_until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Keep everything running until `condition` holds; False when it does not in time."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                return False
            self._tick()
        return True

    def keep_running(self) -> None:
        """Until StopRequested is raised by a signal, or StartError by a hopeless program."""
        while True:
            self._tick()

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self._news.put(number)

    def _tick(self) -> None:
        """Wait a moment, or until something happens; start again what ended."""
        if self._stop_signals(POLL_SECONDS):
            raise StopRequested
        for stage in self._stages:
            for watched in stage:
                code = watched.running.poll()
                if code is not None:
                    self._note_end(watched, code)
                elif not watched.running.running and time.monotonic() >= watched.start_at:
                    watched.running.start()

    def _stop_signals(self, seconds: float) -> bool:
        """Whether a stop was asked for within `seconds`; the end of a child cuts the wait short."""
        try:
            news = [self._news.get(timeout=seconds)]
        except queue.Empty:
            return False
        while not self._news.empty():
            news.append(self._news.get())
        return any(number != signal.SIGCHLD for number in news)

    def _note_end(self, watched: Watched, code: int) -> None:
        running = watched.running
        title = running.program.title
        watched.failures = 1 if running.age >= STEADY_SECONDS else watched.failures + 1
        watched.quick_failures = watched.quick_failures + 1 if running.age < QUICK_SECONDS else 0
        if watched.quick_failures == QUICK_FAILURES:
            self._show_log(running)
            raise StartError(
                f"{title} ended {QUICK_FAILURES} times just after its start, at last with "
                f"{describe_exit(code)}. Its log: {running.log}"
            )
        pause = min(2.0 ** (watched.failures - 1), LONGEST_PAUSE_SECONDS)
        watched.start_at = time.monotonic() + pause
        self._announce(
            f"{title} ended with {describe_exit(code)}; it starts again in {pause:.0f} s. "
            f"Its log: {running.log}"
        )

    def _show_log(self, running: RunningProgram) -> None:
        for line in running.last_lines(LINES_SHOWN):
            self._announce(f"  {line}")

    def _stop(self) -> None:
        while self._stages:
            self._stop_stage(self._stages[-1])
            self._stages.pop()

    def _stop_stage(self, stage: list[Watched]) -> None:
        """SIGTERM, then SIGKILL at each one's deadline, or at once when asked to stop again."""
        began = time.monotonic()
        alive = [watched.running for watched in stage]
        for running in alive:
            running.signal(signal.SIGTERM)
        while alive := [one for one in alive if one.poll() is None and one.running]:
            if self._stop_signals(POLL_SECONDS):
                self._announce("Stopping at once.")
                self._kill_everything()
            waited = time.monotonic() - began
            for running in alive:
                if waited > running.program.stop_seconds:
                    running.signal(signal.SIGKILL)
            if all(waited > one.program.stop_seconds + KILL_SECONDS for one in alive):
                return  # stuck in the kernel: nothing more can be done for it

    def _kill_everything(self) -> None:
        for stage in self._stages:
            for watched in stage:
                watched.running.signal(signal.SIGKILL)
