"""The states of the project that are compared: the present one, and an earlier commit of it.

Its programs run with its own code and homes of their own, in the present virtual environment, whose
packages include those of the earlier state.
"""

import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.settings import Settings
from benchmarks.harness.api import register_models
from benchmarks.harness.machine import ROOT
from benchmarks.harness.processes import Server, running_server

# The last commit whose API generated with PyTorch, in a process of its own.
EARLIER_COMMIT = "79ec363441e41e9adbb800c56b6421026e6eb258"
READY = "Moggy is ready"  # the line that `moggy up` prints

# Each runs in the folder of its state, with the home and the port as arguments.
REGISTER = """
import json, sys
from dataclasses import asdict
from pathlib import Path
from app.domain.settings import Settings
from benchmarks.harness.api import register_models
settings = Settings(home=Path(sys.argv[1]), port=int(sys.argv[2]))
print(json.dumps([asdict(made) for made in register_models(settings, int(sys.argv[3]))]))
"""
RUN_API = """
import os, sys
from pathlib import Path
from app.domain.settings import Settings
from app.up.service import api_program
home, port = sys.argv[1:]
settings = Settings(home=Path(home), port=int(port))
program = api_program(settings, {"MOGGY_HOME": home, "MOGGY_PORT": port})
os.execvpe(program.command[0], program.command, os.environ | program.environment)
"""
RUN_UP = """
import sys
from app.cli.main import main
sys.argv[1:] = ["up", "--home", sys.argv[1], "--port", sys.argv[2]]
main()
"""


class NotAvailable(Exception):
    """The earlier state cannot be measured; the message is the reason."""


@dataclass(frozen=True)
class Edition:
    """A state of the project in the folder `root`."""

    root: Path

    def register(self, settings: Settings, models: int = 1) -> list[GeneratorCheckpoint]:
        """Register models with random weights, the same in every state. Raises NotAvailable."""
        if self.root == ROOT:
            return register_models(settings, models)
        done = subprocess.run(
            [*_command(REGISTER, settings), str(models)],
            cwd=self.root,
            env=os.environ | {"PYTHONPATH": str(self.root)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise NotAvailable(done.stderr.strip()[-300:])
        rows = json.loads(done.stdout)
        tuples = ("shape", "classes")
        return [
            GeneratorCheckpoint(**row | {name: tuple(row[name]) for name in tuples}) for row in rows
        ]

    def run_api(self, settings: Settings) -> AbstractContextManager[Server]:
        """The API as `moggy up` starts it."""
        return self._run(RUN_API, settings, ready="/healthz")

    def run_up(self, settings: Settings) -> AbstractContextManager[Server]:
        """`moggy up`, once it has printed that it is ready."""
        return self._run(RUN_UP, settings, ready_line=READY)

    def _run(
        self, program: str, settings: Settings, ready: str = "", ready_line: str = ""
    ) -> AbstractContextManager[Server]:
        return running_server(
            _command(program, settings),
            port=settings.port,
            ready=ready,
            ready_line=ready_line,
            log=settings.home / "benchmark.log",
            environment={},
            root=self.root,
        )


PRESENT = Edition(ROOT)


@contextmanager
def earlier_edition(commit: str = EARLIER_COMMIT) -> Iterator[Edition]:
    """A checkout of the commit in a temporary folder, taken from this repository's history.

    Raises NotAvailable where the history lacks it, as in a shallow clone or an archive.
    """
    with TemporaryDirectory(prefix="moggy-earlier-") as folder:
        file, root = Path(folder) / "checkout.tar", Path(folder) / "moggy"
        command = ["git", "archive", "--format=tar", f"--output={file}", commit]
        try:
            subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            reason = getattr(error, "stderr", "") or str(error)
            raise NotAvailable(
                f"no commit {commit[:7]} in the history of {ROOT}, which `git fetch --unshallow` "
                f"may bring: {reason.strip()[-200:]}"
            ) from error
        with tarfile.open(file) as archive:
            archive.extractall(root, filter="data")
        file.unlink()
        yield Edition(root)


def _command(program: str, settings: Settings) -> list[str]:
    return [sys.executable, "-c", program, str(settings.home), str(settings.port)]
