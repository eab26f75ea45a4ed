"""How much memory a process has taken at most, and how much it could still take."""

import os
import resource
import sys
from pathlib import Path

import torch

STATUS = Path("/proc/self/status")
MEMINFO = Path("/proc/meminfo")
CGROUP = Path("/sys/fs/cgroup")  # a container's own limits, where it has some


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
    return min(_field(MEMINFO, "MemAvailable") * 1024, _left_to_container())


def _left_to_container() -> int:
    """What its limit leaves to this container; its cached files make room."""
    try:
        limit = (CGROUP / "memory.max").read_text().strip()
        taken = int((CGROUP / "memory.current").read_text())
        files = _field(CGROUP / "memory.stat", "inactive_file")
    except (OSError, LookupError, ValueError):
        return sys.maxsize
    return sys.maxsize if limit == "max" else max(0, int(limit) - taken + files)


def _field(path: Path, name: str) -> int:
    """The number after a name, in the kernel's tables of one name in each line."""
    for line in path.read_text().splitlines():
        words = line.replace(":", " ").split()
        if words and words[0] == name:
            return int(words[1])
    raise LookupError(f"{path} says nothing of {name}")
