"""The cores and the memory that this process may use, and how glibc treats freed memory.

psutil would report the machine's figures, but it knows no container limits. The API and the
supervisors use this module: it does not import torch.

Containers limit a process by Linux control groups. A limit may be set on the process's own group or
on any group above it. Version 2 has one tree of groups, version 1 has one tree per controller.
Inside a container a tree may begin at the container's own group, while /proc may still name that
group by its path on the host.
"""

import ctypes
import math
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

CONTROL_GROUPS = Path("/sys/fs/cgroup")
GROUP_MEMBERSHIP = Path("/proc/self/cgroup")
PROCESS_STATUS = Path("/proc/self/status")
MEMORY_INFO = Path("/proc/meminfo")
THREADS = Path("/proc/self/task")
NO_LIMIT = 1 << 60  # version 1 writes about this number where no limit is set
WORKING_SHARE = 0.1  # of the time: a thread that is runnable for longer is one that works


def usable_cores() -> int:
    """The number of cores that this process may use: at least 1, a fraction rounded up.

    Respects the CPU affinity and a container's limit.
    """
    return max(1, math.ceil(min(_schedulable_cores(), cores_limit())))


def limit_threads() -> None:
    """Make libraries start no more threads than there are usable cores.

    OpenMP and OpenBLAS do not see a container's limit. Call this before they are loaded.
    """
    cores = usable_cores()
    if cores < _schedulable_cores():
        os.environ.setdefault("OMP_NUM_THREADS", str(cores))


def cores_limit() -> float:
    """The container's limit in cores, for example 1.5; infinite without a limit."""
    limits = [float("inf")]
    for group in _own_and_parent_groups(""):
        quota, period = _numbers(group / "cpu.max", 2)  # the quota may be the word "max"
        limits.append(quota / period)
    for group in _own_and_parent_groups("cpu"):
        (quota,) = _numbers(group / "cpu.cfs_quota_us", 1)  # -1 without a limit
        (period,) = _numbers(group / "cpu.cfs_period_us", 1)
        limits.append(quota / period)
    return min(limits)


def container_memory_left() -> int:
    """Bytes that the container's limit still allows; sys.maxsize without a limit.

    The kernel evicts a group's file cache when memory is short, so the cache counts as free.
    """
    version_2 = ("memory.max", "memory.current", "inactive_file")
    version_1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
    left = [_group_memory_left(group, *version_2) for group in _own_and_parent_groups("")]
    left += [_group_memory_left(group, *version_1) for group in _own_and_parent_groups("memory")]
    return max(0, min(left, default=sys.maxsize))


def peak_memory() -> int:
    """The most bytes of the machine's memory that this process has held so far."""
    if PROCESS_STATUS.exists():
        # In a process that has just started, getrusage returns the peak of its parent.
        return _kernel_table_value(PROCESS_STATUS, "VmHWM") * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def free_memory() -> int:
    """Bytes of the machine's memory that this process could allocate without evicting anything."""
    if not MEMORY_INFO.exists():
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    available = _kernel_table_value(MEMORY_INFO, "MemAvailable") * 1024
    return min(available, container_memory_left())


class ProcessorWait:
    """How long the threads of this process wait for a processor that others use, from now on."""

    def __init__(self) -> None:
        self._began_at = time.perf_counter()
        self._began = _thread_times()

    def share(self) -> float:
        """The waiting share, 0 to 1, of the time in which a thread could have run.

        It is that of the thread that waits most: the others wait for its results meanwhile. 0 where
        the system does not say (only Linux does).
        """
        elapsed = time.perf_counter() - self._began_at
        shares = [0.0]
        for thread, (ran, waited) in _thread_times().items():
            ran_before, waited_before = self._began.get(thread, (0.0, 0.0))
            runnable = ran - ran_before + waited - waited_before
            if runnable > WORKING_SHARE * elapsed:
                shares.append((waited - waited_before) / runnable)
        return max(shares)


def keep_freed_memory() -> None:
    """Make glibc keep freed memory: a training step frees and allocates the same blocks each time.

    By default glibc returns blocks of some megabytes to the system, and each step spends 15 % of
    its time on 13,000 page faults. Other C libraries are left as they are.
    """
    mallopt = _glibc_function("mallopt")
    if mallopt is not None:
        trim_threshold, mmap_threshold = -1, -3  # parameter numbers from malloc.h
        mallopt(mmap_threshold, 32 * 2**20)  # the most glibc accepts
        mallopt(trim_threshold, 2**31 - 1)


def share_freed_memory(arenas: int) -> None:
    """Make glibc's threads allocate from this many arenas: what one thread frees, others then use.

    By default there are up to eight per core, and each keeps what its threads have freed. Threads
    keep the arena that they have: call this before they start.
    """
    mallopt = _glibc_function("mallopt")
    if mallopt is not None:
        max_arenas = -8  # parameter number from malloc.h
        mallopt(max_arenas, arenas)


def release_freed_memory() -> None:
    """Make glibc return freed memory to the system. After loading a model this is up to 300 MB."""
    trim = _glibc_function("malloc_trim")
    if trim is not None:
        trim(0)


def _schedulable_cores() -> int:
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _own_and_parent_groups(controller: str) -> Iterator[Path]:
    """The folders of this process's control group and of its parents, as far as they are visible.

    `controller` names a tree of version 1; the empty name stands for the tree of version 2.
    """
    root = CONTROL_GROUPS / controller
    path = "/"
    if GROUP_MEMBERSHIP.exists():
        for line in GROUP_MEMBERSHIP.read_text().splitlines():
            _, controllers, group_path = line.split(":", 2)
            if controller in controllers.split(","):
                path = group_path
    folder = root / path.strip("/")
    for group in (folder, *folder.parents):
        if group.is_dir():
            yield group
        if group == root:
            return


def _numbers(path: Path, count: int) -> list[float]:
    """The first numbers of a file; the first is infinite where the file sets no limit."""
    try:
        numbers = [float(word) for word in path.read_text().split()[:count]]
    except (OSError, ValueError):
        numbers = []
    if len(numbers) < count or numbers[0] <= 0:
        return [float("inf"), 1.0][:count]
    return numbers


def _group_memory_left(group: Path, limit_file: str, usage_file: str, cache_field: str) -> int:
    (limit,) = _numbers(group / limit_file, 1)
    if limit >= NO_LIMIT:
        return sys.maxsize
    try:
        used = int((group / usage_file).read_text())
        statistics = (group / "memory.stat").read_text().splitlines()
    except (OSError, ValueError):
        return int(limit)
    fields = dict(line.split(" ", 1) for line in statistics if " " in line)
    return int(limit) - used + int(fields.get(cache_field, "0"))


def _kernel_table_value(path: Path, name: str) -> int:
    """The number beside `name` in a table of /proc that has one name per line."""
    for line in path.read_text().splitlines():
        words = line.replace(":", " ").split()
        if words and words[0] == name:
            return int(words[1])
    raise LookupError(f"{path} has no line {name}")


def _thread_times() -> dict[str, tuple[float, float]]:
    """Seconds for which each thread of this process has run, and has waited for a processor."""
    times = {}
    for folder in THREADS.glob("*"):
        # The thread may have ended, and some kernels keep no statistics.
        with suppress(OSError, ValueError):
            ran, waited, _ = (folder / "schedstat").read_text().split()
            times[folder.name] = int(ran) / 1e9, int(waited) / 1e9
    return times


def _glibc_function(name: str) -> Callable[..., int] | None:
    """A function of glibc; None where the C library is another."""
    if sys.platform != "linux":
        return None
    return getattr(ctypes.CDLL(None), name, None)
