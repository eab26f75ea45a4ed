"""Text in any encoding, tables and figures."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.cli.console import duration, printable, size, table

from .conftest import (
    FakeService,
    as_json,
)

ENCODINGS = ("ascii", "latin-1", "cp932", "cp437", "utf-8")
DATASET = {
    "name": "cats",
    "status": "ready",
    "images": 10,
    "shape": [64, 64, 3],
    "classes": None,
    "created_at": "2026-01-02T03:04:05Z",
}


def run(*arguments: str, encoding: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-c", "from app.cli.main import main; main()", *arguments],
        env=os.environ | {"PYTHONIOENCODING": encoding} | environment,
        capture_output=True,
    )


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_lists_are_printed_in_any_encoding(service: FakeService, encoding: str) -> None:
    # The service refuses such a name; the console prints it all the same.
    named = DATASET | {"name": "猫\n\N{BLACK HEART SUIT}"}
    service.on("GET /v1/datasets?limit=200", as_json({"items": [named], "next": None}))
    listed = run("datasets", encoding=encoding)
    assert (listed.returncode, listed.stderr) == (0, b"")
    cells = listed.stdout.decode(encoding).splitlines()[1].split()
    shown = {"cp932": "猫\\n\\u2665", "utf-8": "猫\\n♥"}
    assert cells[0] == shown.get(encoding, "\\u732b\\n\\u2665")
    signs = encoding in ("ascii", "cp437")
    assert cells[3] == ("64x64x3" if signs else "64×64×3")


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_help_is_printed_in_any_encoding(encoding: str) -> None:
    shown = run("dataset", "add", "--help", encoding=encoding)
    assert (shown.returncode, shown.stderr) == (0, b"")
    assert "--horizontal-flip" in shown.stdout.decode(encoding)


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_an_error_names_a_path_that_is_not_utf8(encoding: str, tmp_path: Path) -> None:
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9\xff.png")
    refused = run("dataset", "add", odd, "--name", "cats", encoding=encoding, LC_ALL="C")
    assert refused.returncode == 1
    assert b"caf\\xe9\\xff.png: no such file or folder" in refused.stderr
    assert refused.stderr.count(b"\n") == 1


def test_printable_text_is_one_line_without_control_characters() -> None:
    assert printable("a\nb\x1b[31m\u202e\udce9") == "a\\nb\\x1b[31m\\u202e\\xe9"
    for kept in ("猫 cat", "می\u200cخواهم", "a\u3000b"):
        assert printable(kept) == kept


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    assert table(("JOB", "STATUS"), [["a", "queued"], ["long-id", "x"]]) == (
        "JOB      STATUS\na        queued\nlong-id  x"
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.6, "1 min 00 s"), (200, "3 min 20 s"), (7500, "2 h 05 min")],
)
def test_durations_have_at_most_two_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(999, "999 B"), (1000, "1.0 kB"), (9_377_247, "9.4 MB"), (12_000_000_000, "12.0 GB")],
)
def test_sizes_have_the_largest_unit_that_fits(count: int, text: str) -> None:
    assert size(count) == text
