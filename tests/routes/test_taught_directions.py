"""Directions taught over HTTP by every kind of example; what cannot teach is refused."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bright_model import CONFIG, bright_onnx, register_bright
from fastapi.testclient import TestClient
from packed_noise import pack_noise, register_noise
from PIL import Image

from app.domain import leases
from app.domain.checkpoint_files import add_file, computed_file_key, ensure_job
from app.domain.database import Database, migrate
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.job_states import JobKind
from app.domain.leases import Claim
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.main import create_app
from models.index_build import INDEX_FILE, run_build
from models.onnx_generator import OnnxGenerator
from models.samples import Sample
from models.seeds import latents_from_seeds

DIRECTIONS = "/v1/models/cats/directions"
SAMPLES = 512
# Seeds by the first value of their latents, which sets the brightness of the images.
ORDER = np.argsort(latents_from_seeds(range(200), CONFIG.latent_dim)[:, 0]).tolist()
DARK, BRIGHT = ORDER[:12], ORDER[-12:]


class Recorded:
    def __init__(self) -> None:
        self.last: dict[str, Any] = {}

    def emit(self, event: str, **values: object) -> None:
        self.last = {"event": event} | values


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, valkey_url: str) -> Settings:
    home = tmp_path_factory.mktemp("directions")
    return Settings(home=home, redis_url=valkey_url, index_samples=SAMPLES)


@pytest.fixture(scope="module")
def database(settings: Settings) -> Iterator[Database]:
    migrate(settings.database)
    database = Database(settings.database)
    yield database
    database.close()


@pytest.fixture(scope="module")
def checkpoint(
    settings: Settings, database: Database, tmp_path_factory: pytest.TempPathFactory
) -> GeneratorCheckpoint:
    """The model "cats" with its sample index, and the dataset "noise" with two classes."""
    store, folder = ObjectStore(settings), tmp_path_factory.mktemp("index")
    register_noise(pack_noise(folder), store, database)
    checkpoint = register_bright(database, store, "cats")
    _add_index(settings, database, store, checkpoint, folder)
    return checkpoint


def _add_index(
    settings: Settings,
    database: Database,
    store: ObjectStore,
    checkpoint: GeneratorCheckpoint,
    folder: Path,
) -> None:
    generator = store.local_copy(checkpoint.onnx_key)
    run = {"generator": str(generator), "sha256": checkpoint.onnx_sha256, "samples": SAMPLES}
    run |= {"pictures": None, "pictures_absent": "there are none", "reference": None}
    (folder / "run.json").write_text(json.dumps(run))
    events = Recorded()
    assert run_build(folder, events) == 0
    ensure_job(database, settings, checkpoint.id, JobKind.INDEX, lambda _row: False)
    with database.write() as session:
        job = leases.acquire(session, "light", lease_seconds=60, max_attempts=3)
    assert job is not None
    claim = Claim(job.id, job.epoch)
    key = computed_file_key(claim, JobKind.INDEX, Path(INDEX_FILE).suffix)
    store.move_in(folder / INDEX_FILE, key)
    with database.write() as session:
        add_file(
            session,
            claim,
            JobKind.INDEX,
            key=key,
            sha256=events.last["sha256"],
            size=events.last["bytes"],
            details=events.last["details"],
        )
        leases.end(session, claim, "succeeded")  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def shared_client(settings: Settings, checkpoint: GeneratorCheckpoint) -> Iterator[TestClient]:
    with TestClient(create_app(settings), base_url="http://127.0.0.1:8000") as client:
        yield client


@pytest.fixture
def client(shared_client: TestClient) -> Iterator[TestClient]:
    """The API; the directions of a test are deleted after it."""
    yield shared_client
    for direction in shared_client.get(DIRECTIONS, params={"limit": 500}).json()["items"]:
        assert shared_client.delete(f"{DIRECTIONS}/{direction['name']}").status_code == 204


def seeds(numbers: list[int]) -> list[dict[str, Any]]:
    return [{"seed": number} for number in numbers]


def teach(client: TestClient, name: str = "bright", **fields: Any) -> dict[str, Any]:
    body = {"name": name, "positive": seeds(BRIGHT), "negative": seeds(DARK)} | fields
    answer = client.post(DIRECTIONS, json=body)
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"{DIRECTIONS}/{name}"
    taught: dict[str, Any] = answer.json()
    return taught


def vector(client: TestClient, name: str) -> np.ndarray:
    return np.array(client.get(f"{DIRECTIONS}/{name}").json()["vector"])


def refused(client: TestClient, status: int, field: str | None, **body: Any) -> str:
    answer = client.post(DIRECTIONS, json={"name": "bright"} | body)
    assert (answer.status_code, answer.json().get("field")) == (status, field), answer.text
    detail: str = answer.json()["detail"]
    return detail


def test_seeds_teach_the_latent_value_that_they_differ_in(client: TestClient) -> None:
    taught = teach(client)
    assert vector(client, "bright")[0] > 0.9
    accuracy = taught["accuracy"]
    assert accuracy["value"] > 0.9
    assert 0 < accuracy["low"] < accuracy["value"] <= accuracy["high"] <= 1
    assert accuracy["examples"] == 24
    assert taught["raised"] > 0.9
    assert taught["effect"] > 0
    assert (taught["positive"], taught["negative"], taught["method"]) == (12, 12, "taught")


def test_uploaded_pictures_teach_the_same_direction(client: TestClient, settings: Settings) -> None:
    generator = OnnxGenerator(bright_onnx())
    files = []
    for field, numbers in (("positive_pictures", BRIGHT), ("negative_pictures", DARK)):
        for pixels in generator.render([Sample(seed) for seed in numbers]):
            written = io.BytesIO()
            Image.fromarray(pixels).resize((40, 40)).save(written, "PNG")
            files.append((field, ("a.png", written.getvalue())))
    answer = client.post(
        DIRECTIONS, data={"name": "light", "positive": '[{"seed": 7}]'}, files=files
    )
    assert answer.status_code == 201, answer.text
    assert answer.json()["positive"] == 13
    assert vector(client, "light")[0] > 0.9
    assert list((settings.home / "incoming").iterdir()) == []


def test_two_classes_of_a_dataset_teach_a_direction(client: TestClient) -> None:
    sides: dict[str, Any] = {
        "positive_class": {"dataset": "noise", "class": "0"},
        "negative_class": {"dataset": "noise", "class": "1"},
    }
    taught = teach(client, positive=None, negative=None, **sides)
    assert (taught["positive"], taught["negative"]) == (15, 15)
    assert refused(
        client,
        422,
        "positive_class.class",
        **sides
        | {
            "name": "other",
            "positive_class": {"dataset": "noise", "class": "x"},
        },
    ).endswith("it has 0, 1")


def test_a_direction_is_orthogonal_to_those_that_it_names(client: TestClient) -> None:
    teach(client)
    by_second = np.argsort(latents_from_seeds(range(200), CONFIG.latent_dim)[:, 1]).tolist()
    other = {"positive": seeds(by_second[-12:]), "negative": seeds(by_second[:12])}
    taught = teach(client, "second", **other, orthogonal_to=["bright"])
    assert taught["orthogonal_to"] == ["bright"]
    assert vector(client, "second") @ vector(client, "bright") == pytest.approx(0, abs=1e-5)
    sides: dict[str, Any] = {"positive": seeds(BRIGHT), "negative": seeds(DARK)}
    sides["name"] = "third"
    detail = refused(client, 404, "orthogonal_to.0", **sides, orthogonal_to=["brigt"])
    assert "did you mean bright?" in detail
    assert "lies within" in refused(client, 422, "orthogonal_to", **sides, orthogonal_to=["bright"])


BOTH = {"positive": seeds(BRIGHT), "negative": seeds(DARK)}
SHARED = {"positive": seeds([1, 2]), "negative": seeds([2, 3])}
UNKNOWN = {"positive": [{"seed": 1}, {"name": "x"}], "negative": seeds(DARK)}


@pytest.mark.parametrize(
    ("status", "field", "words", "body"),
    [
        (422, "negative", "needs at least 2", {"positive": seeds(BRIGHT)}),
        (422, "positive", "has 1 examples", {"positive": seeds([1]), "negative": seeds(DARK)}),
        (
            422,
            "negative",
            "is the same image",
            {"positive": seeds([1, 2]), "negative": seeds([2, 3])},
        ),
        (
            404,
            "positive.1.name",
            "has no latent",
            {**BOTH, "positive": [{"seed": 1}, {"name": "x"}]},
        ),
        (422, "name", "is not a name", {**BOTH, "name": "No Name"}),
        (422, "positve", "no such field", {**BOTH, "positve": []}),
        (404, "dataset", "no dataset", {"positive_class": {"dataset": "x", "class": "0"}}),
        (422, "positive", "too long", {"positive": seeds(list(range(300)))}),
    ],
)
def test_examples_that_cannot_teach_are_refused(
    client: TestClient, status: int, field: str, words: str, body: dict[str, Any]
) -> None:
    assert words in refused(client, status, field, **body)


def test_a_name_in_use_and_the_same_class_on_both_sides_are_refused(client: TestClient) -> None:
    teach(client)
    assert "choose another name" in refused(client, 409, "name", **BOTH)
    same = {"dataset": "noise", "class": "0"}
    detail = refused(
        client, 422, "negative_class", name="x", positive_class=same, negative_class=same
    )
    assert "same class" in detail
