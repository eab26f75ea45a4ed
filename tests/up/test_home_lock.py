import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.domain.processes import StartError
from app.up.home_lock import HomeLock

HOLD = """
import sys, time
from pathlib import Path
from app.up.home_lock import HomeLock
with HomeLock(Path(sys.argv[1]), "http://127.0.0.1:8123"):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_second_holder_is_refused_with_the_process_of_the_first(tmp_path: Path) -> None:
    with HomeLock(tmp_path / "home", "http://127.0.0.1:8000"):
        expected = f"process {os.getpid()}, http://127.0.0.1:8000"
        with pytest.raises(StartError, match=expected), HomeLock(tmp_path / "home", "other"):
            pass


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(StartError, match=f"process {holder.pid}"), HomeLock(tmp_path, "x"):
            pass
        holder.kill()
    with HomeLock(tmp_path, "x"):
        pass


def test_a_home_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with (
        pytest.raises(StartError, match=r"home .*/home cannot be used: File exists"),
        HomeLock(tmp_path / "home", "x"),
    ):
        pass
