"""One `moggy up` per home: a lock that ends with its process, however that ends."""

import fcntl
import json
import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from app.domain.startup import StartError


class HomeLock:
    """Holds `home`/up.lock, in which it writes who holds it."""

    def __init__(self, home: Path, address: str) -> None:
        self._home = home
        self._address = address

    def __enter__(self) -> Self:
        try:
            self._home.mkdir(parents=True, exist_ok=True)
            self._file = (self._home / "up.lock").open("a+")
        except OSError as exc:
            raise StartError(f"The home {self._home} cannot be used: {exc.strerror}.") from exc
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            holder = self._holder()
            self._file.close()
            raise StartError(f"Moggy runs already on {self._home}{holder}.") from exc
        self._file.truncate(0)
        holder = json.dumps({"pid": os.getpid(), "address": self._address})
        with suppress(OSError):  # on a full disk, nobody is told who holds it
            os.write(self._file.fileno(), holder.encode())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # The file stays: deleting it could take the lock from under one who just opened it.
        self._file.truncate(0)
        self._file.close()

    def _holder(self) -> str:
        self._file.seek(0)
        with suppress(ValueError, KeyError, TypeError):  # it is being written this moment
            holder = json.load(self._file)
            return f" (process {holder['pid']}, {holder['address']})"
        return ""
