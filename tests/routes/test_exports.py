"""A checkpoint is exported as its files and as a bundle that says where it comes from."""

import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from sqlalchemy import select, update
from weight_files import TINY, register_tiny

from app.domain.bundles import (
    CARD,
    DIRECTIONS,
    LATENTS,
    LINEAGE,
    MEMBERS,
    METRICS,
    ONNX,
    REFERENCE,
    SAMPLES,
    WEIGHTS,
)
from app.domain.database import Database
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.domain.tables import Checkpoint, Job
from app.serving import checkpoint_exports
from benchmarks.harness.random_models import checkpoint_bytes, onnx_bytes

METRICS_VALUE = {"kid": 0.01, "kid_interval": [0.0, 0.02], "embedding": "moggy-1"}


@pytest.fixture
def checkpoint(client: TestClient, database: Database, settings: Settings) -> GeneratorCheckpoint:
    """A checkpoint of a small grey model, registered with its sizes, scores and training."""
    columns: dict[str, Any] = {"metrics": METRICS_VALUE, "kid": 0.01, "job": "training"}
    checkpoint = register_tiny(database, ObjectStore(settings), **columns)
    with database.write() as session:
        session.add(
            Job(
                id="training",
                kind="train",
                queue="train",
                status="succeeded",
                model="cats",
                dataset="kittens",
                preset="mlp",
                config={},
                progress={},
            )
        )
    return checkpoint


def url(checkpoint: GeneratorCheckpoint, export_format: str) -> str:
    return f"/v1/checkpoints/{checkpoint.id}/export?format={export_format}"


@pytest.mark.parametrize("export_format", ["onnx", "safetensors"])
def test_a_file_is_exported_whole_in_part_and_not_again(
    client: TestClient, checkpoint: GeneratorCheckpoint, export_format: str
) -> None:
    data = (onnx_bytes if export_format == "onnx" else checkpoint_bytes)(TINY, 1)
    answer = client.get(url(checkpoint, export_format))
    assert (answer.status_code, answer.content == data) == (200, True)
    assert answer.headers["etag"] == f'"{hashlib.sha256(data).hexdigest()}"'
    name = f"cats-{checkpoint.id}.{export_format}"
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
    assert "immutable" in answer.headers["cache-control"]
    part = client.get(url(checkpoint, export_format), headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, data[100:200])
    beyond = client.get(url(checkpoint, export_format), headers={"Range": f"bytes={len(data)}-"})
    assert beyond.status_code == 416
    head = client.head(url(checkpoint, export_format))
    assert (head.headers["content-length"], head.content) == (str(len(data)), b"")
    known = {"If-None-Match": answer.headers["etag"]}
    assert client.get(url(checkpoint, export_format), headers=known).status_code == 304


def test_a_bundle_has_the_files_the_scores_the_lineage_and_the_images_that_are_served(
    client: TestClient, checkpoint: GeneratorCheckpoint
) -> None:
    answer = client.get(url(checkpoint, "bundle"))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    name = f"cats-{checkpoint.id}.zip"
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert sorted(archive.namelist()) == sorted(set(MEMBERS) - {LATENTS, DIRECTIONS, REFERENCE})
        files = {member: archive.read(member) for member in archive.namelist()}
    assert files[WEIGHTS] == checkpoint_bytes(TINY, 1)
    assert files[ONNX] == onnx_bytes(TINY, 1)
    assert json.loads(files[METRICS]) == METRICS_VALUE
    lineage = json.loads(files[LINEAGE])
    assert lineage["sha256"] == checkpoint.sha256
    assert lineage["config"] == TINY.to_json()
    assert lineage["job"]["preset"] == "mlp"
    assert lineage["dataset"] == {"name": "kittens", "content_hash": None, "images": None}
    assert lineage["imported"] is None
    assert b"# cats" in files[CARD]
    with Image.open(io.BytesIO(files[SAMPLES])) as sheet:
        grid = np.asarray(sheet)
    assert grid.shape == (8 * 28, 8 * 28)
    with Image.open(io.BytesIO(client.get("/v1/models/cats/images/7.png").content)) as image:
        assert np.array_equal(grid[:28, 7 * 28 :], np.asarray(image))


def test_a_bundle_has_the_same_bytes_again_and_is_not_sent_again(
    client: TestClient, checkpoint: GeneratorCheckpoint
) -> None:
    first, second = (client.get(url(checkpoint, "bundle")) for _ in range(2))
    assert first.content == second.content
    assert first.headers["etag"] == second.headers["etag"]
    known = client.get(url(checkpoint, "bundle"), headers={"If-None-Match": first.headers["etag"]})
    assert (known.status_code, known.content) == (304, b"")
    head = client.head(url(checkpoint, "bundle"))
    assert (head.status_code, head.headers["etag"]) == (200, first.headers["etag"])


def test_the_lineage_names_the_pictures_until_others_have_their_name(
    client: TestClient, checkpoint: GeneratorCheckpoint, cats: str, database: Database
) -> None:
    def dataset() -> object:
        answer = client.get(url(checkpoint, "bundle"))
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            return json.loads(archive.read(LINEAGE))["dataset"]

    with database.write() as session:
        session.execute(update(Job).where(Job.id == "training").values(dataset=cats))
    assert dataset() == {"name": "cats", "content_hash": None, "images": 3000}
    with database.write() as session:
        session.execute(update(Job).where(Job.id == "training").values(created_at=-1.0))
        against = {"scored_against": f"{'ab' * 32} moggy-1"}
        session.execute(update(Checkpoint).values(against))
    assert dataset() == {"name": "cats", "content_hash": "ab" * 32, "images": None}


def test_an_unknown_checkpoint_format_or_parameter_is_refused(
    client: TestClient, checkpoint: GeneratorCheckpoint
) -> None:
    assert client.get("/v1/checkpoints/none/export?format=onnx").status_code == 404
    for query in ("format=pickle", "", "format=onnx&scale=2", "format=onnx&reference=false"):
        answer = client.get(f"/v1/checkpoints/{checkpoint.id}/export?{query}")
        assert answer.status_code == 422, query


def test_a_checkpoint_whose_files_are_gone_is_reported(
    client: TestClient, checkpoint: GeneratorCheckpoint, settings: Settings
) -> None:
    ObjectStore(settings).delete(checkpoint.key)
    assert client.get(url(checkpoint, "onnx")).status_code == 200
    for export_format in ("safetensors", "bundle"):
        answer = client.get(url(checkpoint, export_format))
        assert (answer.status_code, answer.json()["detail"]) == (
            404,
            "the checkpoint is being deleted",
        )


def test_an_older_checkpoint_gets_its_onnx_file_first(
    client: TestClient,
    checkpoint: GeneratorCheckpoint,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(checkpoint_exports, "WAIT_SECONDS", 0.1)
    with database.write() as session:
        session.execute(update(Checkpoint).values(onnx_sha256=None, onnx_bytes=None))
    assert client.get(url(checkpoint, "safetensors")).status_code == 200
    for export_format in ("onnx", "bundle"):
        answer = client.get(url(checkpoint, export_format))
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert "is being exported once" in answer.json()["detail"]
    with database.read() as session:
        (job,) = session.scalars(select(Job).where(Job.kind == "export")).all()
    assert (job.checkpoint, job.status) == (checkpoint.id, "queued")


def test_a_name_outside_the_home_is_not_exported(client: TestClient, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    assert client.get("/v1/checkpoints/..%2F..%2Fsecret/export?format=onnx").status_code == 404
