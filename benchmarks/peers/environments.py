"""Virtual environments for peers whose dependencies may conflict with the project's.

Each is made once under `.venv-peers`, from the pins in the peer's requirements file.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.harness.machine import ROOT

FOLDER = ROOT / ".venv-peers"
STAMP = "installed.txt"  # in a complete environment: a copy of its requirements


class NotInstalled(Exception):
    """The environment could not be made; the message is the reason."""


def programs(requirements: Path) -> Path:
    """The bin folder of the environment, which is made if necessary. Raises NotInstalled."""
    environment = FOLDER / requirements.stem
    stamp, wanted = environment / STAMP, requirements.read_text()
    if not stamp.exists() or stamp.read_text() != wanted:
        shutil.rmtree(environment, ignore_errors=True)
        print(f"installing {requirements.stem} into {environment}", flush=True)
        _run("venv", "--without-pip", str(environment))
        pip = ("pip", "--python", str(environment), "--quiet", "--disable-pip-version-check")
        _run(*pip, "install", "-r", str(requirements))
        stamp.write_text(wanted)
    return environment / "bin"


def _run(module: str, *arguments: str) -> None:
    command = (sys.executable, "-m", module, *arguments)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise NotInstalled(errors[-1] if errors else done.stderr.strip()[-300:])
