"""How much memory a process has taken at most, how much it could still take, and what becomes of
what it frees.
"""

import ctypes
import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path

import torch

from models.containers import memory_left

STATUS = Path("/proc/self/status")
MEMINFO = Path("/proc/meminfo")


def memory_taken(device: torch.device) -> int:
    """The most bytes that this process has held so far: of a GPU's memory, or of the machine's."""
    if device.type == "cuda":
        return torch.cuda.max_memory_reserved(device)
    if STATUS.exists():
        # Not getrusage: what it says of a process that was just started is its parent's.
        return _field(STATUS, "VmHWM") * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def memory_free(device: torch.device) -> int:
    """Bytes that could be taken now without anything else being driven out."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    if not MEMINFO.exists():
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min(_field(MEMINFO, "MemAvailable") * 1024, memory_left())


def keep_freed_memory() -> None:
    """Have glibc keep what is freed: a training step frees and takes the same blocks again.

    By default blocks of some megabytes go back to the system, and each step pays 13,000 page
    faults for them: 15 % of its time. Other C libraries are left as they are.
    """
    mallopt = _glibc("mallopt")
    if mallopt is not None:
        trim_threshold, mmap_threshold = -1, -3  # names in malloc.h
        mallopt(mmap_threshold, 32 * 2**20)  # the most glibc accepts
        mallopt(trim_threshold, 2**31 - 1)


def release_freed_memory() -> None:
    """Have glibc give back what is freed: after a model's loading, up to 300 MB that it keeps."""
    trim = _glibc("malloc_trim")
    if trim is not None:
        trim(0)


def _glibc(name: str) -> Callable[..., int] | None:
    """A function of glibc's own, None where the C library is another."""
    if sys.platform != "linux":
        return None
    return getattr(ctypes.CDLL(None), name, None)


def _field(path: Path, name: str) -> int:
    """The number after a name, in the kernel's tables of one name in each line."""
    for line in path.read_text().splitlines():
        words = line.replace(":", " ").split()
        if words and words[0] == name:
            return int(words[1])
    raise LookupError(f"{path} says nothing of {name}")
