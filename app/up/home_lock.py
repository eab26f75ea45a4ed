"""A lock that allows one `moggy up` per home. It is released however its process ends."""

import json
import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from filelock import FileLock, Timeout

from app.domain.processes import StartError


class HomeLock:
    """Holds `home`/up.lock, and writes the holder's process and address into the file."""

    def __init__(self, home: Path, address: str) -> None:
        self._home = home
        self._address = address
        self._path = home / "up.lock"
        # No fallback: filelock's marker file, unlike the kernel's lock, would outlive the process.
        self._lock = FileLock(
            self._path, timeout=0, fallback_to_soft=False, on_acquired=self._write_holder
        )

    def __enter__(self) -> Self:
        try:
            self._home.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
        except Timeout as exc:
            holder = self._read_holder()
            raise StartError(f"Moggy is already running on {self._home}{holder}.") from exc
        except OSError as exc:
            raise StartError(f"The home {self._home} cannot be used: {exc.strerror}.") from exc
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Emptied, not deleted: another process may have opened the file to lock it.
        with suppress(OSError):
            os.truncate(self._path, 0)
        self._lock.release()

    def _write_holder(self, descriptor: int) -> None:
        holder = json.dumps({"pid": os.getpid(), "address": self._address})
        with suppress(OSError):  # on a full disk the lock holds without naming its holder
            os.ftruncate(descriptor, 0)
            os.write(descriptor, holder.encode())

    def _read_holder(self) -> str:
        # The holder may be writing the file at this moment.
        with suppress(OSError, ValueError, KeyError, TypeError):
            holder = json.loads(self._path.read_text())
            return f" (process {holder['pid']}, {holder['address']})"
        return ""
