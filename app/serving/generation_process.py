"""The generators of the API, in a process of their own: starting it, and asking it for batches."""

import atexit
import functools
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import structlog

from app.domain.errors import Unavailable
from app.domain.processes import describe_exit
from app.serving.generation_messages import (
    Answer,
    Asked,
    File,
    Made,
    Stored,
    Unreadable,
    receive_answer,
    send_asked,
)
from models.samples import Sample

log = structlog.get_logger()

PROGRAM = "app.serving.generation_child"
END_SECONDS = 5.0  # that it has to end in, once a connection to it is broken


class GenerationFailed(Exception):
    """What went wrong in the process that generates, and where."""

    def __init__(self, reason: str, trace: str) -> None:
        super().__init__(reason)
        self.add_note(trace)


@dataclass(frozen=True)
class _Ended:
    """It ended before it had answered."""

    how: str


@dataclass(frozen=True)
class _Child:
    process: "subprocess.Popen[bytes]"
    connections: "list[Connection[Any, Any]]"


class GenerationProcess:
    """Starts when it is first asked for something, and again if it has ended; ends with this one.

    It has a lane for each thread that generates, and one for what takes long; on each, one thing
    is asked at a time. Whoever was being answered when it ended is answered by the next.
    """

    def __init__(self, lanes: int) -> None:
        self._lanes = [threading.Lock() for _ in range(1 + lanes)]
        self._turns = _Turns()
        self._child: _Child | None = None
        self._starting = threading.Lock()
        self._numbers = count()
        # Reentrant, for what is dropped wherever Python's collector happens to find it.
        self._unused: SimpleQueue[int] = SimpleQueue()

    def load(self, path: Path, sha256: str) -> "RemoteRenderer":
        """Blocks. Raises what `ask` raises."""
        stored = Stored(next(self._numbers), str(path), sha256)
        return RemoteRenderer(self, stored, self.ask(0, stored).bytes)

    def release(self) -> None:
        """Free the memory of renderers that are gone. Blocks."""
        child = self._child
        with suppress(Unavailable):  # nothing is left of an ended one
            if child and child.process.poll() is None:
                self.ask(0)

    def close(self) -> None:
        """End it, whatever it does: it has nothing to keep. Who asks again starts another."""
        with self._starting:
            if self._child:
                self._child.process.kill()
                self._child.process.wait()
                self._child = None

    def ask(
        self,
        lane: int,
        stored: Stored | None = None,
        samples: Sequence[Sample] = (),
        files: Sequence[File | None] = (),
    ) -> Answer:
        """Blocks, also while others ask on the same lane.

        Raises Unreadable, GenerationFailed, and Unavailable where the process ends twice.
        """
        with self._lanes[lane]:
            with self._turns.beside_others():
                answer = self._ask(lane, stored, samples, files)
            if isinstance(answer, _Ended):
                # It may have ended for another's sake: alone, nobody else is harmed by this one.
                with self._turns.alone():
                    answer = self._ask(lane, stored, samples, files)
        if isinstance(answer, _Ended):
            raise Unavailable(f"the process that generates ended, twice: {answer.how}")
        if answer.unreadable:
            raise Unreadable(answer.reason)
        if answer.reason:
            raise GenerationFailed(answer.reason, answer.trace)
        return answer

    def drop(self, number: int) -> None:
        """Nobody uses that renderer any more; told when something is asked next."""
        self._unused.put(number)

    def _ask(
        self,
        lane: int,
        stored: Stored | None,
        samples: Sequence[Sample],
        files: Sequence[File | None],
    ) -> Answer | _Ended:
        child = self._running()
        connection = child.connections[lane]
        try:
            send_asked(connection, Asked(self._dropped(), stored, samples, files))
            return receive_answer(connection)
        except (EOFError, OSError):
            return _Ended(self._end(child))
        except BaseException:  # as where memory runs out: what is left of the answer is in the way
            child.process.kill()
            self._end(child)
            raise

    def _dropped(self) -> list[int]:
        numbers = []
        with suppress(Empty):
            while not self._unused.empty():
                numbers.append(self._unused.get_nowait())
        return numbers

    def _running(self) -> _Child:
        with self._starting:
            if self._child and self._child.process.poll() is not None:
                self._note_end(self._child)
            if self._child is None:
                self._child = self._start()
            return self._child

    def _start(self) -> _Child:
        try:
            pairs = [Pipe() for _ in self._lanes]
            theirs = [end.fileno() for _, end in pairs]
            process = subprocess.Popen(
                [sys.executable, "-m", PROGRAM, *map(str, theirs)],
                pass_fds=theirs,
                stdin=subprocess.DEVNULL,
                process_group=0,  # Ctrl-C is the API's to act on, also while this one starts
            )
        except OSError as exc:
            raise Unavailable(f"the process that generates cannot be started: {exc}") from exc
        for _, end in pairs:
            end.close()
        log.info("generation_process_started", pid=process.pid)
        return _Child(process, [ours for ours, _ in pairs])

    def _end(self, child: _Child) -> str:
        """How it ended."""
        with self._starting:
            try:
                child.process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                child.process.kill()
            child.process.wait()
            if self._child is child:
                self._note_end(child)
        return _describe(child)

    def _note_end(self, child: _Child) -> None:
        self._child = None
        log.error("generation_process_ended", pid=child.process.pid, how=_describe(child))


def _describe(ended: _Child) -> str:
    code = ended.process.returncode
    likely = ", probably out of memory" if code == -signal.SIGKILL else ""
    return f"{describe_exit(code)}{likely}"


class _Turns:
    """Many at a time, or one alone."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._running = 0
        self._is_alone = False

    @contextmanager
    def beside_others(self) -> Iterator[None]:
        with self._changed:
            while self._is_alone:
                self._changed.wait()
            self._running += 1
        try:
            yield
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        with self._changed:
            while self._is_alone:
                self._changed.wait()
            self._is_alone = True
            while self._running:
                self._changed.wait()
        try:
            yield
        finally:
            with self._changed:
                self._is_alone = False
                self._changed.notify_all()


class RemoteRenderer:
    """A generator there; its memory is freed when nobody has this any more. `bytes`: of weights."""

    def __init__(self, process: GenerationProcess, stored: Stored, weights: int) -> None:
        self._process, self._stored = process, stored
        self.bytes = weights
        weakref.finalize(self, process.drop, stored.number)

    def render(
        self, samples: Sequence[Sample], files: Sequence[File | None], lane: int
    ) -> Sequence[Made]:
        """At most BATCH samples -> for each its pixels, or the file asked for. Blocks; `lane` is
        counted from 0. Raises what `GenerationProcess.ask` raises."""
        return self._process.ask(1 + lane, self._stored, samples, files).made


@functools.cache
def generation_process(lanes: int) -> GenerationProcess:
    """The one of this process: engines that follow each other need no new one."""
    process = GenerationProcess(lanes)
    atexit.register(process.close)
    return process
