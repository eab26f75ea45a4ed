"""Passports of real cats: copies are found, and new cats are not copies."""

import asyncio
from pathlib import Path

import numpy as np
import pytest
from copying_models import embed, pack_features

from app.domain.database import Database
from app.domain.errors import QueueFull
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.serving.embedding_thread import DatasetEmbeddings
from app.serving.engine import Engine
from app.serving.passports import NearestPicture, Passport
from benchmarks.harness.packed_datasets import decode_jpegs
from models.scoring.nearest import SAME_IMAGE_DISTANCE

from .conftest import PICTURES


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


def issue(
    engine: Engine, database: Database, cats: GeneratorCheckpoint, *requests: np.ndarray
) -> list[list[NearestPicture]]:
    """The nearest pictures for several requests at once."""

    async def ask() -> list[list[Passport]]:
        embeddings = await engine.embedding_thread.open(database, cats)
        return await asyncio.gather(
            *(engine.passports.issue(embeddings, pixels) for pixels in requests)
        )

    return [[_nearest(passport) for passport in passports] for passports in asyncio.run(ask())]


def _nearest(passport: Passport) -> NearestPicture:
    assert passport.nearest is not None
    assert passport.quality is None  # no index was given
    return passport.nearest


@pytest.mark.usefixtures("folder")
def test_training_pictures_are_copies_at_distance_zero(
    engine: Engine, trained_database: Database, cats: GeneratorCheckpoint, pictures: np.ndarray
) -> None:
    (passports,) = issue(engine, trained_database, cats, pictures[:100])
    assert [passport.index for passport in passports] == list(range(100))
    assert all(passport.copied for passport in passports)
    assert max(passport.distance for passport in passports) <= SAME_IMAGE_DISTANCE
    assert max(passport.percentile for passport in passports) < 1
    assert passports[7].url == "/v1/datasets/kittens/images/7.png"


@pytest.mark.usefixtures("folder")
def test_a_slightly_brighter_training_picture_is_still_a_copy(
    engine: Engine, trained_database: Database, cats: GeneratorCheckpoint, pictures: np.ndarray
) -> None:
    brighter = (pictures[:100].astype(int) + 1).clip(0, 255).astype(np.uint8)
    (passports,) = issue(engine, trained_database, cats, brighter)
    assert np.mean([passport.copied for passport in passports]) > 0.95


@pytest.mark.usefixtures("folder")
def test_new_cats_are_rarely_called_copies(
    engine: Engine, trained_database: Database, cats: GeneratorCheckpoint, pictures: np.ndarray
) -> None:
    (passports,) = issue(engine, trained_database, cats, pictures[1000:])
    assert np.mean([passport.copied for passport in passports]) < 0.03
    assert 35 < np.median([passport.percentile for passport in passports]) < 65


@pytest.mark.usefixtures("folder")
def test_a_passport_does_not_depend_on_other_requests(
    engine: Engine, trained_database: Database, cats: GeneratorCheckpoint, pictures: np.ndarray
) -> None:
    some = pictures[1000:1021]
    apart, whole, mixed = [some[index : index + 1] for index in range(21)], some, some[::-1]
    *singles, together, backwards = issue(engine, trained_database, cats, *apart, whole, mixed)
    assert [passport for (passport,) in singles] == together == backwards[::-1]


@pytest.mark.usefixtures("folder")
def test_a_small_request_does_not_wait_for_a_large_one(
    engine: Engine, trained_database: Database, cats: GeneratorCheckpoint, pictures: np.ndarray
) -> None:
    ended: list[int] = []

    async def ask(embeddings: DatasetEmbeddings, some: np.ndarray) -> None:
        await engine.passports.issue(embeddings, some)
        ended.append(len(some))

    async def both() -> None:
        embeddings = await engine.embedding_thread.open(trained_database, cats)
        await asyncio.gather(ask(embeddings, pictures[:1000]), ask(embeddings, pictures[:1]))

    asyncio.run(both())
    assert ended == [1, 1000]


@pytest.mark.usefixtures("folder")
def test_a_full_queue_is_refused_with_the_setting(
    settings: Settings,
    store: ObjectStore,
    trained_database: Database,
    cats: GeneratorCheckpoint,
    pictures: np.ndarray,
) -> None:
    small = Engine(settings.model_copy(update={"generation_queue_images": 20}), store)
    with pytest.raises(QueueFull, match=r"limit of 20 \(MOGGY_GENERATION_QUEUE_IMAGES\)"):
        issue(small, trained_database, cats, pictures[:20], pictures[:1])
    # An empty queue accepts any request.
    assert len(issue(small, trained_database, cats, pictures[:30])[0]) == 30
    small.close()


@pytest.mark.usefixtures("folder")
def test_a_cancelled_request_is_not_worked_on(
    engine: Engine, trained_database: Database, cats: GeneratorCheckpoint, pictures: np.ndarray
) -> None:
    async def leave() -> None:
        embeddings = await engine.embedding_thread.open(trained_database, cats)
        cancelled = asyncio.ensure_future(engine.passports.issue(embeddings, pictures))
        await asyncio.sleep(0)
        cancelled.cancel()
        await engine.passports.issue(embeddings, pictures[:1])
        assert cancelled.cancelled()

    asyncio.run(leave())
