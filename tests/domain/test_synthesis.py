"""Queuing a synthesis: its fields, its checkpoint, what it keeps in use, its disk space."""

import json
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from copying_models import add_training
from queued_jobs import read_job, try_claim_job

from app.domain import datasets, jobs, leases, registry
from app.domain.database import Database
from app.domain.errors import Conflict, InsufficientStorage, InvalidRequest, NotFound
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.images.encoders import encode_image
from app.domain.images.recipes import image_recipe
from app.domain.job_objects import StoredFile, add_shard
from app.domain.job_states import Status, Stop
from app.domain.sample_indexes import IndexMissing
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.domain.synthesis import IMAGE_FORMATS, Synthesis, max_image_bytes, queue_synthesis
from app.domain.tables import CheckpointFile, Dataset
from app.domain.training_pictures import TrainingPictures
from benchmarks.harness.random_models import register
from models.config import MAX_SEED
from models.samples import Sample
from models.scoring.sample_index import VERSION

PICTURES = TrainingPictures("kittens", "d1", "datasets/d1/1")
NOTHING = dict.fromkeys(
    ("model", "checkpoint", "images", "seed", "class", "truncation", "layout", "format",
     "shard_images", "reject_copies", "min_quality", "into")
)  # fmt: skip


@pytest.fixture
def cats(database: Database) -> GeneratorCheckpoint:
    """The served checkpoint of the conditional model "cats"."""
    shape = (64, 64, 3)
    return register(
        database, GeneratorCheckpoint("c1", "cats", "k", "h", 10, shape, 100, ("tabby", "white"))
    )


def queue(database: Database, store: ObjectStore, key: str | None = None, **request: Any) -> str:
    return queue_synthesis(database, Settings(), store, NOTHING | request, key).id


def test_a_field_that_is_not_given_has_its_default(
    database: Database, store: ObjectStore, cats: GeneratorCheckpoint
) -> None:
    job = read_job(database, queue(database, store, model="cats", images=1000))
    assert (job.kind, job.queue, job.model, job.checkpoint) == (
        *("synthesize", "synthesize", "cats", "c1"),
    )
    assert (job.dataset, job.progress["images_total"]) == (None, 1000)
    assert job.config == {
        "images": 1000,
        "seed": 0,
        "class": None,
        "truncation": 1.0,
        "layout": "zip",
        "format": "png",
        "shard_images": 10_000,
        "reject_copies": False,
        "min_quality": 0.0,
        "into": None,
    }


def test_given_fields_are_kept(
    database: Database, store: ObjectStore, cats: GeneratorCheckpoint
) -> None:
    request: dict[str, Any] = {
        "images": 500,
        "seed": 3,
        "class": "white",
        "truncation": 0.7,
        "layout": "webdataset",
        "format": "jpg",
        "shard_images": 50,
        "reject_copies": False,
        "min_quality": 0.0,
        "into": None,
    }
    assert read_job(database, queue(database, store, checkpoint="c1", **request)).config == request


@pytest.mark.parametrize(
    ("values", "field", "words"),
    [
        ({"images": 9}, "images", "images 9 is out of range: 10 to 10000000"),
        ({"images": 10_000_001}, "images", "out of range"),
        ({"images": 10, "seed": -1}, "seed", "out of range"),
        ({"images": 10, "seed": MAX_SEED}, "images", "end beyond the last seed"),
        ({"images": 10, "truncation": 0.0}, "truncation", "0.0 is out of range: above 0, at most"),
        ({"images": 10, "truncation": 1.5}, "truncation", "truncation 1.5 is out of range"),
        ({"images": 10, "shard_images": 9}, "shard_images", "10 to 100000"),
        ({"images": 10, "shard_images": 100_001}, "shard_images", "10 to 100000"),
        ({"images": 10_000_000, "shard_images": 999}, "shard_images", "give at least 1,000"),
    ],
)
def test_a_value_beyond_a_limit_is_refused_with_the_limit(
    values: dict[str, Any], field: str, words: str
) -> None:
    with pytest.raises(InvalidRequest, match=words) as refusal:
        Synthesis(**values)
    assert refusal.value.field == field


def test_the_limits_themselves_are_accepted() -> None:
    assert Synthesis(images=10_000_000, shard_images=1000).images == 10_000_000
    assert Synthesis(images=10, seed=MAX_SEED - 9).seed == MAX_SEED - 9


def test_parquet_without_its_extra_is_refused_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InvalidRequest, match=r'pip install "moggy\[parquet\]"') as refusal:
        Synthesis(images=10, layout="parquet")
    assert refusal.value.field == "layout"


def test_an_api_without_workers_beside_it_leaves_parquet_to_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for package in ("torch", "pyarrow"):
        monkeypatch.setitem(sys.modules, package, None)
    assert Synthesis(images=10, layout="parquet").layout == "parquet"


def test_an_unknown_model_checkpoint_or_class_is_named(
    database: Database, store: ObjectStore, cats: GeneratorCheckpoint
) -> None:
    for request, words in [
        ({"model": "dogs"}, "no model 'dogs'"),
        ({"checkpoint": "gone"}, "no checkpoint 'gone'"),
    ]:
        with pytest.raises(NotFound, match=words):
            queue(database, store, images=10, **request)
    with pytest.raises(InvalidRequest, match="no class 'red': it has tabby, white"):
        queue(database, store, images=10, model="cats", **{"class": "red"})
    with pytest.raises(InvalidRequest, match="needs images: 10 to 10,000,000"):
        queue(database, store, model="cats")


def test_the_same_idempotency_key_creates_one_job(
    database: Database, store: ObjectStore, cats: GeneratorCheckpoint
) -> None:
    first = queue(database, store, "once", model="cats", images=10)
    assert queue(database, store, "once", model="cats", images=10) == first
    with pytest.raises(Conflict, match=first):
        queue(database, store, "once", model="cats", images=11)


def test_its_model_and_its_training_dataset_are_in_use(
    database: Database, store: ObjectStore, cats: GeneratorCheckpoint
) -> None:
    add_training(database, cats, PICTURES)
    job = queue(database, store, model="cats", images=10, reject_copies=True)
    assert read_job(database, job).dataset == "kittens"
    with pytest.raises(Conflict, match=job), database.write() as session:
        registry.delete_model(session, "cats")
    with pytest.raises(Conflict, match=job), database.write() as session:
        datasets.delete(session, "kittens")


def test_copies_cannot_be_rejected_without_the_training_pictures(
    database: Database, store: ObjectStore, cats: GeneratorCheckpoint
) -> None:
    request: dict[str, Any] = {"model": "cats", "images": 10, "reject_copies": True}
    with pytest.raises(Conflict, match="it is not known what this checkpoint was trained on"):
        queue(database, store, **request)
    add_training(database, cats, PICTURES)
    with database.write() as session:
        datasets.delete(session, "kittens")
    with pytest.raises(Conflict) as refusal:
        queue(database, store, **request)
    assert refusal.value.field == "reject_copies"
    assert refusal.value.detail == (
        "copies cannot be recognised: dataset 'kittens', which it was trained on, has "
        "been deleted. Leave reject_copies out"
    )
    assert json.dumps(NOTHING)  # idempotency keys need the request as JSON


IMAGE_BYTES = 64 * 64 * 3 + 2048


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


@pytest.fixture
def plain_cats(database: Database) -> GeneratorCheckpoint:
    """The served checkpoint of the unconditional model "cats"."""
    return register(database, GeneratorCheckpoint("c1", "cats", "k", "h", 10, (64, 64, 3), 100))


def queue_images(database: Database, settings: Settings, images: int, **request: Any) -> str:
    request = {"model": "cats", "images": images} | request
    return queue_synthesis(database, settings, ObjectStore(settings), NOTHING | request, None).id


def test_files_that_may_not_fit_are_refused_with_their_size(
    database: Database,
    settings: Settings,
    plain_cats: GeneratorCheckpoint,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ObjectStore, "free_bytes", lambda _: 1000 * IMAGE_BYTES)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=0))
    settings.runs.mkdir()  # on the store's disk, where storing a file only renames it
    needed = (
        f"may take {1001 * IMAGE_BYTES:,} bytes, and the disk has {1000 * IMAGE_BYTES:,} free: give"
    )
    with pytest.raises(InsufficientStorage, match=needed):
        queue_images(database, settings, 1001)
    assert queue_images(database, settings, 1000)


def test_space_that_unfinished_jobs_may_take_is_not_free(
    database: Database,
    settings: Settings,
    plain_cats: GeneratorCheckpoint,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ObjectStore, "free_bytes", lambda _: 1000 * IMAGE_BYTES)
    queue_images(database, settings, 900)
    beside = f"of which other jobs may take {900 * IMAGE_BYTES:,}"
    with pytest.raises(InsufficientStorage, match=beside):
        queue_images(database, settings, 900)
    claim = try_claim_job(database, queue="synthesize")
    assert claim is not None
    shard, recipes = (StoredFile(name, name, 1, "a" * 64) for name in ("a.zip", "a.jsonl"))
    with database.write() as session:
        add_shard(session, claim, shard, recipes, images=300, tried=300)
    with pytest.raises(InsufficientStorage, match=f"may take {600 * IMAGE_BYTES:,}"):
        queue_images(database, settings, 401)
    with database.write() as session:
        leases.end(session, claim, Status.FAILED, "no reason")
    assert queue_images(database, settings, 1000)


def test_with_a_bucket_the_local_shards_must_fit_the_disk_of_the_runs(
    database: Database,
    settings: Settings,
    plain_cats: GeneratorCheckpoint,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ObjectStore, "free_bytes", lambda _: None)
    disk = SimpleNamespace(free=300 * IMAGE_BYTES)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: disk)
    assert queue_images(
        database, settings, 10**6, shard_images=101
    )  # the runs are on another machine
    settings.runs.mkdir()
    with pytest.raises(
        InsufficientStorage, match=f"may take {303 * IMAGE_BYTES:,} bytes, and the disk of"
    ):
        queue_images(database, settings, 10**6, shard_images=101)
    queue_images(database, settings, 10**6, shard_images=100)  # queued behind the first job
    try_claim_job(database, queue="synthesize")
    with pytest.raises(InsufficientStorage, match=f"other jobs may take {303 * IMAGE_BYTES:,}"):
        queue_images(database, settings, 100)


@pytest.mark.parametrize("image_format", IMAGE_FORMATS)
@pytest.mark.parametrize("shape", [(28, 28, 1), (64, 64, 3), (256, 256, 1)])
def test_noise_takes_no_more_than_the_upper_bound(
    shape: tuple[int, int, int], image_format: str
) -> None:
    recipe = image_recipe(GeneratorCheckpoint("c1", "cats", "k", "h", 10, shape, 100), Sample(7))
    random = np.random.default_rng(0)
    for noise in (random.integers(0, 256, shape), random.integers(0, 2, shape) * 255):
        file = encode_image(noise.astype(np.uint8), image_format, recipe)
        assert len(file) < max_image_bytes(shape, "zip", image_format) - 512


def dataset_of(database: Database, name: str) -> Dataset:
    with database.read() as session:
        return datasets.find(session, name)


def test_the_dataset_of_a_synthesis_is_registered_with_the_shape_of_the_model(
    database: Database, store: ObjectStore, cats: GeneratorCheckpoint
) -> None:
    job_id = queue(database, store, model="cats", images=1000, into="kittens")
    dataset = dataset_of(database, "kittens")
    assert (dataset.status, dataset.job) == ("ingesting", job_id)
    assert (dataset.request["size"], dataset.request["channels"]) == ("64x64", "rgb")
    config = read_job(database, job_id).config
    assert (config["into"], config["layout"]) == ("kittens", "imagefolder")
    with pytest.raises(Conflict, match="there is a dataset 'kittens' already"):
        queue(database, store, model="cats", images=1000, into="kittens")
    with pytest.raises(Conflict, match=f"in use by job {job_id}"), database.write() as session:
        datasets.delete(session, "kittens")


def test_the_dataset_of_a_cancelled_synthesis_has_failed_and_its_name_is_free(
    database: Database, store: ObjectStore, cats: GeneratorCheckpoint
) -> None:
    job_id = queue(database, store, model="cats", images=1000, into="kittens")
    with database.write() as session:
        jobs.request_stop(session, job_id, Stop.CANCEL)
    dataset = dataset_of(database, "kittens")
    assert (dataset.status, dataset.error) == ("failed", "its synthesis was cancelled")
    again = queue(database, store, model="cats", images=1000, into="kittens")
    assert dataset_of(database, "kittens").job == again


def add_index(database: Database, absent: str | None, version: int = VERSION) -> None:
    details = {"quality_absent": absent, "version": version}
    file = CheckpointFile(
        checkpoint="c1", kind="index", key="i", sha256="s", bytes=1, details=details
    )
    with database.write() as session:
        session.add(file)


def test_a_quality_needs_an_index_which_is_built_first(
    database: Database, store: ObjectStore, cats: GeneratorCheckpoint
) -> None:
    request, woken = NOTHING | {"model": "cats", "images": 10, "min_quality": 30.0}, list[str]()
    with pytest.raises(IndexMissing, match="has no sample index yet: job") as missing:
        queue_synthesis(database, Settings(), store, request, None, woken.append)
    assert missing.value.job is not None
    assert read_job(database, missing.value.job).kind == "index"
    assert woken == ["light"]
    add_index(database, None)
    job = read_job(database, queue_synthesis(database, Settings(), store, request, None).id)
    assert (job.config["min_quality"], job.config["index"]) == (30.0, "s")


def test_an_index_of_an_older_version_is_built_anew_before_a_quality_is_measured(
    database: Database, store: ObjectStore, cats: GeneratorCheckpoint
) -> None:
    add_index(database, None, version=VERSION - 1)
    with pytest.raises(IndexMissing) as missing:
        queue(database, store, model="cats", images=10, min_quality=30.0)
    assert read_job(database, missing.value.job or "").kind == "index"


def test_a_quality_that_is_not_known_or_out_of_range_is_refused(
    database: Database, store: ObjectStore, cats: GeneratorCheckpoint
) -> None:
    add_index(database, "its dataset has been deleted")
    with pytest.raises(Conflict, match=r"has been deleted\. Leave min_quality out"):
        queue(database, store, model="cats", images=10, min_quality=30.0)
    with pytest.raises(InvalidRequest, match="min_quality 96 is out of range: 0 to 95"):
        queue(database, store, model="cats", images=10, min_quality=96.0)
