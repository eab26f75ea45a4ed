"""An engine over an object store in a temporary home."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.serving.engine import Engine
from benchmarks.harness.random_models import store_checkpoint

from .gate import Gate


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
