"""Models are loaded and unloaded, and the served checkpoint changes under load."""

import threading

import pytest
from fastapi.testclient import TestClient

from app.domain import registry
from app.domain.database import Database
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from benchmarks.harness.random_models import register, store_checkpoint

MODEL = "/v1/models/cats"


@pytest.fixture
def checkpoints(database: Database, store: ObjectStore) -> list[GeneratorCheckpoint]:
    """Two checkpoints of a model, of which the newer is served."""
    return [register(database, store_checkpoint(store, weights=number)) for number in (1, 2)]


def test_a_model_is_loaded_before_its_first_request_and_says_so(
    client: TestClient, checkpoints: list[GeneratorCheckpoint]
) -> None:
    assert client.get(MODEL).json()["loaded"] == []
    answer = client.post(f"{MODEL}/load")
    assert answer.status_code == 200
    loaded = answer.json()
    assert loaded["checkpoint"] == checkpoints[1].id
    assert loaded["bytes"] > 500_000
    assert loaded["seconds"] > 0
    assert client.post(f"{MODEL}/load").json() == loaded
    assert client.get(MODEL).json()["loaded"] == [loaded]
    older = client.post(f"{MODEL}/load", params={"checkpoint": checkpoints[0].id}).json()
    (model,) = client.get("/v1/models").json()["items"]
    assert model["loaded"] == [loaded, older]


def test_an_unloaded_model_is_loaded_again_by_the_next_request(
    client: TestClient, checkpoints: list[GeneratorCheckpoint]
) -> None:
    picture = client.get(f"{MODEL}/images/7.png").content
    (gone,) = client.post(f"{MODEL}/unload").json()["items"]
    assert gone["checkpoint"] == checkpoints[1].id
    assert client.post(f"{MODEL}/unload").json() == {"items": [], "next": None}
    assert client.get(MODEL).json()["loaded"] == []
    assert client.get(f"{MODEL}/images/7.png").content == picture


def test_a_deleted_model_is_unloaded(
    client: TestClient, settings: Settings, database: Database, store: ObjectStore,
    checkpoints: list[GeneratorCheckpoint],
) -> None:  # fmt: skip
    client.post(f"{MODEL}/load")
    assert client.delete(MODEL).status_code == 204
    register(database, store_checkpoint(store, weights=3))
    assert client.get(MODEL).json()["loaded"] == []


def test_what_is_loaded_follows_a_rename_by_another_process(
    client: TestClient, database: Database, store: ObjectStore,
    checkpoints: list[GeneratorCheckpoint],
) -> None:  # fmt: skip
    loaded = client.post(f"{MODEL}/load").json()
    with database.write() as session:
        registry.rename_model(session, "cats", "kittens")
    register(database, store_checkpoint(store, weights=3))
    assert client.get(MODEL).json()["loaded"] == []
    assert client.get("/v1/models/kittens").json()["loaded"] == [loaded]
    assert client.post(f"{MODEL}/unload").json()["items"] == []
    assert client.post("/v1/models/kittens/unload").json()["items"] == [loaded]


def test_two_models_with_equal_files_are_loaded_separately(
    client: TestClient, database: Database, store: ObjectStore
) -> None:
    cats, dogs = (
        register(database, store_checkpoint(store, model=name)) for name in ("cats", "dogs")
    )
    assert cats.sha256 == dogs.sha256
    assert client.post("/v1/models/cats/load").json()["checkpoint"] == cats.id
    assert client.post("/v1/models/dogs/load").json()["checkpoint"] == dogs.id
    assert len(client.post("/v1/models/cats/unload").json()["items"]) == 1
    assert len(client.get("/v1/models/dogs").json()["loaded"]) == 1


def test_an_unknown_model_is_neither_loaded_nor_unloaded(client: TestClient) -> None:
    for call in ("load", "unload"):
        answer = client.post(f"{MODEL}/{call}")
        assert answer.status_code == 404
        assert "cats" in answer.json()["detail"]


def test_a_broken_checkpoint_is_neither_loaded_nor_served(
    client: TestClient, store: ObjectStore, checkpoints: list[GeneratorCheckpoint]
) -> None:
    older, newer = checkpoints
    store.put_bytes(older.onnx_key, b"nothing")
    for answer in (
        client.post(f"{MODEL}/load", params={"checkpoint": older.id}),
        client.patch(MODEL, json={"checkpoint": older.id}),
    ):
        assert answer.status_code == 500
        assert answer.json()["title"] == "Broken checkpoint"
        assert older.id in answer.json()["detail"]
    model = client.get(MODEL).json()
    assert (model["checkpoint"], model["pinned"]) == (newer.id, False)
    assert client.get(f"{MODEL}/images/7.png").status_code == 200


def test_while_the_served_checkpoint_changes_every_request_gets_the_old_or_the_new(
    client: TestClient, checkpoints: list[GeneratorCheckpoint]
) -> None:
    right = {}
    for checkpoint in checkpoints:
        answer = client.get(f"{MODEL}/images/7.png", params={"checkpoint": checkpoint.id})
        right[answer.headers["etag"]] = answer.content
    client.post(f"{MODEL}/unload")
    done = threading.Event()
    answers: list[tuple[int, str, bytes]] = []

    def ask() -> None:
        while not done.is_set():
            answer = client.get(f"{MODEL}/images/7.png")
            answers.append((answer.status_code, answer.headers["etag"], answer.content))

    askers = [threading.Thread(target=ask) for _ in range(3)]
    for asker in askers:
        asker.start()
    for turn in range(12):
        promoted = checkpoints[turn % 2]
        assert client.patch(MODEL, json={"checkpoint": promoted.id}).status_code == 200
        answer = client.get(f"{MODEL}/images/7.json")
        assert answer.json()["checkpoint"] == promoted.id
    done.set()
    for asker in askers:
        asker.join()
    assert {status for status, _, _ in answers} == {200}
    assert {etag for _, etag, _ in answers} == set(right)
    assert all(right[etag] == content for _, etag, content in answers)
