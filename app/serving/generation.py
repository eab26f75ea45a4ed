"""The generators of the API, in a process of their own: starting it, and what it is asked."""

import atexit
import functools
import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

import numpy as np
import structlog
from numpy.typing import NDArray

from app.domain.errors import Unavailable
from models.samples import Sample

log = structlog.get_logger()

PROGRAM = "app.serving.generation_process"
END_SECONDS = 5.0  # that it has to end in, once a connection to it is broken

Picture = NDArray[np.uint8]  # (H, W, C)
Encode = Callable[[Picture], bytes]  # has to be picklable: a function of a module, or a partial
Made = Picture | bytes | Exception


class Load(NamedTuple):
    """Answered by the bytes of its weights."""

    number: int
    path: Path


class Batch(NamedTuple):
    """Answered by a `Made` for each sample."""

    number: int
    path: Path
    samples: list[Sample]
    encoders: Sequence[Encode | None]


Message = Load | Batch | None  # None only lets go of what nobody uses any more


class Failure(NamedTuple):
    error: Exception


class Unreadable(Unavailable):
    """A checkpoint's file is not there, or is none."""


class _Ended(Exception):
    """The process ended before it had answered."""


@dataclass(frozen=True)
class _Child:
    process: "subprocess.Popen[bytes]"
    connections: "list[Connection[Any, Any]]"


class GenerationProcess:
    """Starts when it is first asked for something, and again if it was killed; ends with this one.

    It has a lane for each thread that generates, and one for what takes long; on each, one
    message at a time. Whoever was being answered when it ended is answered by the next.
    """

    def __init__(self, lanes: int) -> None:
        self._lanes = [threading.Lock() for _ in range(1 + lanes)]
        self._child: _Child | None = None
        self._starting = threading.Lock()
        self._again = threading.Lock()
        self._numbers = count()
        # Reentrant, for what is dropped wherever Python's collector happens to find it.
        self._unused: SimpleQueue[int] = SimpleQueue()

    def load(self, path: Path) -> "RemoteRenderer":
        """Blocks. Raises Unreadable, Unavailable."""
        number = next(self._numbers)
        return RemoteRenderer(self, number, path, self.ask(0, Load(number, path)))

    def release(self) -> None:
        """Free the memory of renderers that are gone. Blocks."""
        if self._child:
            self.ask(0, None)

    def close(self) -> None:
        """End it, whatever it does: it has nothing to keep. Who asks again starts another."""
        with self._starting:
            if self._child:
                self._child.process.kill()
                self._child.process.wait()
                self._child = None

    def ask(self, lane: int, message: Message) -> Any:
        """The answer to a message; blocks, also while others ask on the same lane.

        Raises what is raised there, and Unavailable where the process ends twice.
        """
        with self._lanes[lane]:
            try:
                answer = self._ask(lane, message)
            except _Ended:
                # One after the other: what kills the process is then alone with it.
                with self._again:
                    try:
                        answer = self._ask(lane, message)
                    except _Ended as exc:
                        raise Unavailable(f"the process that generates {exc}, twice") from exc
        if isinstance(answer, Failure):
            raise answer.error
        return answer

    def drop(self, number: int) -> None:
        """Nobody uses that renderer any more; told with the next message."""
        self._unused.put(number)

    def _ask(self, lane: int, message: Message) -> Any:
        child = self._running()
        try:
            child.connections[lane].send((self._dropped(), message))
            return child.connections[lane].recv()
        except (EOFError, OSError) as exc:
            raise _Ended(self._end(child)) from exc

    def _dropped(self) -> list[int]:
        numbers = []
        with suppress(Empty):
            while not self._unused.empty():
                numbers.append(self._unused.get_nowait())
        return numbers

    def _running(self) -> _Child:
        with self._starting:
            if self._child is None:
                self._child = self._start()
            return self._child

    def _start(self) -> _Child:
        pairs = [Pipe() for _ in self._lanes]
        theirs = [end.fileno() for _, end in pairs]
        try:
            process = subprocess.Popen(
                [sys.executable, "-m", PROGRAM, *map(str, theirs)],
                pass_fds=theirs,
                stdin=subprocess.DEVNULL,
                # Threads that spin while they wait take the core from whoever has work.
                env=os.environ | {"OMP_WAIT_POLICY": "PASSIVE"},
            )
        except OSError as exc:
            raise Unavailable(f"the process that generates cannot be started: {exc}") from exc
        finally:
            for _, end in pairs:
                end.close()
        log.info("generation_process_started", pid=process.pid)
        return _Child(process, [ours for ours, _ in pairs])

    def _end(self, child: _Child) -> str:
        """What became of it."""
        with self._starting:
            if self._child is child:
                self._child = None
                try:
                    child.process.wait(END_SECONDS)
                except subprocess.TimeoutExpired:
                    child.process.kill()
                log.error(
                    "generation_process_ended", pid=child.process.pid, status=child.process.wait()
                )
        status = child.process.wait()
        return f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"


class RemoteRenderer:
    """A generator there; its memory is freed when nobody has this any more. `bytes`: of weights."""

    def __init__(self, process: GenerationProcess, number: int, path: Path, weights: int) -> None:
        self._process, self._number, self._path = process, number, path
        self.bytes = weights
        weakref.finalize(self, process.drop, number)

    def render(
        self, samples: list[Sample], encoders: Sequence[Encode | None], lane: int
    ) -> list[Made]:
        """At most BATCH samples -> for each its pixels, or the file that its encoder makes of
        them. Blocks, `lane` counted from 0. Raises what `GenerationProcess.ask` raises."""
        message = Batch(self._number, self._path, samples, encoders)
        made: list[Made] = self._process.ask(1 + lane, message)
        return made


@functools.cache
def generation_process(lanes: int) -> GenerationProcess:
    """The one of this process: engines that follow each other need no new one."""
    process = GenerationProcess(lanes)
    atexit.register(process.close)
    return process
