"""The ingest process: `python -m worker.ingest RUN_DIR`.

Reads RUN_DIR/run.json, writes RUN_DIR/packed, and prints one JSON event per line: at least one a
second while the work advances, none while it hangs. SIGTERM stops it. If standard input is a
pipe, a supervisor holds its other end, and the process ends at once when the pipe closes.
"""

import dataclasses
import os
import signal
import time
from pathlib import Path
from types import FrameType
from typing import NoReturn

from models.child_process import PROGRESS_SECONDS, EventStream, begin, report_full_disk
from worker.ingest.errors import IngestError, Stopped
from worker.ingest.ingest import Ingest
from worker.ingest.request import IngestRequest


class IngestProcess:
    """One ingest and its events; `stop`, a signal handler, ends it at the next tick."""

    def __init__(self, run_dir: Path, events: EventStream) -> None:
        self._events = events
        self._stopping = False
        self._next_progress = time.monotonic() + PROGRESS_SECONDS
        self._reported_work = -1
        request = IngestRequest.read(run_dir / "run.json")
        self._ingest = Ingest(request, run_dir / "packed", self._tick)

    def stop(self, _signal: int, _frame: FrameType | None) -> None:
        self._stopping = True

    def run(self) -> int:
        """Run to the end; return the exit status.

        An error that would occur again is an event `failed`; every other error is raised.
        """
        try:
            packed = self._ingest.run()
        except Stopped:
            self._events.emit("stopped")
        except IngestError as error:
            self._events.emit("failed", error=str(error), facts=error.facts)
            return 1
        else:
            self._emit_progress()
            report = self._ingest.progress.report.to_json()
            self._events.emit("finished", **dataclasses.asdict(packed), report=report)
        return 0

    def _tick(self) -> None:
        if self._stopping:
            raise Stopped
        work = self._ingest.work
        if time.monotonic() >= self._next_progress and work != self._reported_work:
            self._next_progress = time.monotonic() + PROGRESS_SECONDS
            self._reported_work = work
            self._emit_progress()

    def _emit_progress(self) -> None:
        progress = self._ingest.progress
        self._events.emit(
            "progress",
            phase=progress.phase,
            files=progress.report.received,
            accepted=progress.report.accepted,
            duplicates=progress.report.duplicates,
            rejected=progress.report.rejected,
            examined=progress.examined,
            bytes_read=progress.bytes_read,
            bytes_total=progress.bytes_total,
        )


def main() -> NoReturn:
    folder, events, _ = begin("worker.ingest")

    def run() -> int:
        process = IngestProcess(folder, events)
        signal.signal(signal.SIGTERM, process.stop)
        return process.run()

    status = report_full_disk(events, run)
    os._exit(status)  # without waiting for an image that a thread still decodes


if __name__ == "__main__":
    main()
