"""The Makefile's rules, where `.ci/run` lets two of them run at the same time."""

import shutil
import subprocess
from pathlib import Path

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
esac
"""


def test_two_installations_into_the_environment_never_run_at_once(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "pyproject.toml").touch()
    python = tmp_path / "python"
    python.write_text(PYTHON)
    python.chmod(0o755)
    made = subprocess.run(
        ["make", "--jobs=4", f"PYTHON={python}", ".venv/.test-installed", ".venv/.installed"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stderr
    installed = (tmp_path / ".venv" / "installed.txt").read_text()
    assert "[train,studio]" in installed
    assert "[test]" in installed
