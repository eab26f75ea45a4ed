"""What a benchmark knows of where it runs: the machine, the repository and the real images.

Standard library only.
"""

import os
import platform
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# MOGGY_SHARED names the folder of real images; the default is beside the repository.
SHARED_DATA = Path(os.environ.get("MOGGY_SHARED", ROOT.parent / "shared")) / "data"


def describe() -> str:
    """Processor, cores this process may use, Python."""
    return f"{_processor()}, {cores()} cores, Python {platform.python_version()}"


def cores() -> int:
    """The number of cores that this process may use; in a container that can be fewer than all."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
