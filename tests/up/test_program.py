import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.up.program import end_leftovers, start_time, write_pid_file

from .processes import SLEEPER


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-S", "-c", SLEEPER], start_new_session=True)
    yield process
    process.kill()
    process.wait()


def test_a_process_with_the_reused_pid_of_a_leftover_is_not_ended(
    tmp_path: Path, sleeper: subprocess.Popen[bytes]
) -> None:
    recorded = {"pid": sleeper.pid, "birth": "another boot 12345"}
    (tmp_path / "api.pid").write_text(json.dumps(recorded))
    assert end_leftovers(tmp_path, 0.1) == []
    assert sleeper.poll() is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"pid": "x", "birth": "y"}'])
def test_a_pid_file_that_a_crash_truncated_is_only_deleted(tmp_path: Path, content: str) -> None:
    (tmp_path / "api.pid").write_text(content)
    assert end_leftovers(tmp_path, 0.1) == []
    assert list(tmp_path.iterdir()) == []


def test_a_leftover_is_ended(tmp_path: Path, sleeper: subprocess.Popen[bytes]) -> None:
    write_pid_file(tmp_path / "api.pid", sleeper.pid)
    assert end_leftovers(tmp_path, 5) == ["api"]
    assert start_time(sleeper.pid) is None


def test_the_start_time_of_a_process_is_constant_and_that_of_a_dead_one_is_none(
    sleeper: subprocess.Popen[bytes],
) -> None:
    assert start_time(os.getpid()) == start_time(os.getpid()) != start_time(sleeper.pid)
    sleeper.kill()
    sleeper.wait()
    assert start_time(sleeper.pid) is None
