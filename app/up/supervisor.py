"""Keeps programs running, and stops them in the reverse order of their start."""

import queue
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

from app.domain.processes import StartError, describe_exit
from app.up.program import Program, RunningProgram

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
TICK_SECONDS = 0.1
QUICK_SECONDS = 5.0  # a program that ends sooner has failed to start
QUICK_FAILURES = 5
FIRST_PAUSE_SECONDS = 2.0  # before the second restart; it doubles with each failure to start
KILL_SECONDS = 2.0  # for the kernel to end killed processes
LINES_SHOWN = 10


class StopRequested(Exception):
    """Ctrl-C, SIGTERM or SIGHUP."""


@dataclass
class SupervisedProgram:
    """A program to keep running, and how often in succession it has failed to start."""

    running: RunningProgram
    quick_failures: int = 0
    restart_at: float = 0.0


class Supervisor:
    """A context manager: leaving it stops every program that was started in it.

    Programs are started from the main thread, since the kernel ends them with the thread that
    started them.
    """

    def __init__(self, home: Path, announce: Callable[[str], None]) -> None:
        self._logs = home / "logs"
        self._run = home / "run"
        self._announce = announce
        self._programs: list[SupervisedProgram] = []  # in the order of their start
        # A queue, since its `put` is safe in a signal handler, unlike an Event's `set`.
        self._signals: queue.SimpleQueue[int] = queue.SimpleQueue()
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

    def start(self, program: Program) -> None:
        """Start a program and keep it running.

        Programs stop in the reverse order of their start.
        """
        watched = SupervisedProgram(RunningProgram(program, self._logs, self._run))
        self._programs.append(watched)
        watched.running.start()

    def run_once(self, program: Program, meanwhile: Callable[[], object] = lambda: None) -> None:
        """Run a program to its end. `meanwhile` is called after its start.

        Raises StartError unless the program succeeds.
        """
        running = RunningProgram(program, self._logs, self._run)
        running.start()
        try:
            meanwhile()
            while (code := running.poll()) is None:
                self._tick()
        except BaseException:
            self._stop_program(running)
            raise
        if code != 0:
            if self._stop_signals(TICK_SECONDS):
                raise StopRequested  # Ctrl-C reached it before it had its own session
            self._show_log(running)
            raise StartError(f"{program.title} failed with {describe_exit(code)}.")

    def wait_until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Keep the programs running until `condition` holds; False after `seconds` without it."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                return False
            self._tick()
        return True

    def keep_running(self) -> None:
        """Loop until a signal raises StopRequested, or a program that keeps failing StartError."""
        while True:
            self._tick()

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self._signals.put(number)

    def _tick(self) -> None:
        """Wait for TICK_SECONDS or a signal; then restart the programs that have ended."""
        if self._stop_signals(TICK_SECONDS):
            raise StopRequested
        for watched in self._programs:
            code = watched.running.poll()
            if code is not None:
                self._handle_end(watched, code)
            elif not watched.running.running and time.monotonic() >= watched.restart_at:
                watched.running.start()

    def _stop_signals(self, seconds: float) -> bool:
        """Whether a stop signal arrives within `seconds`. A child that ends cuts the wait short."""
        try:
            received = [self._signals.get(timeout=seconds)]
        except queue.Empty:
            return False
        while not self._signals.empty():
            received.append(self._signals.get())
        return any(number != signal.SIGCHLD for number in received)

    def _handle_end(self, watched: SupervisedProgram, code: int) -> None:
        """Restart a program that ran, or failed to start once, at once; later after a pause."""
        running = watched.running
        title = running.program.title
        watched.quick_failures = watched.quick_failures + 1 if running.age < QUICK_SECONDS else 0
        if watched.quick_failures == QUICK_FAILURES:
            self._show_log(running)
            raise StartError(
                f"{title} ended {QUICK_FAILURES} times just after its start, last with "
                f"{describe_exit(code)}. Its log: {running.log}"
            )
        pauses = max(0, watched.quick_failures - 1)
        pause = FIRST_PAUSE_SECONDS * 2 ** (pauses - 1) if pauses else 0.0
        watched.restart_at = time.monotonic() + pause
        if not pause:
            running.start()
        when = f"in {pause:.0f} s" if pause else "at once"
        self._announce(
            f"{title} ended with {describe_exit(code)}; it restarts {when}. Its log: {running.log}"
        )

    def _show_log(self, running: RunningProgram) -> None:
        for line in running.last_lines(LINES_SHOWN):
            self._announce(f"  {line}")

    def _stop(self) -> None:
        while self._programs:
            self._stop_program(self._programs[-1].running)
            self._programs.pop()

    def _stop_program(self, running: RunningProgram) -> None:
        """Send SIGTERM, then SIGKILL at the program's deadline, or at once at a second Ctrl-C."""
        began = time.monotonic()
        running.signal(signal.SIGTERM)
        while running.poll() is None and running.running:
            if self._stop_signals(TICK_SECONDS):
                self._announce("Stopping at once.")
                running.signal(signal.SIGKILL)  # a run-once program is not in self._programs
                for watched in self._programs:
                    watched.running.signal(signal.SIGKILL)
            waited = time.monotonic() - began
            if waited > running.program.stop_seconds:
                running.signal(signal.SIGKILL)
            if waited > running.program.stop_seconds + KILL_SECONDS:
                return  # stuck in the kernel: nothing more can be done
