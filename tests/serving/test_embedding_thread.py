"""The embeddings of a dataset are opened for comparison, or the error says why they are not."""

import asyncio
import json
from pathlib import Path

import numpy as np
import pytest
from copying_models import embed, pack_features

from app.domain.database import Database
from app.domain.errors import Unavailable
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.serving.embedding_thread import NotComparable
from app.serving.engine import Engine

from .conftest import PICTURES


@pytest.fixture
def folder(settings: Settings) -> Path:
    """The folder of a packed dataset of 20 pictures."""
    folder = settings.home / "objects" / PICTURES.key
    noise = np.random.default_rng(0).integers(0, 256, (20, 64, 64, 3), np.uint8)
    pack_features(folder, embed(noise))
    return folder


def refusal(engine: Engine, database: Database, cats: GeneratorCheckpoint) -> str:
    with pytest.raises(NotComparable) as raised:
        asyncio.run(engine.embedding_thread.open(database, cats))
    return str(raised.value)


@pytest.mark.usefixtures("folder")
def test_a_stopping_service_opens_no_embeddings(
    engine: Engine, trained_database: Database, cats: GeneratorCheckpoint
) -> None:
    engine.embedding_thread.close()
    with pytest.raises(Unavailable, match="stopping"):
        asyncio.run(engine.embedding_thread.open(trained_database, cats))


def test_a_dataset_without_embeddings_is_named_with_the_remedy(
    engine: Engine, trained_database: Database, cats: GeneratorCheckpoint, folder: Path
) -> None:
    (folder / "dataset.json").write_text(json.dumps({"images": 1000}))
    assert refusal(engine, trained_database, cats) == (
        "dataset 'kittens' was packed before pictures were embedded: upload it again"
    )


def test_embeddings_of_another_network_are_refused(
    engine: Engine, trained_database: Database, cats: GeneratorCheckpoint, folder: Path
) -> None:
    (folder / "dataset.json").write_text(json.dumps({"embedding": "moggy-0-cafe"}))
    assert "was embedded by moggy-0-cafe, this service has moggy-" in refusal(
        engine, trained_database, cats
    )


def test_a_broken_index_is_named_with_its_file(
    engine: Engine, trained_database: Database, cats: GeneratorCheckpoint, folder: Path
) -> None:
    (folder / "features.npy").write_bytes(b"nothing")
    assert "'kittens' cannot be searched: features.npy" in refusal(engine, trained_database, cats)


def test_a_dataset_with_missing_files_is_reported_as_being_deleted(
    engine: Engine, trained_database: Database, cats: GeneratorCheckpoint
) -> None:
    assert refusal(engine, trained_database, cats) == "dataset 'kittens' is being deleted"


def test_an_idle_service_holds_no_deleted_files_open(
    monkeypatch: pytest.MonkeyPatch,
    settings: Settings,
    store: ObjectStore,
    trained_database: Database,
    cats: GeneratorCheckpoint,
    folder: Path,
) -> None:
    monkeypatch.setattr("app.serving.embedding_thread.IDLE_SECONDS", 0.05)
    engine = Engine(settings, store)
    maps = Path("/proc/self/maps")
    if not maps.exists():
        pytest.skip("the kernel does not list mapped files")
    asyncio.run(engine.embedding_thread.open(trained_database, cats))
    for _ in range(200):
        if str(folder) not in maps.read_text():
            break
        asyncio.run(asyncio.sleep(0.05))
    assert str(folder) not in maps.read_text()
    again = asyncio.run(engine.embedding_thread.open(trained_database, cats))
    assert len(again.index.features) == 20
    engine.close()
