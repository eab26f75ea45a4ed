"""What a container's limits leave to this process: cores and bytes, by Linux' control groups.

A limit stands in the process's own group or in one above it. Version 2 has one tree of groups,
version 1 a tree for each kind. Inside a container the trees may begin at the container's own
group, and /proc may still name it by its path on the host.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

GROUPS = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")
NO_LIMIT = 1 << 60  # version 1 writes a number about this large


def cores_limit() -> float:
    """Cores whose time this process may use, 1.5 for one and a half; infinite without a limit."""
    limits = [float("inf")]
    for group in _groups(""):
        quota, period = _numbers(group / "cpu.max", 2)  # or the word max
        limits.append(quota / period)
    for group in _groups("cpu"):
        (quota,) = _numbers(group / "cpu.cfs_quota_us", 1)  # or -1
        (period,) = _numbers(group / "cpu.cfs_period_us", 1)
        limits.append(quota / period)
    return min(limits)


def memory_left() -> int:
    """Bytes that this process could still take; sys.maxsize without a limit.

    The cached files of a group make room, so that they do not count as taken.
    """
    version_2 = ("memory.max", "memory.current", "inactive_file")
    version_1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
    left = [_left(group, *version_2) for group in _groups("")]
    left += [_left(group, *version_1) for group in _groups("memory")]
    return max(0, min(left, default=sys.maxsize))


def _groups(controller: str) -> Iterator[Path]:
    """The folders of this process's group and of those above it, as far as they can be seen.

    `controller` names a tree of version 1; the empty name is version 2's one tree.
    """
    root = GROUPS / controller
    path = "/"
    if MEMBERSHIP.exists():
        for line in MEMBERSHIP.read_text().splitlines():
            _, controllers, its_path = line.split(":", 2)
            if controller in controllers.split(","):
                path = its_path
    folder = root / path.strip("/")
    for group in (folder, *folder.parents):
        if group.is_dir():
            yield group
        if group == root:
            return


def _numbers(path: Path, count: int) -> list[float]:
    """The first numbers of a file; infinite where there are none, or where they mean no limit."""
    try:
        found = [float(word) for word in path.read_text().split()[:count]]
    except (OSError, ValueError):
        found = []
    if len(found) < count or found[0] <= 0:
        return [float("inf"), 1.0][:count]
    return found


def _left(group: Path, limit_name: str, taken_name: str, files_name: str) -> int:
    (limit,) = _numbers(group / limit_name, 1)
    if limit >= NO_LIMIT:
        return sys.maxsize
    try:
        taken = int((group / taken_name).read_text())
        statistics = (group / "memory.stat").read_text().splitlines()
    except (OSError, ValueError):
        return int(limit)
    files = dict(line.split(" ", 1) for line in statistics if " " in line).get(files_name, "0")
    return int(limit) - taken + int(files)
