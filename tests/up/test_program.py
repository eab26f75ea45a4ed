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


def test_a_process_that_only_has_the_number_of_a_leftover_is_left_alone(
    tmp_path: Path, sleeper: subprocess.Popen[bytes]
) -> None:
    noted = {"pid": sleeper.pid, "birth": "another boot 12345"}
    (tmp_path / "api.pid").write_text(json.dumps(noted))
    assert end_leftovers(tmp_path, 0.1) == []
    assert sleeper.poll() is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"pid": "x", "birth": "y"}'])
def test_a_pid_file_that_a_crash_cut_short_is_only_deleted(tmp_path: Path, content: str) -> None:
    (tmp_path / "api.pid").write_text(content)
    assert end_leftovers(tmp_path, 0.1) == []
    assert list(tmp_path.iterdir()) == []


def test_a_leftover_is_ended(tmp_path: Path, sleeper: subprocess.Popen[bytes]) -> None:
    write_pid_file(tmp_path / "api.pid", sleeper.pid)
    assert end_leftovers(tmp_path, 5) == ["api"]
    assert start_time(sleeper.pid) is None


def test_the_birth_of_a_process_stays_and_that_of_a_dead_one_is_none(
    sleeper: subprocess.Popen[bytes],
) -> None:
    assert start_time(os.getpid()) == start_time(os.getpid()) != start_time(sleeper.pid)
    sleeper.kill()
    sleeper.wait()
    assert start_time(sleeper.pid) is None
