"""A program is imported without garbage collection, and collects once it has been imported."""

import os
import subprocess
import sys
from pathlib import Path

from databases import sqlite_database

MODULE = "import gc, sys; print(__name__, gc.isenabled(), sys.argv)"


def test_a_module_gets_its_arguments_and_no_garbage_collection(tmp_path: Path) -> None:
    module = tmp_path / "printer.py"
    module.write_text(MODULE)
    out = subprocess.check_output(
        [sys.executable, "-m", "app.up.run_without_gc", "printer", "--quiet"],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        text=True,
    )
    assert out == f"__main__ False {[str(module), '--quiet']}\n"


# The worker's signal comes when all is imported.
WORKER = """
import gc
gc.disable()
from celery.signals import worker_init
import worker.tasks
worker_init.send(None)
print(gc.isenabled())
"""


def test_a_worker_that_has_been_imported_collects_again(tmp_path: Path) -> None:
    url = sqlite_database(tmp_path / "moggy.db")
    environment = {"MOGGY_HOME": str(tmp_path), "MOGGY_DATABASE_URL": url}
    out = subprocess.check_output(
        [sys.executable, "-c", WORKER], env=os.environ | environment, text=True
    )
    assert out == "True\n"
