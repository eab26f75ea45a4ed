"""How many cores there are to use. Standard library only."""

import os
import sys


def usable_cores() -> int:
    """The cores that this process may run on, which in a container are not all."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
