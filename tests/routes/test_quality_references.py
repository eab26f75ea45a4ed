"""The quality reference of a checkpoint travels in its bundle, and counts where it is imported."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from bundle_files import CHILD_EVENT, bundle_contents, few_real_images, zipped
from fastapi.testclient import TestClient
from queued_jobs import try_claim_job
from sample_index_files import add_index
from weight_files import register_tiny

from app.domain.bundles import CARD, REFERENCE
from app.domain.checkpoint_files import REFERENCE_FILE, find_file
from app.domain.database import Database
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.imports import (
    add_imported_model,
    imported_reference_key,
    read_record,
    reference_key,
)
from app.domain.store import ObjectStore
from models.scoring.onnx_embedder import OnnxEmbedder
from models.scoring.reference_file import read_reference, reference_bytes
from models.scoring.sample_index import Description, write_sample_index

EMBEDDING = OnnxEmbedder().name


@pytest.fixture
def indexed(
    client: TestClient, database: Database, store: ObjectStore, tmp_path: Path
) -> GeneratorCheckpoint:
    """A checkpoint whose sample index has a quality reference."""
    checkpoint, path, images = register_tiny(database, store), tmp_path / "index", few_real_images()
    description = Description(
        samples=5, embedding=EMBEDDING, checkpoint_sha256=checkpoint.sha256, quality_absent=None
    )
    write_sample_index(
        path,
        description,
        features=images.features,
        colours=np.zeros((5, 9, 3), np.float32),
        labels=None,
        reference=images,
    )
    add_index(database, store, checkpoint, path)
    return checkpoint


def export(client: TestClient, checkpoint: str, query: str = "") -> dict[str, bytes]:
    answer = client.get(f"/v1/checkpoints/{checkpoint}/export?format=bundle{query}")
    assert answer.status_code == 200, answer.text
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_it_is_exported_where_it_is_known_unless_it_is_left_out(
    client: TestClient, indexed: GeneratorCheckpoint
) -> None:
    bundle = export(client, indexed.id)
    assert bundle[REFERENCE] == reference_bytes(few_real_images(), EMBEDDING)
    assert b"reveal whether a given picture was among them" in bundle[CARD]
    without = export(client, indexed.id, "&reference=false")
    assert REFERENCE not in without
    assert b"reveal" not in without[CARD]
    assert set(bundle) - set(without) == {REFERENCE}


def test_an_import_stores_it_beside_the_checkpoint_and_exports_it_again(
    client: TestClient, indexed: GeneratorCheckpoint, database: Database, store: ObjectStore
) -> None:
    data = export(client, indexed.id)[REFERENCE]
    files = {"file": ("cats.zip", zipped(bundle_contents() | {REFERENCE: data}))}
    answer = client.post("/v1/models", data={"name": "kittens"}, files=files)
    assert answer.status_code == 202, answer.text
    claim = try_claim_job(database, queue="light")
    assert claim is not None
    assert store.get_bytes(reference_key(claim.job_id)) == data
    store.put_bytes(imported_reference_key(claim), data)  # as the worker does
    record = read_record(store, claim.job_id)
    onnx = {"onnx_sha256": indexed.onnx_sha256}
    with database.write() as session:
        key = indexed.key
        added = add_imported_model(session, claim, key, CHILD_EVENT | onnx, record)
        assert added is not None
        checkpoint = added.id
    with database.read() as session:
        file = find_file(session, checkpoint, REFERENCE_FILE)
    assert file is not None
    stored = read_reference(store.local_copy(file.key, file.sha256))
    assert np.allclose(stored.features, few_real_images().features, atol=0.01)
    listed = client.get("/v1/models/kittens/checkpoints").json()["items"]
    assert listed[0]["bytes"] >= len(data)
    assert export(client, checkpoint)[REFERENCE] == data


def test_a_bundle_with_a_broken_one_is_refused(client: TestClient) -> None:
    files = {"file": ("cats.zip", zipped(bundle_contents() | {REFERENCE: b"{}"}))}
    answer = client.post("/v1/models", data={"name": "kittens"}, files=files)
    assert answer.status_code == 422
    assert f"the bundle's {REFERENCE} is not a valid safetensors" in answer.json()["detail"]
    assert json.loads(client.get("/v1/jobs").text)["items"] == []
