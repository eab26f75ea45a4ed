"""A real file system of a few megabytes, to be filled."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def mounted(folder: Path, megabytes: int) -> Iterator[Path]:
    """A tmpfs at `folder`, unmounted afterwards, also where a process still uses it."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"a small file system needs root: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(folder: Path, leave: int = 0) -> Path:
    """Take all room but `leave` bytes; the file that is to be deleted to give it back."""
    hog = folder / "hog"
    with hog.open("wb", buffering=0) as file:
        while (more := shutil.disk_usage(folder).free - leave) > 0:
            file.write(bytes(min(more, 1 << 20)))
    return hog
