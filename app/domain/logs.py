"""Logs: one line of key=value pairs per event, on stderr."""

import logging
import sys
from contextlib import suppress
from typing import TextIO, cast

import structlog
from structlog.types import Processor

BEFORE: list[Processor] = [
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]
RENDER = structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"])


class LogStream:
    """Standard error. A line that cannot be written, on a full disk, is lost and fails nothing."""

    def write(self, text: str) -> None:
        with suppress(OSError):
            sys.stderr.write(text)

    def flush(self) -> None:
        with suppress(OSError):
            sys.stderr.flush()


def configure_logs() -> None:
    structlog.configure(
        processors=[*BEFORE, RENDER],
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", LogStream())),
    )


def format_library_logs() -> None:
    """Write the warnings and errors of libraries as such lines too."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=BEFORE,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, RENDER],
        )
    )
    logging.root.addHandler(handler)
