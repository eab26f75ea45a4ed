"""The child side of a supervised process: its events, its progress, and how it ends.

Does not import torch: what is set up here has to be in place before torch is loaded.
"""

import gc
import json
import os
import signal
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, Protocol, Self, TextIO, TypeVar

from models.durable_files import DISK_FULL_EXIT_STATUS, is_disk_full, needed_bytes
from models.resources import limit_threads

ORPHANED = 3  # the exit status after standard input has closed
PROGRESS_SECONDS = 1.0

# GOMP_SPINCOUNT: how long a thread spins before it sleeps. Measured on two cores: sleeping at once
# (OMP_WAIT_POLICY=PASSIVE) costs a fifth of the speed even beside other work. This value costs
# nothing when the process is alone and, unlike libgomp's default, soon frees a core for others.
SPIN_COUNT = "30000"

T = TypeVar("T")


class RunFileError(ValueError):
    """RUN_DIR/run.json is missing or cannot be used."""


def read_run_file(path: Path, description: str, parse: Callable[[Any], T]) -> T:
    """The run description at `path`, parsed by `parse` from its JSON.

    `description` names it in the error. Raises RunFileError if the file is missing or invalid.
    """
    try:
        return parse(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, AttributeError, KeyError, TypeError, ValueError) as error:
        problem = f"{path} is not a valid description of {description}: {error!r}"
        raise RunFileError(problem) from error


def describe_failure(error: Exception) -> dict[str, Any]:
    """The fields of an event `failed`: the error's sentence, and its kind if its class has one."""
    kind = getattr(error, "failure", None)
    return {"error": str(error), "facts": None if kind is None else {"kind": kind}}


class Events(Protocol):
    """The destination of a process's events."""

    def emit(self, event: str, **values: object) -> None: ...


class EventStream:
    """Events as JSON objects, one per line, on the original standard output."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    @classmethod
    def take_stdout(cls) -> Self:
        """Keep standard output for events: everything else written to it goes to standard error."""
        stream = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        return cls(stream)

    def emit(self, event: str, **values: Any) -> None:
        self.stream.write(json.dumps({"event": event, **values}, allow_nan=False) + "\n")
        self.stream.flush()

    def stop(self, _signal: int, _frame: FrameType | None) -> NoReturn:
        """Signal handler: emit `stopped` and exit at once, without keeping any work.

        It raises no exception, because a library that the signal interrupts could swallow or
        replace one. It writes to the descriptor, because the signal may have interrupted `stream`;
        a write shorter than PIPE_BUF is atomic.
        """
        os.write(self.stream.fileno(), b'{"event": "stopped"}\n')
        os._exit(0)


class ProgressReporter:
    """Emits `progress` events while images are made: at the start, every second, and at the end.

    `made_before` counts the images made by earlier processes; the rate leaves them out. `phase` is
    the step of a job that has several, each with a reporter of its own.
    """

    def __init__(
        self, events: Events, total: int, made_before: int = 0, phase: str | None = None
    ) -> None:
        self._phase = {} if phase is None else {"phase": phase}
        self._events = events
        self._total = total
        self._made_before = made_before
        self._began = self._emitted_at = float("-inf")

    def progress(self, made: int) -> None:
        now = time.monotonic()
        if made == self._made_before:
            self._began = now
        if now - self._emitted_at < PROGRESS_SECONDS and made < self._total:
            return
        self._emitted_at = now
        new_images = made - self._made_before
        rate = new_images / (now - self._began) if new_images > 0 else None
        self._events.emit(
            "progress",
            images_seen=made,
            images_total=self._total,
            images_per_second=rate,
            eta_seconds=(self._total - made) / rate if rate else None,
            **self._phase,
        )


def run_child(program: str, work: Callable[[Path, Events], int]) -> NoReturn:
    """Run `work` on the run folder that the command line names; exit with the status it returns.

    For a process that keeps nothing when it is stopped: SIGTERM ends it at once. Only `work` may
    import torch, for the reasons that `begin` gives.
    """
    folder, events, supervised = begin(program)
    end_on_signals(events, supervised)
    sys.exit(report_full_disk(events, lambda: work(folder, events)))


def begin(program: str) -> tuple[Path, EventStream, bool]:
    """Set this process up as a child; return its run folder, its events, and if it is supervised.

    Call it before torch is imported: libgomp reads its environment during the import, which takes
    a second in which signals must be handled already.
    """
    if len(sys.argv) != 2:
        sys.exit(f"usage: python -m {program} RUN_DIR")
    os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)
    limit_threads()
    return Path(sys.argv[1]), EventStream.take_stdout(), end_with_supervisor()


@contextmanager
def fast_imports() -> Iterator[None]:
    """Import torch without garbage collections, which take a fifth of the time and find nothing.

    Later collections pass over what has been imported.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def end_with_supervisor() -> bool:
    """Arrange an exit when standard input closes, if it is a pipe; return whether it is one.

    The supervisor holds the other end of the pipe, which closes when the supervisor ends.
    """
    if sys.stdin is None:
        return False
    descriptor = sys.stdin.fileno()
    mode = os.fstat(descriptor).st_mode
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
        return False

    def wait() -> None:
        while os.read(descriptor, 4096):
            pass
        os._exit(ORPHANED)

    threading.Thread(target=wait, name="supervisor", daemon=True).start()
    return True


def end_on_signals(events: EventStream, supervised: bool) -> None:
    """Exit at once on SIGTERM, without keeping any work."""
    if supervised:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # on Ctrl-C the supervisor decides
    signal.signal(signal.SIGTERM, events.stop)


def report_full_disk(events: EventStream, work: Callable[[], int]) -> int:
    """Return the exit status of `work`; on a full disk, emit `no_room` and return status 4.

    The supervisor then holds the job until there is room, and starts it again.
    """
    try:
        return work()
    except Exception as error:
        if not is_disk_full(error):
            raise
        events.emit("no_room", error=str(error), needed_bytes=needed_bytes(error))
        return DISK_FULL_EXIT_STATUS
