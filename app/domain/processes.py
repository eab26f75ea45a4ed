"""The processes of the service: checks at the start, the log format, and exit codes in words."""

import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO, TypeVar, cast

import structlog
from pydantic import ValidationError
from pydantic_settings import BaseSettings
from structlog.types import Processor

from app.domain.settings import DatabaseSettings
from app.domain.validation import explain_setting_error

PREPARATION = "prepare"  # the program of `moggy up` that prepares the database
PREPARATION_SECONDS = 60.0  # a longer one is found by the check of the schema
PREPARATION_POLL_SECONDS = 0.02
HOME_FOLDERS = ("", "objects", "incoming", "runs", "cache")  # "" is the home itself

S = TypeVar("S", bound=BaseSettings)
T = TypeVar("T", bound=DatabaseSettings)


class StartError(Exception):
    """A sentence that says why a program could not start, or could not continue."""


def load_settings(kind: type[S], overrides: dict[str, Any]) -> S:
    """Read the settings from the environment; `overrides`, from the command line, takes precedence.

    Raises StartError with a sentence for each invalid setting.
    """
    try:
        return kind(**overrides)
    except ValidationError as exc:
        prefix = str(kind.model_config["env_prefix"])
        sentences = [explain_setting_error(error, kind, prefix) for error in exc.errors()]
        raise StartError("; ".join(sentences)) from exc


def settings_or_exit(kind: type[T], check_schema: Callable[[str], None]) -> T:
    """Read the settings, and check that the home is writable and the database's schema current.

    On failure the process exits with one line on stderr instead of a traceback.
    """
    try:
        settings = load_settings(kind, {})
        check_home(settings.home)
        wait_for_preparation(settings.home)
        check_schema(settings.database)
    except StartError as error:
        sys.exit(str(error))
    return settings


def wait_for_preparation(home: Path) -> None:
    """Wait while `moggy up` prepares the database, which it does while this program is imported.

    Its pid file exists from before the start of this program until the preparation has ended.
    """
    pid_file = home / "run" / f"{PREPARATION}.pid"
    deadline = time.monotonic() + PREPARATION_SECONDS
    while pid_file.exists() and time.monotonic() < deadline:
        time.sleep(PREPARATION_POLL_SECONDS)


def check_home(home: Path) -> None:
    """Raise StartError if this process cannot write to the home, or to a folder inside it."""
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise StartError(f"MOGGY_HOME {home} cannot be created: {exc.strerror}") from exc
    user = os.geteuid()
    for folder in (home / name for name in HOME_FOLDERS):
        if folder.exists() and not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            raise StartError(
                f"MOGGY_HOME {home}: this process runs as user {user} and cannot write to "
                f"{folder}, which belongs to user {folder.stat().st_uid}: make it writable "
                f"(`chown -R {user} {home}` as root, on the machine that holds the folder), or "
                "choose another home"
            )


# One line of key=value pairs per log event, on stderr.
LOG_PROCESSORS: list[Processor] = [
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]
LOG_RENDERER = structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"])


class LogStream:
    """Standard error. A line that cannot be written, for instance to a full disk, is dropped."""

    def write(self, text: str) -> None:
        with suppress(OSError):
            sys.stderr.write(text)

    def flush(self) -> None:
        with suppress(OSError):
            sys.stderr.flush()


def configure_logs() -> None:
    structlog.configure(
        processors=[*LOG_PROCESSORS, LOG_RENDERER],
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", LogStream())),
    )


def format_library_logs() -> None:
    """Write the warnings and errors of libraries in the same format."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=LOG_PROCESSORS,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, LOG_RENDERER],
        )
    )
    logging.root.addHandler(handler)


def describe_exit(code: int) -> str:
    """Return `exit code 1`, or `signal 9 (SIGKILL)` for -9."""
    if code >= 0:
        return f"exit code {code}"
    with suppress(ValueError):
        return f"signal {-code} ({signal.Signals(-code).name})"
    return f"signal {-code}"
