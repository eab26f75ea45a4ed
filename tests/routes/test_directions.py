"""Directions over HTTP: found by a job, listed, shown, used, renamed and refused."""

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from bright_model import register_bright
from fastapi.testclient import TestClient
from PIL import Image

from app.domain import directions, leases
from app.domain.database import Database, migrate
from app.domain.errors import LimitExceeded
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.main import create_app
from worker import supervisor
from worker.context import WorkerContext

DIRECTIONS = "/v1/models/cats/directions"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, valkey_url: str) -> Settings:
    return Settings(home=tmp_path_factory.mktemp("directions"), redis_url=valkey_url)


@pytest.fixture(scope="module")
def database(settings: Settings) -> Iterator[Database]:
    migrate(settings.database)
    database = Database(settings.database)
    yield database
    database.close()


@pytest.fixture(scope="module")
def checkpoint(settings: Settings, database: Database) -> GeneratorCheckpoint:
    return register_bright(database, ObjectStore(settings), "cats")


@pytest.fixture(scope="module")
def client(settings: Settings, checkpoint: GeneratorCheckpoint) -> Iterator[TestClient]:
    with TestClient(create_app(settings), base_url="http://127.0.0.1:8000") as client:
        yield client


@pytest.fixture
def bright(client: TestClient, database: Database, checkpoint: GeneratorCheckpoint) -> str:
    """The address of a direction that makes images brighter."""
    for item in client.get(DIRECTIONS, params={"limit": 500}).json()["items"]:
        client.delete(f"{DIRECTIONS}/{item['name']}")
    save(database, checkpoint, "bright")
    return f"{DIRECTIONS}/bright"


def save(database: Database, checkpoint: GeneratorCheckpoint, name: str) -> None:
    vector = np.eye(checkpoint.latent_dim, dtype=np.float32)[0]
    new = directions.NewDirection(name, "sefa", vector, {"effect": 1.0}, checkpoint.id)
    with database.write() as session:
        directions.save(session, "cats", new)


def find(client: TestClient, settings: Settings) -> list[str]:
    """Ask for directions, and run the job as a worker does; return their names."""
    answer = client.post("/v1/models/cats/find-directions")
    assert answer.status_code == 202, answer.text
    assert client.post("/v1/models/cats/find-directions").json()["id"] == answer.json()["id"]
    context = WorkerContext.from_settings(settings)
    with context.database.write() as session:
        job = leases.acquire(session, "light", lease_seconds=60, max_attempts=3)
    assert job is not None
    supervisor.supervise(context, job)
    context.notifier.close()
    context.database.close()
    record = client.get(answer.headers["location"]).json()
    assert (record["status"], record["error"]) == ("succeeded", None)
    assert record["progress"]["images_seen"] == record["progress"]["images_total"] > 0
    names: list[str] = record["result"]["directions"]
    return names


def vector(client: TestClient, name: str) -> np.ndarray:
    return np.array(client.get(f"{DIRECTIONS}/{name}").json()["vector"])


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


def test_a_job_finds_directions_and_keeps_renamed_ones(
    client: TestClient, settings: Settings, bright: str
) -> None:
    client.delete(bright)
    names = find(client, settings)
    items = client.get(DIRECTIONS).json()["items"]
    assert sorted(item["name"] for item in items) == sorted(names)
    effects = {item["name"]: item["effect"] for item in items}
    assert max(effects, key=lambda name: effects[name]) == names[0] == "found-1"
    first = vector(client, "found-1")
    assert abs(first[0]) > 0.9
    assert client.patch(f"{DIRECTIONS}/found-1", json={"name": "light"}).status_code == 200
    again = find(client, settings)
    assert np.array_equal(vector(client, "light"), first)
    assert abs(vector(client, "found-1") @ first) < 0.8
    assert len(client.get(DIRECTIONS).json()["items"]) == len(again) + 1


def test_the_strip_gets_brighter_along_the_direction(client: TestClient, bright: str) -> None:
    strip = client.get(bright).json()["strip"]
    answer = client.get(strip)
    picture = np.asarray(Image.open(io.BytesIO(answer.content)).convert("L"), float)
    assert picture.shape == (3 * 28, 7 * 28)
    assert (np.diff(picture.reshape(84, 7, 28).mean((0, 2))) > 0).all()
    same = client.get(strip, headers={"If-None-Match": answer.headers["etag"]})
    assert same.status_code == 304
    webp = client.get(f"{bright}/strip.webp?seeds=7&amounts=0,2.5&scale=2")
    assert Image.open(io.BytesIO(webp.content)).size == (112, 56)


def test_without_an_amount_the_image_is_the_seeds_own(client: TestClient, bright: str) -> None:
    unmoved = client.get(f"{bright}/strip.png?seeds=7&amounts=0").content
    plain = client.get("/v1/models/cats/images/7.png").content
    assert np.array_equal(pixels(unmoved), pixels(plain))
    body = {"latents": [{"seed": 7, "edits": {"bright": 2}}], "format": "png"}
    edited = client.post("/v1/models/cats/images", json=body).content
    assert pixels(edited).mean() > pixels(plain).mean() + 10
    moved = client.get(f"{bright}/strip.png?seeds=7&amounts=2").content
    assert np.array_equal(pixels(moved), pixels(edited))


def test_a_direction_is_listed_renamed_and_deleted(
    client: TestClient, database: Database, checkpoint: GeneratorCheckpoint, bright: str
) -> None:
    save(database, checkpoint, "second")
    page = client.get(DIRECTIONS, params={"limit": 1}).json()
    assert [item["name"] for item in page["items"]] == ["second"]
    rest = client.get(DIRECTIONS, params={"cursor": page["next"]}).json()
    assert [(item["name"], item["checkpoint"]) for item in rest["items"]] == [
        ("bright", checkpoint.id)
    ]
    taken = client.patch(bright, json={"name": "second"})
    assert (taken.status_code, taken.json()["field"]) == (409, "name")
    assert client.patch(bright, json={"name": "light"}).json()["name"] == "light"
    missing = client.get(f"{DIRECTIONS}/secnd")
    assert missing.status_code == 404
    assert "did you mean second?" in missing.json()["detail"]
    assert client.delete(f"{DIRECTIONS}/light").status_code == 204
    assert client.delete(f"{DIRECTIONS}/light").status_code == 404


def test_a_model_has_a_limited_number_of_directions(
    database: Database,
    checkpoint: GeneratorCheckpoint,
    bright: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(directions, "MAX_DIRECTIONS", 1)
    with pytest.raises(LimitExceeded, match="the limit is 1: delete some"):
        save(database, checkpoint, "second")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("seeds=x", "seeds"),
        ("seeds=9007199254740992", "seeds"),
        ("seeds=" + ",".join(["1"] * 17), "seeds"),
        ("amounts=11", "amounts"),
        ("amounts=1..2", "amounts"),
        ("amounts=nan", "amounts"),
    ],
)
def test_a_strip_that_cannot_be_made_is_refused(
    client: TestClient, bright: str, query: str, field: str
) -> None:
    answer = client.get(f"{bright}/strip.png?{query}")
    assert (answer.status_code, answer.json()["field"]) == (422, field)


@pytest.mark.parametrize("path", ["x", "x/strip.png"])
def test_an_unknown_direction_or_model_is_not_found(
    client: TestClient, bright: str, path: str
) -> None:
    assert client.get(f"{DIRECTIONS}/{path}").status_code == 404
    assert client.get(f"/v1/models/dogs/directions/{path}").status_code == 404
    assert client.post("/v1/models/dogs/find-directions").status_code == 404


def test_a_new_name_follows_the_rule(client: TestClient, bright: str) -> None:
    body: dict[str, Any] = {"name": "No Name"}
    answer = client.patch(bright, json=body)
    assert (answer.status_code, answer.json()["field"]) == (422, "name")
