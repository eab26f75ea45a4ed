"""Syntheses by real workers: their files equal what the API serves, even after kills."""

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
from job_watch import JobWatch, child_pid
from servers import ON_POSTGRESQL

from app.domain import dataset_files, datasets, job_objects, jobs
from app.domain.database import Database
from app.domain.errors import Conflict
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.job_states import Status, Stop
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.domain.synthesis import queue_synthesis
from app.domain.tables import JobFile
from app.domain.training_pictures import TrainingPictures
from app.main import create_app
from benchmarks.harness.random_models import register, store_checkpoint
from models.onnx_generator import OnnxGenerator
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
    """The settings of the service, with the parameter "bucket" with its objects in a bucket."""
    if getattr(request, "param", None) != "bucket":
        return settings
    for name, value in request.getfixturevalue("s3_environment").items():
        monkeypatch.setenv(name, value)
    return settings.model_copy(update={"storage_url": f"s3://moggy/{jobs.new_id()}"})


@pytest.fixture
def checkpoint(database: Database, store: ObjectStore) -> GeneratorCheckpoint:
    """A checkpoint of the conditional model "cats"."""
    return register(
        database, store_checkpoint(store, shape=(28, 28, 3), classes=CLASSES, conditional=True)
    )


@pytest.fixture
def synthesize(
    database: Database, settings: Settings, store: ObjectStore, checkpoint: GeneratorCheckpoint
) -> Synthesize:
    """Queues a synthesis; returns the job id."""

    def queue(**fields: Any) -> str:
        names = ("images", "seed", "class", "layout", "format", "shard_images", "reject_copies")
        request = (
            dict.fromkeys((*names, "min_quality", "into"))
            | {"model": "cats", "checkpoint": None}
            | fields
        )
        return queue_synthesis(database, settings, store, request, None).id

    return queue


@pytest.fixture
def files(database: Database) -> Callable[[str], list[JobFile]]:
    """The files of a job, in order."""

    def read(job_id: str) -> list[JobFile]:
        with database.read() as session:
            return job_objects.list_files(session, job_id)

    return read


def test_the_images_become_a_dataset_with_the_classes_of_the_model(
    synthesize: Synthesize,
    watch: Watch,
    start_worker: StartWorker,
    database: Database,
    store: ObjectStore,
    checkpoint: GeneratorCheckpoint,
) -> None:
    start_worker("light,evaluate,synthesize")
    job_id = synthesize(images=25, shard_images=10, into="kittens")
    result = watch(job_id).until_ended().result
    assert result is not None
    assert result["dataset"] == "kittens"
    assert watch(result["ingest"]).until_ended().status == Status.SUCCEEDED
    with database.read() as session:
        dataset = datasets.find(session, "kittens")
        with pytest.raises(Conflict, match="only a job of kind synthesize"):
            job_objects.unlist_files(session, dataset.job)
    assert (dataset.status, dataset.images, dataset.shape) == ("ready", 25, [28, 28, 3])
    assert dataset.classes == list(CLASSES)
    pixels = {dataset_files.read_image(store, dataset, index).tobytes() for index in range(25)}
    path = store.local_copy(checkpoint.onnx_key)
    samples = [Sample(seed, class_from_seed(seed, 2)) for seed in range(25)]
    assert pixels == {image.tobytes() for image in OnnxGenerator(path).render(samples)}


def test_the_files_and_the_manifest_agree_with_the_api(
    synthesize: Synthesize,
    files: Callable[[str], list[JobFile]],
    watch: Watch,
    start_worker: StartWorker,
    settings: Settings,
    checkpoint: GeneratorCheckpoint,
) -> None:
    start_worker("light,evaluate,synthesize")
    changes = {"layout": "imagefolder", "truncation": 0.7}
    job_id = synthesize(images=25, seed=7, shard_images=10, **changes)
    job = watch(job_id).until_ended()
    assert (job.status, job.error) == (Status.SUCCEEDED, None)
    assert job.progress["images_seen"] == 25
    with TestClient(create_app(settings), base_url="http://127.0.0.1:8000") as client:
        listed = client.get(f"/v1/jobs/{job_id}/files").json()["items"]
        assert [file["name"] for file in listed] == [
            "manifest.json",
            *("cats-000002.jsonl", "cats-000002.zip", "cats-000001.jsonl", "cats-000001.zip"),
            *("cats-000000.jsonl", "cats-000000.zip"),
        ]
        fetched = {file["name"]: client.get(file["url"]).content for file in listed}
        for file in listed:
            data = fetched[file["name"]]
            assert (file["bytes"], file["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
        manifest = json.loads(fetched["manifest.json"])
        served: dict[str, bytes] = {}
        for shard in manifest["shards"]:
            with zipfile.ZipFile(io.BytesIO(fetched[shard["name"]])) as archive:
                served |= {name: archive.read(name) for name in archive.namelist()}
        assert sorted(served) == sorted(
            f"{CLASSES[class_from_seed(seed, 2)]}/{seed}.png" for seed in range(7, 32)
        )
        for name, data in served.items():
            address = f"/v1/models/cats/images/{name.partition('/')[2]}?truncation=0.7"
            assert client.get(address).content == data
    assert manifest["recipe"]["sha256"] == checkpoint.sha256
    assert (manifest["recipe"]["truncation"], manifest["truncation"]) == (0.7, 0.7)
    assert (manifest["images"], manifest["seed"], manifest["class"]) == (25, 7, None)
    assert (manifest["classes"], manifest["layout"]) == (list(CLASSES), "imagefolder")
    assert [(shard["first_seed"], shard["last_seed"]) for shard in manifest["shards"]] == [
        *((7, 16), (17, 26), (27, 31))
    ]
    assert job.result == {
        "images": 25,
        "shards": 3,
        "bytes": sum(file["bytes"] for file in listed),
        "manifest": f"/v1/jobs/{job_id}/files/manifest.json",
    }
    assert [event["name"] for event in watch(job_id).events("file")] == [
        shard["name"] for shard in manifest["shards"]
    ]


def test_a_killed_paused_or_stopped_synthesis_continues_with_the_same_files(
    synthesize: Synthesize,
    files: Callable[[str], list[JobFile]],
    watch: Watch,
    start_worker: StartWorker,
    database: Database,
    store: ObjectStore,
) -> None:
    job_id = synthesize(images=10_000, shard_images=500, layout="webdataset")
    worker = start_worker("synthesize")

    def wait_for_shards(least: int) -> None:
        watch(job_id).until(lambda _: len(files(job_id)) >= 2 * least)

    wait_for_shards(1)
    child = child_pid(worker, "worker.synthesis")
    assert child is not None
    os.kill(child, signal.SIGKILL)
    wait_for_shards(3)
    with database.write() as session:
        jobs.request_stop(session, job_id, Stop.PAUSE)
    watch(job_id).until(lambda job: job.status == Status.PAUSED)
    before = [(file.name, file.key) for file in files(job_id)]
    with database.write() as session:
        jobs.resume(session, job_id)
    worker.terminate()
    assert worker.wait() == 0
    start_worker("synthesize")
    job = watch(job_id).until_ended()
    assert (job.status, job.error, job.attempt) == (Status.SUCCEEDED, None, 0)
    made = files(job_id)
    assert [(file.name, file.key) for file in made][: len(before)] == before
    assert store.keys(f"jobs/{job_id}") == sorted(file.key for file in made)
    recipes = [store.get_bytes(file.key) for file in made if file.name.endswith(".jsonl")]
    lines = [json.loads(line) for content in recipes for line in content.splitlines()]
    assert [line["seed"] for line in lines] == list(range(10_000))
    last = synthesize(images=500, shard_images=500, layout="webdataset", seed=9_500)
    assert watch(last).until_ended().status == Status.SUCCEEDED
    assert files(last)[0].sha256 == made[-3].sha256


def test_a_killed_worker_stores_nothing_twice_and_a_cancel_deletes_all_files(
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
    assert [file.key for file in after[: len(before)]] == [file.key for file in before]
    assert len({file.name for file in after}) == len(after)
    with database.write() as session:
        jobs.request_stop(session, job_id, Stop.CANCEL)
    assert watch(job_id).until(lambda job: job.status == Status.CANCELLED, 10).result is None
    assert files(job_id) == []
    watch(job_id).until(lambda _: not store.keys(f"jobs/{job_id}"))


@pytest.mark.parametrize("settings", ["bucket"], indirect=True)
def test_copies_of_training_images_are_left_out(
    synthesize: Synthesize,
    files: Callable[[str], list[JobFile]],
    watch: Watch,
    start_worker: StartWorker,
    database: Database,
    store: ObjectStore,
    checkpoint: GeneratorCheckpoint,
    tmp_path: Path,
) -> None:
    pictures = TrainingPictures("kittens", "d1", "datasets/d1/1")
    add_training(database, checkpoint, pictures)
    generator = OnnxGenerator(store.get_bytes(checkpoint.onnx_key))
    copied = generator.render([Sample(seed, 1) for seed in (2, 9)])
    pack_features(tmp_path / "packed", embed(np.concatenate([copied] * 2)))
    for path in (tmp_path / "packed").iterdir():
        store.move_in(path, f"{pictures.key}/{path.name}")
    job_id = synthesize(**{"images": 20, "class": "white", "reject_copies": True})
    start_worker("synthesize")
    job = watch(job_id).until_ended()
    assert (job.status, job.error, job.dataset) == (Status.SUCCEEDED, None, "kittens")
    by_name = {file.name: store.get_bytes(file.key) for file in files(job_id)}
    made = [json.loads(line) for line in by_name["cats-000000.jsonl"].splitlines()]
    assert [image["seed"] for image in made] == [seed for seed in range(22) if seed not in (2, 9)]
    manifest = json.loads(by_name["manifest.json"])
    assert manifest["left_out"] == manifest["shards"][0]["left_out"] == 2
    assert (manifest["shards"][0]["first_seed"], manifest["shards"][0]["last_seed"]) == (0, 21)
