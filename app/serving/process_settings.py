"""Settings of the API's process: garbage collection, freed memory, open files and threads."""

import asyncio
import functools
import gc
import resource
import sys
from contextlib import suppress

from anyio import to_thread

from models.resources import release_freed_memory

OPEN_FILES = 65_536
SWITCH_SECONDS = 0.001
RELEASE_SECONDS = 10.0  # between two releases of freed memory


@functools.cache  # once per process: objects frozen a second time would never be freed
def collect_garbage_rarely() -> None:
    """Exclude all imported objects from garbage collection, and run it rarely.

    At 32 connections it took a tenth of the processor and paused the slowest requests for 100 ms.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 1000)
    gc.enable()  # `app.up.run_without_gc` starts the process without it


async def release_freed_memory_often() -> None:
    """Return freed memory to the system every ten seconds, until the task is cancelled.

    Requests of many sizes at once leave holes in the heap, which glibc keeps for ever.
    """
    while True:
        await asyncio.sleep(RELEASE_SECONDS)
        await to_thread.run_sync(release_freed_memory)


def raise_open_files_limit() -> None:
    """Raise the soft limit of open files, often 1,024, beyond which connections are refused."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = min(OPEN_FILES, hard) if hard >= 0 else OPEN_FILES  # below 0 means unlimited
    if 0 <= soft < limit:
        with suppress(ValueError, OSError):  # some systems allow less than they report
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))


def switch_threads_often() -> None:
    """Let a thread that waits for Python's lock get it after 1 ms, instead of 5.

    A thread that has generated a batch otherwise waits longer for the event loop than it computed.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
