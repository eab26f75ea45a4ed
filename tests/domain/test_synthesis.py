"""What a synthesis is asked of: what it may be, which checkpoint it means, what it holds."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from copying_models import add_training
from queued_jobs import read

from app.domain import datasets, registry
from app.domain.database import Database
from app.domain.errors import Conflict, InvalidRequest, NotFound
from app.domain.images.checkpoint import ServedCheckpoint
from app.domain.lineage import TrainingPictures
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.domain.synthesis import Synthesis, queue_synthesis
from benchmarks.random_models import register
from models.config import MAX_SEED

PICTURES = TrainingPictures("kittens", "d1", "datasets/d1/1")
NOTHING = dict.fromkeys(
    ("model", "checkpoint", "images", "seed", "class", "layout", "format", "shard_images",
     "reject_copies")
)  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return ObjectStore(Settings(home=tmp_path))


@pytest.fixture
def cats(database: Database) -> ServedCheckpoint:
    """The served checkpoint of the conditional model "cats"."""
    shape = (64, 64, 3)
    return register(
        database, ServedCheckpoint("c1", "cats", "k", "h", 10, shape, 100, ("tabby", "white"))
    )


def queue(database: Database, store: ObjectStore, key: str | None = None, **asked: Any) -> str:
    return queue_synthesis(database, Settings(), store, NOTHING | asked, key).id


def test_what_is_not_asked_for_has_its_default(
    database: Database, store: ObjectStore, cats: ServedCheckpoint
) -> None:
    job = read(database, queue(database, store, model="cats", images=1000))
    assert (job.kind, job.queue, job.model, job.checkpoint) == (
        *("synthesize", "synthesize", "cats", "c1"),
    )
    assert (job.dataset, job.progress["images_total"]) == (None, 1000)
    assert job.config == {
        "images": 1000,
        "seed": 0,
        "class": None,
        "layout": "zip",
        "format": "png",
        "shard_images": 10_000,
        "reject_copies": False,
    }


def test_what_is_asked_for_is_kept(
    database: Database, store: ObjectStore, cats: ServedCheckpoint
) -> None:
    asked: dict[str, Any] = {
        "images": 500,
        "seed": 3,
        "class": "white",
        "layout": "webdataset",
        "format": "jpg",
        "shard_images": 50,
        "reject_copies": False,
    }
    assert read(database, queue(database, store, checkpoint="c1", **asked)).config == asked


@pytest.mark.parametrize(
    ("asked", "field", "words"),
    [
        ({"images": 9}, "images", "images 9 is out of range: 10 to 10000000"),
        ({"images": 10_000_001}, "images", "out of range"),
        ({"images": 10, "seed": -1}, "seed", "out of range"),
        ({"images": 10, "seed": MAX_SEED}, "images", "last seed would be beyond"),
        ({"images": 10, "shard_images": 9}, "shard_images", "10 to 100000"),
        ({"images": 10, "shard_images": 100_001}, "shard_images", "10 to 100000"),
        ({"images": 10_000_000, "shard_images": 999}, "shard_images", "at least 1,000 are needed"),
    ],
)
def test_what_is_beyond_a_limit_is_refused_with_it(
    asked: dict[str, Any], field: str, words: str
) -> None:
    with pytest.raises(InvalidRequest, match=words) as refusal:
        Synthesis(**asked)
    assert refusal.value.field == field


def test_the_most_that_may_be_asked_for() -> None:
    assert Synthesis(images=10_000_000, shard_images=1000).images == 10_000_000
    assert Synthesis(images=10, seed=MAX_SEED - 9).seed == MAX_SEED - 9


def test_parquet_without_its_extra_is_refused_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InvalidRequest, match=r'pip install "moggy\[parquet\]"') as refusal:
        Synthesis(images=10, layout="parquet")
    assert refusal.value.field == "layout"


def test_what_is_not_there_is_named(
    database: Database, store: ObjectStore, cats: ServedCheckpoint
) -> None:
    for asked, words in [
        ({"model": "dogs"}, "no model 'dogs'"),
        ({"checkpoint": "gone"}, "no checkpoint 'gone'"),
    ]:
        with pytest.raises(NotFound, match=words):
            queue(database, store, images=10, **asked)
    with pytest.raises(InvalidRequest, match="no class 'red': it has tabby, white"):
        queue(database, store, images=10, model="cats", **{"class": "red"})
    with pytest.raises(InvalidRequest, match="needs images: 10 to 10,000,000"):
        queue(database, store, model="cats")


def test_the_same_key_makes_one_job(
    database: Database, store: ObjectStore, cats: ServedCheckpoint
) -> None:
    first = queue(database, store, "once", model="cats", images=10)
    assert queue(database, store, "once", model="cats", images=10) == first
    with pytest.raises(Conflict, match=first):
        queue(database, store, "once", model="cats", images=11)


def test_its_model_and_the_dataset_that_it_compares_with_are_in_use(
    database: Database, store: ObjectStore, cats: ServedCheckpoint
) -> None:
    add_training(database, cats, PICTURES)
    job = queue(database, store, model="cats", images=10, reject_copies=True)
    assert read(database, job).dataset == "kittens"
    with pytest.raises(Conflict, match=job), database.write() as session:
        registry.delete_model(session, "cats")
    with pytest.raises(Conflict, match=job), database.write() as session:
        datasets.delete(session, "kittens")


def test_copies_cannot_be_left_out_where_the_pictures_are_gone(
    database: Database, store: ObjectStore, cats: ServedCheckpoint
) -> None:
    asked = {"model": "cats", "images": 10, "reject_copies": True}
    with pytest.raises(Conflict, match="it is not known what this checkpoint was trained on"):
        queue(database, store, **asked)
    add_training(database, cats, PICTURES)
    with database.write() as session:
        datasets.delete(session, "kittens")
    with pytest.raises(Conflict) as refusal:
        queue(database, store, **asked)
    assert refusal.value.field == "reject_copies"
    assert refusal.value.detail == (
        "copies cannot be told from other images: dataset 'kittens', which it was trained on, has "
        "been deleted. Leave reject_copies out"
    )
    assert json.dumps(NOTHING)  # a request is hashed as JSON
