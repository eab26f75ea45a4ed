"""What the API sets for the whole of its process."""

import functools
import gc
import resource
from contextlib import suppress

OPEN_FILES = 65_536


@functools.cache  # once for the process: what is frozen twice is never freed
def collect_seldom() -> None:
    """Spare requests Python's search for garbage among all that was ever imported: at 32
    connections it took a tenth of the processor, and stopped the slowest requests for 100 ms."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 1000)


def open_many_connections() -> None:
    """Raise the soft limit of open files, often 1,024, beyond which nobody is answered at all."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(OPEN_FILES, hard) if hard >= 0 else OPEN_FILES  # unlimited is below 0
    if 0 <= soft < wanted:
        with suppress(ValueError, OSError):  # a system may allow less than it says
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
