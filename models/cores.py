"""How many cores there are to use, and how many of them a thread uses."""

import math
import os
import sys

from models.containers import cores_limit


def usable_cores() -> int:
    """The cores that this process may use, which in a container are not all.

    A part of a core counts as a whole one.
    """
    return max(1, math.ceil(min(_cores_to_run_on(), cores_limit())))


def limit_threads() -> None:
    """Let libraries start no more threads than there are usable cores: OpenMP and OpenBLAS do not
    see a container's limit. To be called before they are loaded."""
    cores = usable_cores()
    if cores < _cores_to_run_on():
        os.environ.setdefault("OMP_NUM_THREADS", str(cores))


def _cores_to_run_on() -> int:
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def use_cores(cores: int) -> None:
    """Let torch in this thread compute on so many. The bytes are the same."""
    import torch  # not with this module, which is imported where torch is not wanted

    torch.set_num_threads(cores)
