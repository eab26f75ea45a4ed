"""Passports of real cats: copies are found, new cats are not copies, absence has a reason."""

import asyncio
import json
from pathlib import Path

import numpy as np
import pytest
from copying_models import add_training, embed, pack_features
from databases import sqlite_database

from app.domain.database import Database
from app.domain.errors import QueueFull, Unavailable
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.domain.training_pictures import TrainingPictures
from app.serving.engine import Engine
from app.serving.passports import DatasetEmbeddings, NearestPicture, NoPassport, Passport
from benchmarks.harness.packed_datasets import decode_jpegs
from benchmarks.harness.random_models import register
from models.scoring.nearest import SAME_IMAGE_DISTANCE

PICTURES = TrainingPictures("kittens", "d1", "datasets/d1/1")


@pytest.fixture(scope="module")
def pictures(shared_data: Path) -> np.ndarray:
    """1,500 cats; the first 1,000 are the training pictures."""
    return decode_jpegs(shared_data / "cats-3000.zip", 1500)


@pytest.fixture(scope="module")
def features(pictures: np.ndarray) -> np.ndarray:
    return embed(pictures[:1000])


@pytest.fixture
def folder(settings: Settings, store: ObjectStore, features: np.ndarray) -> Path:
    folder = settings.home / "objects" / PICTURES.key
    pack_features(folder, features)
    return folder


@pytest.fixture
def database(settings: Settings, cats: GeneratorCheckpoint) -> Database:
    """A database in which the checkpoint `cats` was trained on the packed pictures."""
    sqlite_database(settings.home / "moggy.db")
    database = Database(settings.database)
    register(database, cats)
    add_training(database, cats, PICTURES)
    return database


def issue(
    engine: Engine, database: Database, cats: GeneratorCheckpoint, *requests: np.ndarray
) -> list[list[NearestPicture]]:
    """The nearest pictures for several requests at once."""

    async def ask() -> list[list[Passport]]:
        embeddings = await engine.passports.open(database, cats)
        return await asyncio.gather(
            *(engine.passports.issue(embeddings, pixels) for pixels in requests)
        )

    return [[_nearest(passport) for passport in passports] for passports in asyncio.run(ask())]


def _nearest(passport: Passport) -> NearestPicture:
    assert passport.nearest is not None
    assert passport.quality is None  # no index was given
    return passport.nearest


def refusal(engine: Engine, database: Database, cats: GeneratorCheckpoint) -> str:
    with pytest.raises(NoPassport) as raised:
        asyncio.run(engine.passports.open(database, cats))
    return str(raised.value)


@pytest.mark.usefixtures("folder")
def test_training_pictures_are_copies_at_distance_zero(
    engine: Engine, database: Database, cats: GeneratorCheckpoint, pictures: np.ndarray
) -> None:
    (passports,) = issue(engine, database, cats, pictures[:100])
    assert [passport.index for passport in passports] == list(range(100))
    assert all(passport.copied for passport in passports)
    assert max(passport.distance for passport in passports) <= SAME_IMAGE_DISTANCE
    assert max(passport.percentile for passport in passports) < 1
    assert passports[7].url == "/v1/datasets/kittens/images/7.png"


@pytest.mark.usefixtures("folder")
def test_a_slightly_brighter_training_picture_is_still_a_copy(
    engine: Engine, database: Database, cats: GeneratorCheckpoint, pictures: np.ndarray
) -> None:
    brighter = (pictures[:100].astype(int) + 1).clip(0, 255).astype(np.uint8)
    (passports,) = issue(engine, database, cats, brighter)
    assert np.mean([passport.copied for passport in passports]) > 0.95


@pytest.mark.usefixtures("folder")
def test_new_cats_are_rarely_called_copies(
    engine: Engine, database: Database, cats: GeneratorCheckpoint, pictures: np.ndarray
) -> None:
    (passports,) = issue(engine, database, cats, pictures[1000:])
    assert np.mean([passport.copied for passport in passports]) < 0.03
    assert 35 < np.median([passport.percentile for passport in passports]) < 65


@pytest.mark.usefixtures("folder")
def test_a_passport_does_not_depend_on_other_requests(
    engine: Engine, database: Database, cats: GeneratorCheckpoint, pictures: np.ndarray
) -> None:
    some = pictures[1000:1021]
    apart, whole, mixed = [some[index : index + 1] for index in range(21)], some, some[::-1]
    *singles, together, backwards = issue(engine, database, cats, *apart, whole, mixed)
    assert [passport for (passport,) in singles] == together == backwards[::-1]


@pytest.mark.usefixtures("folder")
def test_a_small_request_does_not_wait_for_a_large_one(
    engine: Engine, database: Database, cats: GeneratorCheckpoint, pictures: np.ndarray
) -> None:
    ended: list[int] = []

    async def ask(embeddings: DatasetEmbeddings, some: np.ndarray) -> None:
        await engine.passports.issue(embeddings, some)
        ended.append(len(some))

    async def both() -> None:
        embeddings = await engine.passports.open(database, cats)
        await asyncio.gather(ask(embeddings, pictures[:1000]), ask(embeddings, pictures[:1]))

    asyncio.run(both())
    assert ended == [1, 1000]


@pytest.mark.usefixtures("folder")
def test_a_full_queue_is_refused_with_the_setting(
    settings: Settings,
    store: ObjectStore,
    database: Database,
    cats: GeneratorCheckpoint,
    pictures: np.ndarray,
) -> None:
    small = Engine(settings.model_copy(update={"generation_queue_images": 20}), store)
    with pytest.raises(QueueFull, match=r"limit of 20 \(MOGGY_GENERATION_QUEUE_IMAGES\)"):
        issue(small, database, cats, pictures[:20], pictures[:1])
    # An empty queue accepts any request.
    assert len(issue(small, database, cats, pictures[:30])[0]) == 30
    small.close()


@pytest.mark.usefixtures("folder")
def test_a_stopping_service_issues_no_passport(
    engine: Engine, database: Database, cats: GeneratorCheckpoint
) -> None:
    engine.passports.close()
    with pytest.raises(Unavailable, match="stopping"):
        asyncio.run(engine.passports.open(database, cats))


@pytest.mark.usefixtures("folder")
def test_a_cancelled_request_is_not_worked_on(
    engine: Engine, database: Database, cats: GeneratorCheckpoint, pictures: np.ndarray
) -> None:
    async def leave() -> None:
        embeddings = await engine.passports.open(database, cats)
        cancelled = asyncio.ensure_future(engine.passports.issue(embeddings, pictures))
        await asyncio.sleep(0)
        cancelled.cancel()
        await engine.passports.issue(embeddings, pictures[:1])
        assert cancelled.cancelled()

    asyncio.run(leave())


def test_a_dataset_without_embeddings_is_named_with_the_remedy(
    engine: Engine, database: Database, cats: GeneratorCheckpoint, folder: Path
) -> None:
    (folder / "dataset.json").write_text(json.dumps({"images": 1000}))
    assert refusal(engine, database, cats) == (
        "dataset 'kittens' was packed before pictures were embedded: upload it again"
    )


def test_embeddings_of_another_network_are_refused(
    engine: Engine, database: Database, cats: GeneratorCheckpoint, folder: Path
) -> None:
    (folder / "dataset.json").write_text(json.dumps({"embedding": "moggy-0-cafe"}))
    assert "was embedded by moggy-0-cafe, this service has moggy-" in refusal(
        engine, database, cats
    )


def test_a_broken_index_is_named_with_its_file(
    engine: Engine, database: Database, cats: GeneratorCheckpoint, folder: Path
) -> None:
    (folder / "features.npy").write_bytes(b"nothing")
    assert "'kittens' cannot be searched: features.npy" in refusal(engine, database, cats)


def test_a_dataset_with_missing_files_is_reported_as_being_deleted(
    engine: Engine, database: Database, cats: GeneratorCheckpoint
) -> None:
    assert refusal(engine, database, cats) == "dataset 'kittens' is being deleted"


def test_an_idle_service_holds_no_deleted_files_open(
    monkeypatch: pytest.MonkeyPatch,
    settings: Settings,
    store: ObjectStore,
    database: Database,
    cats: GeneratorCheckpoint,
    folder: Path,
    pictures: np.ndarray,
) -> None:
    monkeypatch.setattr("app.serving.passports.IDLE_SECONDS", 0.05)
    engine = Engine(settings, store)
    maps = Path("/proc/self/maps")
    if not maps.exists():
        pytest.skip("the kernel does not list mapped files")
    issue(engine, database, cats, pictures[:1])
    for _ in range(200):
        if str(folder) not in maps.read_text():
            break
        asyncio.run(asyncio.sleep(0.05))
    assert str(folder) not in maps.read_text()
    (again,) = issue(engine, database, cats, pictures[5:6])
    assert again[0].index == 5
    engine.close()
