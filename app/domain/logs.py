"""Logs: one line of key=value pairs per event, on stderr."""

import logging
import sys

import structlog
from structlog.types import Processor

BEFORE: list[Processor] = [
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]
RENDER = structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"])


def configure_logs() -> None:
    structlog.configure(
        processors=[*BEFORE, RENDER],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
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
