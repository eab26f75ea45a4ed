"""What stops a program from starting, as one sentence for the person who started it."""

import os
import sys
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_settings import BaseSettings

from app.domain.settings import DatabaseSettings
from app.domain.validation import setting_sentence

FOLDERS = ("", "objects", "incoming", "runs", "cache")  # of the home, where there are such

S = TypeVar("S", bound=BaseSettings)
T = TypeVar("T", bound=DatabaseSettings)


class StartError(Exception):
    """A sentence that says why a program could not start, or could not continue."""


def load_settings(kind: type[S], given: dict[str, Any]) -> S:
    """The settings of the environment, with those `given` on the command line above them."""
    try:
        return kind(**given)
    except ValidationError as exc:
        prefix = str(kind.model_config["env_prefix"])
        sentences = [setting_sentence(error, kind, prefix) for error in exc.errors()]
        raise StartError("; ".join(sentences)) from exc


def settings_or_exit(kind: type[T]) -> T:
    """The environment's settings, with a home that can be written and a database of this version.

    Otherwise the process ends with one line on stderr: an operator reads no traceback.
    """
    from app.domain.database import check_schema  # slow to load, and `moggy up` needs none of it

    try:
        settings = load_settings(kind, {})
        check_home(settings.home)
        check_schema(settings.database)
    except StartError as error:
        sys.exit(str(error))
    return settings


def check_home(home: Path) -> None:
    """Raise StartError where this process cannot write to the home, or to a folder inside it."""
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise StartError(f"MOGGY_HOME {home} cannot be made: {exc.strerror}") from exc
    user = os.geteuid()
    for folder in (home / name for name in FOLDERS):
        if folder.exists() and not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            raise StartError(
                f"MOGGY_HOME {home}: user {user}, as whom this process runs, cannot write to "
                f"{folder}, which belongs to user {folder.stat().st_uid}: make it writable "
                f"(`chown -R {user} {home}` as root, on the machine that holds the folder), or "
                "choose another home"
            )
