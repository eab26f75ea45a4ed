"""The API that is measured: run as `moggy up` runs it, its home in a temporary folder."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from app.domain.database import Database, migrate
from app.domain.images.checkpoint import ServedCheckpoint
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.up.service import api_program
from benchmarks.harness.processes import Server, free_port, serving

WIDTH = 32  # of the generators, at 64×64


@contextmanager
def home() -> Iterator[Settings]:
    """The settings of a service in a new folder, whatever the environment says of another."""
    # A database or a bucket that they name is none of ours.
    theirs = {name: os.environ.pop(name) for name in [*os.environ] if name.startswith("MOGGY_")}
    try:
        with TemporaryDirectory(prefix="moggy-serving-") as folder:
            yield Settings(home=Path(folder), port=free_port())
    finally:
        os.environ |= theirs


def prepare(settings: Settings, models: int = 1) -> list[ServedCheckpoint]:
    """A migrated database and so many models of random weights, as trainings leave them."""
    from benchmarks.harness.random_models import register, store_checkpoint

    migrate(settings.database)
    database, store = Database(settings.database), ObjectStore(settings)
    numbers = range(1, models + 1)
    checkpoints = [
        register(database, store_checkpoint(store, f"bench-{number}", number, width=WIDTH))
        for number in numbers
    ]
    database.close()
    return checkpoints


def api(settings: Settings, **more: object) -> AbstractContextManager[Server]:
    """The API process; `more` are settings by their names."""
    given = {"home": settings.home, "port": settings.port} | more
    program = api_program(
        settings, {f"MOGGY_{name.upper()}": str(value) for name, value in given.items()}
    )
    return serving(
        program.command,
        port=settings.port,
        ready="/healthz",
        log=settings.home / "api.log",
        environment=program.environment,
    )
