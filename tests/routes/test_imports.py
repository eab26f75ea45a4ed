"""An import is queued for a file that declares a sound checkpoint; anything else leaves nothing."""

import pickle
from collections.abc import Callable
from typing import Any

import pytest
from bundle_files import CHILD_EVENT, METRICS_OF_CATS, bundle, bundle_contents, lineage_of, zipped
from fastapi.testclient import TestClient
from queued_jobs import queue_job, try_claim_job
from sqlalchemy import select, update
from weight_files import TINY, join, split, tiny_checkpoint, with_description

from app.domain.database import Database
from app.domain.imports import add_imported_model, read_record, weights_key
from app.domain.job_objects import delete_leftovers
from app.domain.jobs import find
from app.domain.lineage import checkpoint_lineage, scores
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.domain.tables import Checkpoint, Dataset, Job
from benchmarks.harness.random_models import onnx_bytes, register, store_checkpoint

Answer = Any
Send = Callable[..., Answer]


@pytest.fixture
def send(client: TestClient) -> Send:
    def send(file: bytes, name: str = "kittens", file_name: str = "cats.zip") -> Answer:
        return client.post("/v1/models", data={"name": name}, files={"file": (file_name, file)})

    return send


@pytest.fixture
def nothing_stays(settings: Settings, database: Database) -> Callable[[], bool]:
    def check() -> bool:
        with database.read() as session:
            queued = session.scalars(select(Job.id)).all()
        incoming = settings.home / "incoming"
        return not any([queued, ObjectStore(settings).keys(""), [*incoming.glob("*")]])

    return check


@pytest.mark.parametrize("kind", ["bundle", "safetensors"])
def test_a_sound_file_is_stored_and_its_import_queued(
    kind: str, send: Send, settings: Settings
) -> None:
    file = bundle() if kind == "bundle" else tiny_checkpoint()
    answer = send(file)
    job = answer.json()
    assert (answer.status_code, job["kind"], job["status"]) == (202, "import", "queued")
    assert answer.headers["location"] == f"/v1/jobs/{job['id']}"
    assert (job["model"], job["position"]) == ("kittens", 1)
    weights = tiny_checkpoint()
    assert job["config"] == {
        "file": "cats.zip",
        "bytes": len(weights),
        "sha256": lineage_of(weights)["sha256"],
        "images_seen": 1000,
    }
    store = ObjectStore(settings)
    assert store.get_bytes(weights_key(job["id"])) == weights
    record = read_record(store, job["id"])
    expected = (METRICS_OF_CATS, lineage_of(weights)) if kind == "bundle" else (None, None)
    assert (record.metrics, record.lineage) == expected
    assert list((settings.home / "incoming").iterdir()) == []


def refused_files() -> list[tuple[bytes, str]]:
    """Files that are refused, with words of the reason."""
    onnx, weights = onnx_bytes(TINY, 1), tiny_checkpoint()
    return [
        (b"", "less than the header"),
        (b"a picture, perhaps", "neither a safetensors file nor a zip"),
        (pickle.dumps([0.0] * 20), "nothing is unpickled"),
        (onnx, "only weights are imported"),
        (zipped({"model.onnx": onnx}), "only weights are"),
        (zipped({"../../etc/passwd": b""}), "contains '../../etc/passwd'"),
        (zipped({"data.pkl": b""}), "nothing is unpickled"),
        (weights[:1000], "truncated"),
        (join(*split(weights), length=2**60), "declares a header"),
        (bundle()[:5000], "truncated"),
        (bundle(bundle_contents(b"no weights")), "neither a safetensors file"),
        (with_description(weights, config={"width": 10**9}), "width 1000000000"),
    ]


def test_another_file_is_refused_with_its_reason_and_leaves_nothing(
    send: Send, nothing_stays: Callable[[], bool]
) -> None:
    for file, reason in refused_files():
        answer = send(file)
        assert (answer.status_code, answer.json().get("field")) == (422, "file"), reason
        assert reason in answer.json()["detail"]
        assert "'cats.zip'" in answer.json()["detail"]
        assert nothing_stays()


def test_the_form_has_one_file_and_one_valid_name(
    client: TestClient, nothing_stays: Callable[[], bool]
) -> None:
    file = ("file", ("a.safetensors", tiny_checkpoint()))
    for data, files, field in [
        ({"name": "A b"}, [file], "name"),
        ({}, [file], "name"),
        ({"name": "a", "format": "onnx"}, [file], "format"),
        ({"name": "a"}, [("files", file[1])], "files"),
        ({"name": "a", "file": "text"}, [], "file"),
        ({"name": "a"}, [("file", ("", b""))], "file"),
    ]:
        fields = dict(data) if files else {key: (None, value) for key, value in data.items()}
        answer = (
            client.post("/v1/models", data=fields, files=files)
            if files
            else client.post("/v1/models", files=fields)
        )
        assert (answer.status_code, answer.json().get("field")) == (422, field), data
    two = client.post("/v1/models", data={"name": "a"}, files=[file, file])
    assert (two.status_code, "more than one file" in two.json()["detail"]) == (413, True)
    assert client.post("/v1/models", json={"name": "a"}).status_code == 415
    assert nothing_stays()


def test_a_larger_file_than_the_setting_allows_is_refused(
    client: TestClient, settings: Settings, send: Send, nothing_stays: Callable[[], bool]
) -> None:
    state = client.app.state  # type: ignore[attr-defined]
    for limit, status in ((1000, 413), (len(tiny_checkpoint()) - 1, 422)):
        state.settings = settings.model_copy(update={"max_model_bytes": limit})
        for file in (tiny_checkpoint(), bundle()):
            answer = send(file)
            assert answer.status_code == status
            assert "MOGGY_MAX_MODEL_BYTES" in answer.json()["detail"]
    assert nothing_stays()


def test_a_name_in_use_is_a_conflict(
    client: TestClient, send: Send, database: Database, settings: Settings
) -> None:
    register(database, store_checkpoint(ObjectStore(settings), "cats", latent_dim=4))
    answer = send(tiny_checkpoint(), "cats")
    assert (answer.status_code, answer.json()["field"]) == (409, "name")
    assert "there is a model 'cats' already" in answer.json()["detail"]
    first = send(tiny_checkpoint(), "kittens").json()
    again = send(tiny_checkpoint(), "kittens")
    assert (again.status_code, first["id"] in again.json()["detail"]) == (409, True)
    client.post(f"/v1/jobs/{first['id']}/cancel")
    assert send(tiny_checkpoint(), "kittens").status_code == 202


def test_a_cancelled_import_leaves_nothing_stored(
    client: TestClient, send: Send, settings: Settings
) -> None:
    job = send(bundle()).json()
    assert ObjectStore(settings).keys(f"jobs/{job['id']}") != []
    assert client.post(f"/v1/jobs/{job['id']}/cancel").json()["status"] == "cancelled"
    assert ObjectStore(settings).keys("") == []


def finish_import(database: Database, settings: Settings, job_id: str) -> Checkpoint | None:
    """Register the import as its worker does."""
    claim = try_claim_job(database, queue="light")
    assert claim is not None
    assert claim.job_id == job_id
    record = read_record(ObjectStore(settings), job_id)
    with database.write() as session:
        return add_imported_model(session, claim, "k", CHILD_EVENT, record)


def test_imported_scores_count_only_where_their_pictures_are_here(
    client: TestClient, send: Send, database: Database, settings: Settings, cats: str
) -> None:
    assert finish_import(database, settings, send(bundle(), "first").json()["id"])
    (item,) = client.get("/v1/models/first/checkpoints").json()["items"]
    assert item["metrics"] is None
    assert item["imported"]["metrics"] == METRICS_OF_CATS
    assert item["imported"]["lineage"]["dataset"]["name"] == "kittens"
    assert client.get("/v1/models/first").json()["served_because"] == (
        "the newest; none is scored here yet, and its own scores were computed elsewhere"
    )
    with database.write() as session:
        session.execute(update(Dataset).values(content_hash="ab" * 32))
    assert finish_import(database, settings, send(bundle(), "second").json()["id"])
    (item,) = client.get("/v1/models/second/checkpoints").json()["items"]
    assert item["metrics"] == METRICS_OF_CATS
    assert "the only KID: 0.012" in client.get("/v1/models/second").json()["served_because"]


def test_a_model_that_a_training_made_meanwhile_is_not_replaced(
    send: Send, database: Database, settings: Settings
) -> None:
    job_id = send(tiny_checkpoint(), "kittens").json()["id"]
    register(database, store_checkpoint(ObjectStore(settings), "kittens", latent_dim=4))
    assert finish_import(database, settings, job_id) is None


def test_the_export_of_an_import_names_its_origin_however_often_it_was_imported(
    client: TestClient, send: Send, database: Database, settings: Settings
) -> None:
    origin = lineage_of(tiny_checkpoint(), model="lions")
    nested = bundle(bundle_contents(imported=origin))
    checkpoint = finish_import(database, settings, send(nested).json()["id"])
    assert checkpoint is not None
    with database.read() as session:
        lineage = checkpoint_lineage(session, checkpoint, "cpu")
    assert lineage["imported"] == origin
    assert (lineage["job"], lineage["dataset"]) == (None, origin["dataset"])
    assert scores(checkpoint) == METRICS_OF_CATS


def test_leftovers_of_an_import_are_its_upload(
    send: Send, database: Database, settings: Settings
) -> None:
    job_id = send(bundle()).json()["id"]
    store = ObjectStore(settings)
    with database.read() as session:
        job = find(session, job_id)
    delete_leftovers(database, store, job)
    assert store.keys("") == []


def test_a_full_queue_stores_nothing(
    client: TestClient, send: Send, database: Database, settings: Settings
) -> None:
    client.app.state.settings = settings.model_copy(  # type: ignore[attr-defined]
        update={"max_queued_jobs": 1}
    )
    queue_job(database, kind="ingest", dataset="cats")
    answer = send(bundle())
    assert (answer.status_code, answer.json()["title"]) == (503, "Queue full")
    assert ObjectStore(settings).keys("") == []


def test_the_document_describes_the_form(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    body = document["paths"]["/v1/models"]["post"]["requestBody"]["content"]
    assert body["multipart/form-data"]["schema"]["required"] == ["name", "file"]
