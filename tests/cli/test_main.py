"""The command line as a whole: help texts, errors, exit codes."""

import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from app.cli.main import cli

from .conftest import (
    LISTED_JOB,
    FakeService,
    Moggy,
    Result,
    as_json,
)

HEAVY = ("torch", "numpy", "sqlalchemy", "fastapi", "pydantic", "celery", "httpx2", "rich.progress")


def commands(command: Any, *path: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command, with the words that call it."""
    yield path, command
    for name, subcommand in getattr(command, "commands", {}).items():
        yield from commands(subcommand, *path, name)


COMMANDS = dict(commands(get_command(cli)))


def words(text: str) -> str:
    return " ".join(text.split())


def test_help_loads_no_heavy_module() -> None:
    code = (
        "import sys; from app.cli.main import run; run(['--help'])\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stderr == "[]\n"
    assert "generate" in result.stdout


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_shows_every_word_of_every_help_text(path: tuple[str, ...], moggy: Moggy) -> None:
    command = COMMANDS[path]
    shown = words(moggy(*path, "--help").out)
    sources = [command.help, *(parameter.help for parameter in command.params)]
    sources += [subcommand.help for subcommand in getattr(command, "commands", {}).values()]
    for source in sources:
        assert source, path
        assert words(source) in shown, path


def test_help_shows_defaults_in_brackets(moggy: Moggy) -> None:
    assert "Port to bind [8000]." in moggy("up", "--help").out
    assert "[auto: decided from the pictures]" in words(moggy("dataset", "add", "--help").out)


def test_version_prints_the_version_of_the_distribution(moggy: Moggy) -> None:
    assert moggy("--version") == Result(0, f"moggy {version('moggy')}\n", "")


@pytest.mark.parametrize(
    "arguments",
    [
        ["dataset", "add", "PICTURE", "--name", "cats"],
        ["train", "--dataset", "cats", "--model", "cats"],
        ["train", "--dataset", "cats", "--model", "cats", "--dry-run"],
        ["evaluate", "cats", "--dataset", "cats"],
        ["synthesize", "cats", "--images", "1000", "--out", "PNG"],
        ["download", "j1", "--out", "PNG"],
        ["generate", "cats", "--seeds", "0-63", "--out", "PNG"],
        ["morph", "cats", "7", "42", "--out", "PNG"],
        ["jobs"],
        ["models"],
        ["datasets"],
        ["cancel", "j1"],
    ],
)
def test_without_a_service_every_command_prints_one_line(
    arguments: list[str], moggy: Moggy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MOGGY_URL", "http://127.0.0.1:9")  # the discard port: nothing listens
    (tmp_path / "cat.png").write_bytes(b"")
    places = {"PICTURE": str(tmp_path / "cat.png"), "PNG": str(tmp_path / "out.png")}
    result = moggy(*(places.get(argument, argument) for argument in arguments))
    assert (result.code, result.out) == (2, "")
    assert result.err == (
        "No Moggy service answers at http://127.0.0.1:9: start one with `moggy up`, "
        "or set MOGGY_URL.\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["cat.png"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "--model", "m"], "--dataset"),
        (["generate", "m", "--seeds", "x", "--out", "a.png"], "neither a seed nor a range"),
        (["generate", "m", "--seeds", "1", "--out", "a.bmp"], "must end in"),
        (["morph", "m", "1", "2", "--out", "a.webp", "--method", "x"], "slerp"),
        (["train", "--dataset", "d", "--model", "m", "--set", "width"], "--set 'width'"),
        (["fly"], "fly"),
        (["up", "--port", "http"], "Invalid value for '--port': 'http' is not a whole number."),
        (
            ["dataset"],
            "Missing command: use moggy dataset add, moggy dataset show or moggy dataset delete",
        ),
        (["model"], "Missing command: use moggy model show, moggy model export, moggy model"),
    ],
)
def test_a_wrong_command_line_is_one_line_on_stderr(
    arguments: list[str], words: str, moggy: Moggy
) -> None:
    result = moggy(*arguments)
    assert (result.code, result.out) == (2, "")
    assert words in result.err
    assert result.err.count("\n") == 1


def test_lists_are_tables(service: FakeService, moggy: Moggy) -> None:
    model = {
        "name": "cats",
        "checkpoints": 10,
        "checkpoint": "c9",
        "images_seen": 750000,
        "served_because": "the newest: none is scored yet",
        "created_at": "2026-01-02T03:04:05Z",
    }
    dataset = {
        "name": "cats",
        "status": "ready",
        "images": 2997,
        "shape": [64, 64, 3],
        "classes": ["tabby", "white"],
        "created_at": "2026-01-02T03:04:05Z",
    }
    for path, item in (("jobs", LISTED_JOB), ("models", model), ("datasets", dataset)):
        service.on(f"GET /v1/{path}?limit=200", as_json({"items": [item], "next": None}))
    jobs = moggy("jobs").out.splitlines()
    assert jobs[0].split() == [
        "JOB",
        "KIND",
        "STATUS",
        "MODEL",
        "DATASET",
        "IMAGES",
        "CREATED",
    ]
    assert jobs[1].startswith("j1   train  queued (2)  cats   cats     1,200/750,000  2026-01-0")
    listed = moggy("models").out.splitlines()[1]
    assert listed.split()[:4] == ["cats", "10", "c9", "750,000"]
    assert listed.endswith("  the newest: none is scored yet")
    assert moggy("datasets").out.splitlines()[1].split()[:4] == [
        "cats",
        "ready",
        "2,997",
        "64×64×3",
    ]


def test_a_closed_output_prints_no_error(service: FakeService) -> None:
    page = {"items": [LISTED_JOB] * 5000, "next": None}
    service.on("GET /v1/jobs?limit=200", as_json(page))
    command = [sys.executable, "-c", "from app.cli.main import main; main()", "jobs"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


def test_migrate_creates_the_newest_schema(
    moggy: Moggy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOGGY_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MOGGY_DATABASE_URL", raising=False)
    assert moggy("migrate").code == 0
    assert (tmp_path / "home" / "moggy.db").stat().st_size > 0
    monkeypatch.setenv("MOGGY_PORT", "none")  # migrate does not read it
    assert moggy("migrate").code == 0
    result = moggy("up")
    assert result.code == 1
    assert result.err == "MOGGY_PORT 'none': it is not a whole number from 1 to 65535\n"
