"""What a process that works for a supervisor does alike: its events, and its end with it."""

import json
import os
import signal
import stat
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, Self, TextIO

from models.cores import limit_threads
from models.disk import NO_ROOM, is_disk_full, needed_bytes

ORPHANED = 3  # the exit status after standard input has closed

# GOMP_SPINCOUNT: how long a thread spins before it sleeps. Measured on two cores: sleeping at once
# (OMP_WAIT_POLICY=PASSIVE) costs a fifth of the speed even beside other work, this costs nothing
# alone, and unlike libgomp's default it soon leaves a core that others want.
SPIN_COUNT = "30000"


class EventStream:
    """Events, one JSON object per line, on what was standard output."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    @classmethod
    def take_stdout(cls) -> Self:
        """From here on, whatever else writes to standard output ends on standard error."""
        stream = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        return cls(stream)

    def emit(self, event: str, **values: Any) -> None:
        self.stream.write(json.dumps({"event": event, **values}, allow_nan=False) + "\n")
        self.stream.flush()

    def stop(self, _signal: int, _frame: FrameType | None) -> NoReturn:
        """A signal handler for work that keeps nothing: say `stopped` and end, at once.

        Nothing is raised: in whatever library the signal falls, the exception could be lost there
        or turned into another. The line goes out whole, as writes of less than PIPE_BUF do, and not
        through `stream`, which the signal may have interrupted.
        """
        os.write(self.stream.fileno(), b'{"event": "stopped"}\n')
        os._exit(0)


def end_with_supervisor() -> bool:
    """End when standard input closes, if it is a pipe that a supervisor holds; else False."""
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


def begin(program: str) -> tuple[Path, EventStream, bool]:
    """The folder named on the command line, where events go, and whether a supervisor watches.

    To be called before torch is imported: importing it takes a second in which signals count
    already, and libgomp reads its environment then.
    """
    if len(sys.argv) != 2:
        sys.exit(f"usage: python -m {program} RUN_DIR")
    os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)
    limit_threads()
    return Path(sys.argv[1]), EventStream.take_stdout(), end_with_supervisor()


def report_full_disk(events: EventStream, work: Callable[[], int]) -> int:
    """The exit status of `work`; NO_ROOM after an event `no_room` where the disk is full.

    The supervisor then parks the job, and starts it again when there is room.
    """
    try:
        return work()
    except Exception as error:
        if not is_disk_full(error):
            raise
        events.emit("no_room", error=str(error), needed_bytes=needed_bytes(error))
        return NO_ROOM


def end_on_signals(events: EventStream, supervised: bool) -> None:
    """SIGTERM ends the work at once, and keeps nothing of it."""
    if supervised:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the supervisor's to act on
    signal.signal(signal.SIGTERM, events.stop)
