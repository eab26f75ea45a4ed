"""The measured API: started as `moggy up` starts it, with its home in a temporary folder."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from app.domain.database import Database, migrate
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.up.service import api_program
from benchmarks.harness.processes import Server, free_port, running_server

WIDTH = 32  # of the 64×64 generators


@contextmanager
def temporary_settings() -> Iterator[Settings]:
    """Settings with a temporary home and a free port; MOGGY_ environment variables are ignored."""
    # They may name the database or the bucket of a real service.
    variables = {name: os.environ.pop(name) for name in [*os.environ] if name.startswith("MOGGY_")}
    try:
        with TemporaryDirectory(prefix="moggy-serving-") as folder:
            yield Settings(home=Path(folder), port=free_port(), starter="none")
    finally:
        os.environ |= variables


def register_models(settings: Settings, models: int = 1) -> list[GeneratorCheckpoint]:
    """Migrate the database and register `models` models with random weights."""
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


def run_api(settings: Settings, **overrides: object) -> AbstractContextManager[Server]:
    """The API process; `overrides` are settings by name."""
    values = {"home": settings.home, "port": settings.port, "starter": settings.starter} | overrides
    program = api_program(
        settings, {f"MOGGY_{name.upper()}": str(value) for name, value in values.items()}
    )
    return running_server(
        program.command,
        port=settings.port,
        ready="/healthz",
        log=settings.home / "api.log",
        environment=program.environment,
    )
