"""Settings of a process, made in a child process."""

import resource
import subprocess
import sys

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
