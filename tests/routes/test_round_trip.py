"""A model that was exported as a bundle and imported into another home makes the same images."""

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from sqlalchemy import update
from weight_files import register_tiny

from app.domain import leases
from app.domain.bundles import LINEAGE, ONNX, WEIGHTS
from app.domain.database import Database, migrate
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.domain.tables import Checkpoint
from app.main import create_app
from worker import supervisor
from worker.context import WorkerContext

IMAGES = ("7.png", f"{2**52 + 5}.png")


@contextmanager
def serving(settings: Settings) -> Iterator[TestClient]:
    migrate(settings.database)
    with TestClient(create_app(settings), base_url="http://127.0.0.1:8000") as client:
        yield client


def add_model(settings: Settings) -> str:
    """Register a checkpoint of the model `cats`; return its id."""
    database = Database(settings.database)
    checkpoint = register_tiny(database, ObjectStore(settings))
    database.close()
    return checkpoint.id


def run_next_job(settings: Settings) -> None:
    """Run the oldest job of the light queue as a worker does, with a real child process."""
    context = WorkerContext.from_settings(settings)
    with context.database.write() as session:
        job = leases.acquire(session, "light", lease_seconds=60, max_attempts=3)
    assert job is not None
    supervisor.supervise(context, job)
    context.notifier.close()
    context.database.close()


def export(client: TestClient, checkpoint: str) -> dict[str, bytes]:
    answer = client.get(f"/v1/checkpoints/{checkpoint}/export?format=bundle")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    return files | {"bundle": answer.content}


def images(client: TestClient) -> list[bytes]:
    return [client.get(f"/v1/models/cats/images/{image}").content for image in IMAGES]


def pixels(picture: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(picture)) as image:
        return np.asarray(image)


@pytest.mark.slow
def test_a_bundle_that_is_imported_into_another_home_makes_the_same_images(
    tmp_path: Path, valkey_url: str
) -> None:
    first = Settings(home=tmp_path / "first", redis_url=valkey_url)
    second = Settings(home=tmp_path / "second", redis_url=valkey_url)
    with serving(first) as client:
        original = add_model(first)
        exported, served = export(client, original), images(client)
    with serving(second) as client:
        file = ("cats.zip", exported["bundle"])
        job = client.post("/v1/models", data={"name": "cats"}, files={"file": file}).json()
        run_next_job(second)
        ended = client.get(f"/v1/jobs/{job['id']}").json()
        assert (ended["status"], ended["error"]) == ("succeeded", None)
        (item,) = client.get("/v1/models/cats/checkpoints").json()["items"]
        assert item["sha256"] == ended["result"]["sha256"]
        again, served_again = export(client, item["id"]), images(client)
        recipe = client.get("/v1/models/cats/images/7.json").json()
        assert recipe["sha256"] == item["sha256"]
        for before, after in zip(served, served_again, strict=True):
            assert np.array_equal(pixels(before), pixels(after))
        # What differs in the files is the checkpoint's id: with the same id, no byte does.
        assert served_again != served
        database = Database(second.database)
        with database.write() as session:
            session.execute(update(Checkpoint).values(id=original))
        database.close()
    with serving(second) as client:
        assert images(client) == served
    for name in (WEIGHTS, ONNX):
        assert again[name] == exported[name]
    assert exported[LINEAGE].decode() != again[LINEAGE].decode()
