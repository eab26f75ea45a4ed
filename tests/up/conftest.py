"""Homes in which no process may remain, and stand-ins for the programs of `moggy up`."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.up.program import Program

from .processes import SLEEPER, processes_of, wait_for
from .running import Up


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home. The test fails if one of its processes still runs at the end."""
    folder = tmp_path / "a home"  # a path with a space
    folder.mkdir()
    yield folder
    wait_for(lambda: not processes_of(folder), seconds=5)


@pytest.fixture
def stand_in(home: Path) -> Callable[..., Program]:
    """Makes programs that run a piece of Python."""

    def make(name: str, code: str = SLEEPER, stop_seconds: float = 5.0) -> Program:
        command = (sys.executable, "-S", "-c", code)
        return Program(name, name.title(), command, stop_seconds, {"MOGGY_HOME": str(home)})

    return make


@pytest.fixture
def start_up(home: Path) -> Iterator[Callable[..., Up]]:
    started: list[Up] = []

    def start(*options: str, port: int = 0, group: bool = False) -> Up:
        started.append(Up(home, *options, port=port, group=group))
        return started[-1]

    yield start
    for up in started:
        up.clean_up()
