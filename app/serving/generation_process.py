"""The API's side of the generation process: starts the process and sends it batches."""

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
    CheckpointFile,
    Command,
    FileEncoding,
    RenderResult,
    Unreadable,
    receive_answer,
    send_command,
)
from models.samples import Sample

log = structlog.get_logger()

CHILD_MODULE = "app.serving.generation_child"
END_SECONDS = 5.0  # from a broken connection until the process is killed


class GenerationFailed(Exception):
    """An error in the generation process; its traceback there is added as a note."""

    def __init__(self, reason: str, trace: str) -> None:
        super().__init__(reason)
        self.add_note(trace)


@dataclass(frozen=True)
class _Ended:
    """The process ended before it answered."""

    reason: str


@dataclass(frozen=True)
class _Child:
    process: "subprocess.Popen[bytes]"
    connections: "list[Connection[Any, Any]]"


class GenerationProcess:
    """A child process that starts on first use, restarts if it ended, and ends with this process.

    A lane is a connection to a thread of the child, which runs one command at a time. Lane 0 is for
    slow commands; each generating thread of the engine has one of the others. Commands that are
    running when the process ends are repeated in the next one.
    """

    def __init__(self, lanes: int) -> None:
        self._lanes = [threading.Lock() for _ in range(1 + lanes)]
        self._child_use = _SharedLock()
        self._child: _Child | None = None
        self._starting = threading.Lock()
        self._numbers = count()
        # A SimpleQueue is reentrant: the garbage collector may call `drop` at any point.
        self._dropped: SimpleQueue[int] = SimpleQueue()

    def load(self, path: Path, sha256: str) -> "RemoteRenderer":
        """Load the generator in a checkpoint's file. Blocks. Raises what `ask` raises."""
        checkpoint_file = CheckpointFile(next(self._numbers), str(path), sha256)
        return RemoteRenderer(self, checkpoint_file, self.ask(0, checkpoint_file).bytes)

    def release(self) -> None:
        """Free the memory of dropped renderers. Blocks."""
        child = self._child
        with suppress(Unavailable):  # the memory of an ended process is free already
            if child and child.process.poll() is None:
                self.ask(0)

    def close(self) -> None:
        """Kill the process, which has nothing to save. The next command would start another."""
        with self._starting:
            if self._child:
                self._child.process.kill()
                self._child.process.wait()
                self._child = None

    def ask(
        self,
        lane: int,
        checkpoint_file: CheckpointFile | None = None,
        samples: Sequence[Sample] = (),
        files: Sequence[FileEncoding | None] = (),
    ) -> Answer:
        """Send a command and wait for its answer. Blocks, also while the lane is in use.

        Raises Unreadable, GenerationFailed, and Unavailable if the process ends twice.
        """
        with self._lanes[lane]:
            with self._child_use.shared():
                answer = self._ask(lane, checkpoint_file, samples, files)
            if isinstance(answer, _Ended):
                # Another lane's command may have ended it. Repeated alone, this command can end the
                # process without harm to others.
                with self._child_use.exclusive():
                    answer = self._ask(lane, checkpoint_file, samples, files)
        if isinstance(answer, _Ended):
            raise Unavailable(f"the generation process ended twice: {answer.reason}")
        if answer.unreadable:
            raise Unreadable(answer.reason)
        if answer.reason:
            raise GenerationFailed(answer.reason, answer.trace)
        return answer

    def drop(self, number: int) -> None:
        """Record that a renderer is no longer used; the next command frees it in the process."""
        self._dropped.put(number)

    def _ask(
        self,
        lane: int,
        checkpoint_file: CheckpointFile | None,
        samples: Sequence[Sample],
        files: Sequence[FileEncoding | None],
    ) -> Answer | _Ended:
        child = self._running_child()
        connection = child.connections[lane]
        try:
            send_command(connection, Command(self._take_dropped(), checkpoint_file, samples, files))
            return receive_answer(connection)
        except (EOFError, OSError):
            return _Ended(self._end(child))
        except BaseException:  # such as a MemoryError: the rest of the answer is still in the pipe
            child.process.kill()
            self._end(child)
            raise

    def _take_dropped(self) -> list[int]:
        numbers = []
        with suppress(Empty):
            while not self._dropped.empty():
                numbers.append(self._dropped.get_nowait())
        return numbers

    def _running_child(self) -> _Child:
        with self._starting:
            if self._child and self._child.process.poll() is not None:
                self._clear_child(self._child)
            if self._child is None:
                self._child = self._start()
            return self._child

    def _start(self) -> _Child:
        try:
            pairs = [Pipe() for _ in self._lanes]
            child_ends = [end.fileno() for _, end in pairs]
            process = subprocess.Popen(
                [sys.executable, "-m", CHILD_MODULE, *map(str, child_ends)],
                pass_fds=child_ends,
                stdin=subprocess.DEVNULL,
                process_group=0,  # Ctrl-C must reach only the API, also while the child starts
            )
        except OSError as exc:
            raise Unavailable(f"the generation process cannot be started: {exc}") from exc
        for _, end in pairs:
            end.close()
        log.info("generation_process_started", pid=process.pid)
        return _Child(process, [end for end, _ in pairs])

    def _end(self, child: _Child) -> str:
        """Wait for the process to end, and describe how it ended."""
        with self._starting:
            try:
                child.process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                child.process.kill()
            child.process.wait()
            if self._child is child:
                self._clear_child(child)
        return _describe(child)

    def _clear_child(self, child: _Child) -> None:
        self._child = None
        log.error("generation_process_ended", pid=child.process.pid, reason=_describe(child))


def _describe(ended: _Child) -> str:
    code = ended.process.returncode
    likely = ", probably out of memory" if code == -signal.SIGKILL else ""
    return f"{describe_exit(code)}{likely}"


class _SharedLock:
    """A lock that many threads hold at a time, or one thread exclusively."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._holders = 0
        self._is_exclusive = False

    @contextmanager
    def shared(self) -> Iterator[None]:
        with self._changed:
            while self._is_exclusive:
                self._changed.wait()
            self._holders += 1
        try:
            yield
        finally:
            with self._changed:
                self._holders -= 1
                self._changed.notify_all()

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        with self._changed:
            while self._is_exclusive:
                self._changed.wait()
            self._is_exclusive = True
            while self._holders:
                self._changed.wait()
        try:
            yield
        finally:
            with self._changed:
                self._is_exclusive = False
                self._changed.notify_all()


class RemoteRenderer:
    """A generator in the generation process, which frees it when this object is garbage.

    `bytes` is the size of its weights.
    """

    def __init__(
        self, process: GenerationProcess, checkpoint_file: CheckpointFile, weights: int
    ) -> None:
        self._process, self._checkpoint_file = process, checkpoint_file
        self.bytes = weights
        weakref.finalize(self, process.drop, checkpoint_file.number)

    def render(
        self, samples: Sequence[Sample], files: Sequence[FileEncoding | None], lane: int
    ) -> Sequence[RenderResult]:
        """At most RENDER_BATCH samples -> the pixels, or the requested file, of each. Blocks.

        `lane` counts the generating threads from 0. Raises what `GenerationProcess.ask` raises.
        """
        return self._process.ask(1 + lane, self._checkpoint_file, samples, files).results


@functools.cache
def generation_process(lanes: int) -> GenerationProcess:
    """The generation process of this API process, shared by successive engines."""
    process = GenerationProcess(lanes)
    atexit.register(process.close)
    return process
