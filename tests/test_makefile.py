"""The Makefile's rules, of which two run at the same time."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Stands for Python: makes an environment with itself in it, and fails where two install at once.
PYTHON = """#!/bin/sh
case "$*" in
*venv*) mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
*install*)
  mkdir .venv/installing || exit 1
  sleep 0.2
  echo "$*" >> .venv/installed.txt
  rmdir .venv/installing ;;
*tomllib*) echo node ;;
esac
"""


@pytest.fixture
def python(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "pyproject.toml").touch()
    python = tmp_path / "python"
    python.write_text(PYTHON)
    python.chmod(0o755)
    return python


def make(python: Path, *targets: str) -> list[str]:
    """Make the targets; return what was installed, in its order, until now."""
    made = subprocess.run(
        ["make", "--jobs=4", f"PYTHON={python}", *targets],
        cwd=python.parent,
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stderr
    lines = (python.parent / ".venv" / "installed.txt").read_text().splitlines()
    return [line.split()[-1] for line in lines]


def test_two_installations_into_the_environment_never_run_at_once(python: Path) -> None:
    targets = (".venv/.test-installed", ".venv/.installed", ".venv/.node-installed")
    assert make(python, *targets) == ["node", ".[train,studio,test]"]


def test_what_the_tests_need_is_added_to_an_installation(python: Path) -> None:
    assert make(python, ".venv/.installed") == ["node", ".[train,studio]"]
    added = ["node", ".[train,studio]", ".[test]"]
    assert make(python, ".venv/.test-installed") == added
    assert make(python, ".venv/.test-installed", ".venv/.installed") == added  # once
