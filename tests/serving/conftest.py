"""An engine over an object store in a temporary home, and a checkpoint with its training."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from copying_models import add_training
from databases import sqlite_database

from app.domain.database import Database
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.domain.training_pictures import TrainingPictures
from app.serving.engine import Engine
from benchmarks.harness.random_models import register, store_checkpoint

from .gate import Gate

PICTURES = TrainingPictures("kittens", "d1", "datasets/d1/1")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.fixture
def store(settings: Settings) -> ObjectStore:
    return ObjectStore(settings)


@pytest.fixture
def engine(settings: Settings, store: ObjectStore) -> Iterator[Engine]:
    engine = Engine(settings, store, threads=1)
    yield engine
    engine.close()


@pytest.fixture
def cats(store: ObjectStore) -> GeneratorCheckpoint:
    """A stored checkpoint with random weights: 64×64 RGB, latents of 100 values."""
    return store_checkpoint(store)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    return Gate(monkeypatch)


@pytest.fixture
def trained_database(settings: Settings, cats: GeneratorCheckpoint) -> Database:
    """A database in which the checkpoint `cats` was trained on the packed pictures."""
    sqlite_database(settings.home / "moggy.db")
    database = Database(settings.database)
    register(database, cats)
    add_training(database, cats, PICTURES)
    return database
