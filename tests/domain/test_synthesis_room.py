"""What may not fit the disks is refused, with how much that is and what others may take."""

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from queued_jobs import claim_job

from app.domain import leases
from app.domain.database import Database
from app.domain.errors import InsufficientStorage
from app.domain.images.checkpoint import ServedCheckpoint
from app.domain.images.encoders import encode_image
from app.domain.images.recipes import image_recipe
from app.domain.job_files import StoredFile, add_shard
from app.domain.job_states import Status
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.domain.synthesis import FORMATS, queue_synthesis
from app.domain.synthesis_room import picture_bytes
from benchmarks.random_models import register
from models.samples import Sample

SIZE = 64 * 64 * 3 + 2048
NOTHING = dict.fromkeys(
    ("model", "checkpoint", "images", "seed", "class", "layout", "format", "shard_images",
     "reject_copies")
)  # fmt: skip


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


@pytest.fixture
def cats(database: Database) -> ServedCheckpoint:
    return register(database, ServedCheckpoint("c1", "cats", "k", "h", 10, (64, 64, 3), 100))


def queue(database: Database, settings: Settings, images: int, **asked: Any) -> str:
    request = NOTHING | {"model": "cats", "images": images} | asked
    return queue_synthesis(database, settings, ObjectStore(settings), request, None).id


def test_what_may_not_fit_is_refused_with_how_much_that_is(
    database: Database, settings: Settings, cats: ServedCheckpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ObjectStore, "free_bytes", lambda _: 1000 * SIZE)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=0))
    settings.runs.mkdir()  # on the disk of the store, where a file is only renamed
    needed = f"may take {1001 * SIZE:,} bytes and the disk has {1000 * SIZE:,} free: ask"
    with pytest.raises(InsufficientStorage, match=needed):
        queue(database, settings, 1001)
    assert queue(database, settings, 1000)


def test_what_unfinished_jobs_may_still_take_is_not_given_twice(
    database: Database, settings: Settings, cats: ServedCheckpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ObjectStore, "free_bytes", lambda _: 1000 * SIZE)
    queue(database, settings, 900)
    beside = f"of which other jobs may take {900 * SIZE:,}"
    with pytest.raises(InsufficientStorage, match=beside):
        queue(database, settings, 900)
    claim = claim_job(database, queue="synthesize")
    assert claim is not None
    shard, recipes = (StoredFile(name, name, 1, "a" * 64) for name in ("a.zip", "a.jsonl"))
    with database.write() as session:
        add_shard(session, claim, shard, recipes, images=300, tried=300)
    with pytest.raises(InsufficientStorage, match=f"may take {600 * SIZE:,}"):
        queue(database, settings, 401)
    with database.write() as session:
        leases.end(session, claim, Status.FAILED, "no reason")
    assert queue(database, settings, 1000)


def test_with_a_bucket_the_shards_at_hand_must_fit_where_they_are_written(
    database: Database, settings: Settings, cats: ServedCheckpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ObjectStore, "free_bytes", lambda _: None)
    disk = SimpleNamespace(free=300 * SIZE)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: disk)
    assert queue(database, settings, 10**6, shard_images=101)  # elsewhere than here
    settings.runs.mkdir()
    with pytest.raises(InsufficientStorage, match=f"may take {303 * SIZE:,} bytes and the disk of"):
        queue(database, settings, 10**6, shard_images=101)
    queue(database, settings, 10**6, shard_images=100)  # waits for the first to end
    claim_job(database, queue="synthesize")
    with pytest.raises(InsufficientStorage, match=f"other jobs may take {303 * SIZE:,}"):
        queue(database, settings, 100)


@pytest.mark.parametrize("image_format", FORMATS)
@pytest.mark.parametrize("shape", [(28, 28, 1), (64, 64, 3), (256, 256, 1)])
def test_noise_takes_no_more_than_is_reckoned(
    shape: tuple[int, int, int], image_format: str
) -> None:
    recipe = image_recipe(ServedCheckpoint("c1", "cats", "k", "h", 10, shape, 100), Sample(7))
    random = np.random.default_rng(0)
    for noise in (random.integers(0, 256, shape), random.integers(0, 2, shape) * 255):
        file = encode_image(noise.astype(np.uint8), image_format, recipe)
        assert len(file) < picture_bytes(shape, "zip", image_format) - 512
