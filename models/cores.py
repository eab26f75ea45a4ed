"""How many cores there are to use, and how many of them a thread uses."""

import os
import sys


def usable_cores() -> int:
    """The cores that this process may run on, which in a container are not all."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def use_cores(cores: int) -> None:
    """Let torch in this thread compute on so many. The bytes are the same."""
    import torch  # not with this module, which is imported where torch is not wanted

    torch.set_num_threads(cores)
