"""The ingest process: `python -m worker.ingest RUN_DIR`.

Reads RUN_DIR/run.json, writes RUN_DIR/packed, and prints one JSON event per line. SIGTERM: stop.
A pipe on standard input is held by a supervisor: when it closes, the process ends at once.
"""

import dataclasses
import json
import os
import signal
import stat
import sys
import threading
import time
import traceback
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, TextIO

from worker.ingest.errors import IngestError, Stopped
from worker.ingest.ingest import Ingest
from worker.ingest.request import IngestRequest

ORPHANED = 3  # the exit status after standard input has closed
PROGRESS_SECONDS = 1.0


class IngestProcess:
    """One ingest with its events; a signal ends it at the next tick."""

    def __init__(self, run_dir: Path, events: TextIO) -> None:
        self._events = events
        self._stopping = False
        self._next_progress = time.monotonic() + PROGRESS_SECONDS
        request = IngestRequest.read(run_dir / "run.json")
        self._ingest = Ingest(request, run_dir / "packed", self._tick)

    def stop(self, _signal: int, _frame: FrameType | None) -> None:
        self._stopping = True

    def run(self) -> int:
        """The exit status; the last event tells how it ended."""
        try:
            packed = self._ingest.run()
        except Stopped:
            self._emit("stopped")
        except IngestError as error:
            self._emit("failed", error=str(error))
            return 1
        except Exception as error:  # noqa: BLE001  the supervisor is told whatever it was
            traceback.print_exc()
            self._emit("failed", error=f"the ingest failed: {error}")
            return 1
        else:
            self._emit_progress()
            report = self._ingest.progress.report.to_json()
            self._emit("finished", **dataclasses.asdict(packed), report=report)
        return 0

    def _tick(self) -> None:
        if self._stopping:
            raise Stopped
        if time.monotonic() >= self._next_progress:
            self._next_progress = time.monotonic() + PROGRESS_SECONDS
            self._emit_progress()

    def _emit_progress(self) -> None:
        progress = self._ingest.progress
        self._emit(
            "progress",
            files=progress.report.received,
            accepted=progress.report.accepted,
            duplicates=progress.report.duplicates,
            rejected=progress.report.rejected,
            bytes_read=progress.bytes_read,
            bytes_total=progress.bytes_total,
        )

    def _emit(self, event: str, **values: Any) -> None:
        self._events.write(json.dumps({"event": event, **values}) + "\n")
        self._events.flush()


def main() -> NoReturn:
    if len(sys.argv) != 2:
        sys.exit("usage: python -m worker.ingest RUN_DIR")
    _end_with_supervisor()
    process = IngestProcess(Path(sys.argv[1]), _take_stdout())
    signal.signal(signal.SIGTERM, process.stop)
    status = process.run()
    os._exit(status)  # not waiting for a picture that is still being decoded


def _take_stdout() -> TextIO:
    """The stream of events; whatever else writes to standard output ends on standard error."""
    stream = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return stream


def _end_with_supervisor() -> None:
    mode = os.fstat(sys.stdin.fileno()).st_mode
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
        return

    def wait() -> None:
        while os.read(sys.stdin.fileno(), 4096):
            pass
        os._exit(ORPHANED)

    threading.Thread(target=wait, name="supervisor", daemon=True).start()


if __name__ == "__main__":
    main()
