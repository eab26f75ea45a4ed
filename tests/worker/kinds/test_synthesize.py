"""Syntheses by real workers: the files are what the API serves, whatever is killed meanwhile."""

import hashlib
import io
import json
import os
import signal
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from copying_models import add_training, embed, pack_features
from fastapi.testclient import TestClient
from job_watch import JobWatch, child_of
from services import ON_POSTGRESQL

from app.domain import job_objects, jobs
from app.domain.database import Database
from app.domain.images.checkpoint import ServedCheckpoint
from app.domain.job_states import Status, Stop
from app.domain.registry import TrainingPictures
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.domain.synthesis import queue_synthesis
from app.domain.tables import JobFile
from app.main import create_app
from benchmarks.random_models import register, store_checkpoint
from models.checkpoint import load_generator
from models.rendering import Renderer
from models.samples import Sample
from models.seeds import class_from_seed

pytestmark = [pytest.mark.slow, ON_POSTGRESQL]

CLASSES = ("tabby", "white")

Synthesize = Callable[..., str]
Watch = Callable[[str], JobWatch]
StartWorker = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def settings(
    settings: Settings, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """With the parameter "bucket", of a service whose objects are in one."""
    if getattr(request, "param", None) != "bucket":
        return settings
    for name, value in request.getfixturevalue("s3_environment").items():
        monkeypatch.setenv(name, value)
    return settings.model_copy(update={"storage_url": f"s3://moggy/{jobs.new_id()}"})


@pytest.fixture
def checkpoint(database: Database, store: ObjectStore) -> ServedCheckpoint:
    """Of the conditional model "cats"."""
    return register(
        database, store_checkpoint(store, shape=(28, 28, 3), classes=CLASSES, conditional=True)
    )


@pytest.fixture
def synthesize(
    database: Database, settings: Settings, store: ObjectStore, checkpoint: ServedCheckpoint
) -> Synthesize:
    """Queues a synthesis; its job id."""

    def queue(**asked: Any) -> str:
        names = ("images", "seed", "class", "layout", "format", "shard_images", "reject_copies")
        request = dict.fromkeys(names) | {"model": "cats", "checkpoint": None} | asked
        return queue_synthesis(database, settings, store, request, None).id

    return queue


@pytest.fixture
def files(database: Database) -> Callable[[str], list[JobFile]]:
    """The files of a job, in order."""

    def read(job_id: str) -> list[JobFile]:
        with database.read() as session:
            return job_objects.list_files(session, job_id)

    return read


def test_the_files_hold_what_the_api_serves_and_the_manifest_is_true(
    synthesize: Synthesize,
    files: Callable[[str], list[JobFile]],
    watch: Watch,
    start_worker: StartWorker,
    settings: Settings,
    checkpoint: ServedCheckpoint,
) -> None:
    start_worker("light,evaluate,synthesize")
    job_id = synthesize(images=25, seed=7, shard_images=10, layout="imagefolder")
    job = watch(job_id).until_ended()
    assert (job.status, job.error) == (Status.SUCCEEDED, None)
    assert job.progress["images_seen"] == 25
    with TestClient(create_app(settings), base_url="http://127.0.0.1:8000") as client:
        listed = client.get(f"/v1/jobs/{job_id}/files").json()["items"]
        assert [one["name"] for one in listed] == [
            "manifest.json",
            *("cats-000002.jsonl", "cats-000002.zip", "cats-000001.jsonl", "cats-000001.zip"),
            *("cats-000000.jsonl", "cats-000000.zip"),
        ]
        fetched = {one["name"]: client.get(one["url"]).content for one in listed}
        for one in listed:
            data = fetched[one["name"]]
            assert (one["bytes"], one["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
        manifest = json.loads(fetched["manifest.json"])
        served = {}
        for shard in manifest["shards"]:
            with zipfile.ZipFile(io.BytesIO(fetched[shard["name"]])) as archive:
                served |= {name: archive.read(name) for name in archive.namelist()}
        assert sorted(served) == sorted(
            f"{CLASSES[class_from_seed(seed, 2)]}/{seed}.png" for seed in range(7, 32)
        )
        for name, data in served.items():
            address = f"/v1/models/cats/images/{name.partition('/')[2]}"
            assert client.get(address).content == data
    assert manifest["recipe"]["sha256"] == checkpoint.sha256
    assert (manifest["images"], manifest["seed"], manifest["class"]) == (25, 7, None)
    assert (manifest["classes"], manifest["layout"]) == (list(CLASSES), "imagefolder")
    assert [(one["first_seed"], one["last_seed"]) for one in manifest["shards"]] == [
        *((7, 16), (17, 26), (27, 31))
    ]
    assert job.result == {
        "images": 25,
        "shards": 3,
        "bytes": sum(one["bytes"] for one in listed),
        "manifest": f"/v1/jobs/{job_id}/files/manifest.json",
    }
    assert [one["name"] for one in watch(job_id).events("file")] == [
        one["name"] for one in manifest["shards"]
    ]


def test_what_is_killed_paused_or_stopped_goes_on_and_makes_the_same_files_once(
    synthesize: Synthesize,
    files: Callable[[str], list[JobFile]],
    watch: Watch,
    start_worker: StartWorker,
    database: Database,
    store: ObjectStore,
) -> None:
    job_id = synthesize(images=10_000, shard_images=500, layout="webdataset")
    worker = start_worker("synthesize")

    def shards(least: int) -> None:
        watch(job_id).until(lambda _: len(files(job_id)) >= 2 * least)

    shards(1)
    child = child_of(worker, "worker.synthesis")
    assert child is not None
    os.kill(child, signal.SIGKILL)
    shards(3)
    with database.write() as session:
        jobs.request_stop(session, job_id, Stop.PAUSE)
    watch(job_id).until(lambda job: job.status == Status.PAUSED, seconds=15)
    before = [(one.name, one.key) for one in files(job_id)]
    with database.write() as session:
        jobs.resume(session, job_id)
    worker.terminate()
    assert worker.wait(15) == 0
    start_worker("synthesize")
    job = watch(job_id).until_ended()
    assert (job.status, job.error, job.attempt) == (Status.SUCCEEDED, None, 0)
    made = files(job_id)
    assert [(one.name, one.key) for one in made][: len(before)] == before
    assert store.keys(f"jobs/{job_id}") == sorted(one.key for one in made)
    recipes = [store.get_bytes(one.key) for one in made if one.name.endswith(".jsonl")]
    lines = [json.loads(line) for one in recipes for line in one.splitlines()]
    assert [one["seed"] for one in lines] == list(range(10_000))
    last = synthesize(images=500, shard_images=500, layout="webdataset", seed=9_500)
    assert watch(last).until_ended().status == Status.SUCCEEDED
    assert files(last)[0].sha256 == made[-3].sha256


def test_a_cancelled_one_leaves_nothing_and_a_worker_that_is_killed_doubles_nothing(
    synthesize: Synthesize,
    files: Callable[[str], list[JobFile]],
    watch: Watch,
    start_worker: StartWorker,
    database: Database,
    store: ObjectStore,
) -> None:
    job_id = synthesize(images=1_000_000, shard_images=1000)
    worker = start_worker("synthesize")
    watch(job_id).until(lambda _: len(files(job_id)) >= 2)
    worker.kill()
    worker.wait()
    before = files(job_id)
    start_worker("synthesize")
    watch(job_id).until(lambda _: len(files(job_id)) > len(before))
    after = files(job_id)
    assert [one.key for one in after[: len(before)]] == [one.key for one in before]
    assert len({one.name for one in after}) == len(after)
    with database.write() as session:
        jobs.request_stop(session, job_id, Stop.CANCEL)
    assert watch(job_id).until(lambda job: job.status == Status.CANCELLED, 10).result is None
    assert files(job_id) == []
    watch(job_id).until(lambda _: not store.keys(f"jobs/{job_id}"))


@pytest.mark.parametrize("settings", ["bucket"], indirect=True)
def test_copies_of_the_training_pictures_are_left_out(
    synthesize: Synthesize,
    files: Callable[[str], list[JobFile]],
    watch: Watch,
    start_worker: StartWorker,
    database: Database,
    store: ObjectStore,
    checkpoint: ServedCheckpoint,
    tmp_path: Path,
) -> None:
    pictures = TrainingPictures("kittens", "d1", "datasets/d1/1")
    add_training(database, checkpoint, pictures)
    renderer = Renderer(load_generator(store.local_copy(checkpoint.key)))
    copied = renderer.render([Sample(seed, 1) for seed in (2, 9)])
    pack_features(tmp_path / "packed", embed(np.concatenate([copied] * 2)))
    for path in (tmp_path / "packed").iterdir():
        store.move_in(path, f"{pictures.key}/{path.name}")
    job_id = synthesize(**{"images": 20, "class": "white", "reject_copies": True})
    start_worker("synthesize")
    job = watch(job_id).until_ended()
    assert (job.status, job.error, job.dataset) == (Status.SUCCEEDED, None, "kittens")
    by_name = {one.name: store.get_bytes(one.key) for one in files(job_id)}
    made = [json.loads(line) for line in by_name["cats-000000.jsonl"].splitlines()]
    assert [one["seed"] for one in made] == [seed for seed in range(22) if seed not in (2, 9)]
    manifest = json.loads(by_name["manifest.json"])
    assert manifest["copies_left_out"] == manifest["shards"][0]["copies_left_out"] == 2
    assert (manifest["shards"][0]["first_seed"], manifest["shards"][0]["last_seed"]) == (0, 21)
