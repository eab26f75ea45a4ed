"""Which of the cores a thread that computes may use."""

import os
import sys
from contextlib import suppress

from models.cores import usable_cores, use_cores


def leave_half_the_cores() -> None:
    """Let torch in this thread use half of the cores: HTTP and encoding have the others."""
    use_cores(max(1, usable_cores() // 2))


def compute_alone(number: int) -> None:
    """Give this thread, the `number`th of those that generate, one core, and always the same.

    A second core makes a batch of 8 no faster than 4.3 instead of 4.7 ms. Where such threads, the
    event loop and a client share two cores, Linux lets threads wait for one core while the other
    is idle for a sixth of the time; where they are bound to their cores, for a tenth. The bytes
    are the same.
    """
    use_cores(1)
    if sys.platform == "linux":
        usable = sorted(os.sched_getaffinity(0))
        with suppress(OSError):  # where it is forbidden, it is only a little slower
            os.sched_setaffinity(0, {usable[number % len(usable)]})
