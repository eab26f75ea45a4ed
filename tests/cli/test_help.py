"""Every word of every help text reaches the terminal."""

from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Any

import pytest
from typer.main import get_command

from app.cli.main import cli

from .conftest import Result

Moggy = Callable[..., Result]


def commands(command: Any, *path: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, *path, name)


COMMANDS = dict(commands(get_command(cli)))


def words(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_shows_each_word_of_its_sources(path: tuple[str, ...], moggy: Moggy) -> None:
    command = COMMANDS[path]
    shown = words(moggy(*path, "--help").out)
    sources = [command.help, *(parameter.help for parameter in command.params)]
    sources += [below.help for below in getattr(command, "commands", {}).values()]
    for source in sources:
        assert source, path
        assert words(source) in shown, path


def test_bracketed_defaults_are_text(moggy: Moggy) -> None:
    assert "Port to bind [8000]." in moggy("up", "--help").out
    assert "[auto: decided from the pictures]" in words(moggy("dataset", "add", "--help").out)


def test_the_version_is_that_of_the_distribution(moggy: Moggy) -> None:
    assert moggy("--version") == Result(0, f"moggy {version('moggy')}\n", "")
