"""Settings of a process, made in a child process."""

import platform
import resource
import subprocess
import sys

import pytest

from app.serving.process_settings import OPEN_FILES

PROGRAM = """
import resource
from app.serving.process_settings import raise_open_files_limit
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
raise_open_files_limit()
print(*resource.getrlimit(resource.RLIMIT_NOFILE))
"""


def limits_after(soft: int, hard: int) -> tuple[int, int]:
    program = PROGRAM.format(soft=soft, hard=hard)
    out = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=True).stdout
    soft, hard = map(int, out.split())
    return soft, hard


def test_the_soft_limit_is_raised_to_the_hard_limit() -> None:
    assert limits_after(256, 2_000) == (2_000, 2_000)
    assert limits_after(500, 500) == (500, 500)


def test_a_limit_that_is_high_enough_is_unchanged() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard >= 0:
        assert limits_after(hard, hard) == (hard, hard)
    more = hard if hard >= 0 else OPEN_FILES * 4
    assert limits_after(256, more) == (min(OPEN_FILES, more), more)


COLLECTION = """
import gc
from app.serving.process_settings import collect_garbage_rarely
gc.disable()
collect_garbage_rarely()
print(gc.isenabled(), gc.get_freeze_count() > 1000)
"""


def test_garbage_is_collected_rarely_but_again_after_a_start_without() -> None:
    out = subprocess.check_output([sys.executable, "-c", COLLECTION], text=True)
    assert out == "True True\n"


# Blocks that stay between freed ones keep glibc from shrinking the heap.
HOLES = """
import asyncio, ctypes
from pathlib import Path
from app.serving import process_settings

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
blocks = [ctypes.c_void_p(libc.malloc(8_000)) for _ in range(20_000)]
for block in blocks:
    ctypes.memset(block, 1, 8_000)
for number, block in enumerate(blocks):
    if number % 50:
        libc.free(block)
before = resident()
process_settings.RELEASE_SECONDS = 0.01

async def wait_for_memory():
    releases = asyncio.create_task(process_settings.release_freed_memory_often())
    for _ in range(1_000):
        await asyncio.sleep(0.01)
        if resident() < before - 100_000_000:
            break
    releases.cancel()

asyncio.run(wait_for_memory())
print((before - resident()) // 100_000_000)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's heap has such holes")
def test_memory_between_blocks_in_use_is_returned() -> None:
    assert subprocess.check_output([sys.executable, "-c", HOLES], text=True) == "1\n"
