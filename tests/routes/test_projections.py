"""A projection is queued for a usable picture, and its answer has the latent once there is one."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from encoded_pictures import encode, quadrants
from fastapi.testclient import TestClient
from PIL import Image
from queued_jobs import queue_job, try_claim_job
from sqlalchemy import select, update

from app.domain import leases
from app.domain.database import Database
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.job_states import Status
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.domain.tables import Job
from benchmarks.harness.random_models import register, store_checkpoint
from models.seeds import latent_from_seed

Send = Callable[..., Any]
SHAPE, LATENT_DIM = (28, 40, 3), 8
PICTURE = encode(Image.fromarray(quadrants()))
RESULT = {
    "latent": [float(str(value)) for value in latent_from_seed(7, LATENT_DIM)],
    "class": None,
    "distance": 0.25,
    "pixel_error": 12.5,
    "percentile": 40.0,
    "inside": True,
    "says": "This model can make this picture.",
    "calibration": {"pictures": 64, "source": "held_out", "median": 0.3, "unrelated": 0.6},
    "seconds": {"encoder": 0.1, "projection": 4.0},
}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"max_queued_jobs": 6})


@pytest.fixture
def checkpoint(settings: Settings, database: Database) -> GeneratorCheckpoint:
    store = ObjectStore(settings)
    small: dict[str, Any] = {"architecture": "mlp", "shape": SHAPE, "latent_dim": LATENT_DIM}
    return register(database, store_checkpoint(store, "cats", **small))


@pytest.fixture
def send(client: TestClient, checkpoint: GeneratorCheckpoint) -> Send:
    def send(picture: bytes = PICTURE, name: str = "cat.png", **fields: str) -> Any:
        files = {"picture": (name, picture)}
        return client.post("/v1/models/cats/projections", data=fields, files=files)

    return send


def succeed(database: Database, job_id: str) -> None:
    """Give the projection its result, as its worker does."""
    while (claim := try_claim_job(database, queue="light")) is not None:
        with database.write() as session:
            if claim.job_id == job_id:
                leases.lock_job(session, claim).result = RESULT
            leases.end(session, claim, Status.SUCCEEDED)


def test_a_picture_is_prepared_and_its_projection_queued(
    send: Send, client: TestClient, checkpoint: GeneratorCheckpoint
) -> None:
    answer = send(fit="pad")
    projection = answer.json()
    assert answer.status_code == 202, answer.text
    path = f"/v1/projections/{projection['id']}"
    assert answer.headers["location"] == path
    assert client.get(path).json() == projection
    described = {name: projection[name] for name in ("status", "model", "file", "fit", "latent")}
    assert described == {
        "status": "queued",
        "model": "cats",
        "file": "cat.png",
        "fit": "pad",
        "latent": None,
    }
    assert projection["checkpoint"] == checkpoint.id
    kinds = [job["kind"] for job in client.get("/v1/jobs").json()["items"]]
    assert kinds == ["project", "encoder"]
    picture = client.get(projection["picture"])
    assert picture.headers["content-type"] == "image/png"
    with Image.open(io.BytesIO(picture.content)) as image:
        assert (image.size, image.mode, image.getpixel((0, 0))) == ((40, 28), "RGB", (255,) * 3)
    reconstruction = client.get(f"{path}.png")
    assert (reconstruction.status_code, "is queued" in reconstruction.text) == (409, True)
    assert send().json()["id"] != projection["id"]
    assert client.get("/v1/jobs?kind=encoder").json()["items"][1:] == []


def test_the_reconstruction_is_the_image_of_the_latent(
    send: Send, client: TestClient, database: Database, checkpoint: GeneratorCheckpoint
) -> None:
    job_id = send().json()["id"]
    succeed(database, job_id)
    projection = client.get(f"/v1/projections/{job_id}").json()
    for name, value in RESULT.items():
        assert projection[name] == value
    answer = client.get(projection["reconstruction"])
    assert answer.headers["content-disposition"] == f'inline; filename="cats-{job_id}.png"'
    seed = client.get("/v1/models/cats/images/7.png")
    with (
        Image.open(io.BytesIO(answer.content)) as image,
        Image.open(io.BytesIO(seed.content)) as same,
    ):
        np.testing.assert_array_equal(np.asarray(image), np.asarray(same))
    etag = {"If-None-Match": answer.headers["etag"]}
    assert client.get(projection["reconstruction"], headers=etag).status_code == 304
    assert client.delete(f"/v1/jobs/{job_id}/files").status_code == 204
    assert client.get(projection["picture"]).status_code == 404
    assert client.get(f"/v1/projections/{job_id}").json()["latent"] == RESULT["latent"]


@pytest.mark.parametrize(
    ("picture", "fields", "status", "field", "words"),
    [
        (b"", {}, 422, "picture", "not an image"),
        (PICTURE[:-40], {}, 422, "picture", "truncated"),
        (PICTURE, {"fit": "zoom"}, 422, "fit", "crop, pad, stretch"),
        (PICTURE, {"class": "tabby"}, 422, "class", "is not conditional"),
        (PICTURE, {"steps": "9"}, 422, "steps", "known are: picture, checkpoint, class, fit"),
        (PICTURE, {"checkpoint": "c9"}, 404, "checkpoint", "has no checkpoint 'c9'"),
    ],
)
def test_anything_else_is_refused_with_its_reason_and_leaves_nothing(
    send: Send,
    settings: Settings,
    database: Database,
    checkpoint: GeneratorCheckpoint,
    picture: bytes,
    fields: dict[str, str],
    status: int,
    field: str,
    words: str,
) -> None:
    answer = send(picture, **fields)
    problem = answer.json()
    assert (answer.status_code, problem["field"]) == (status, field)
    assert words in problem["detail"]
    with database.read() as session:
        assert session.scalars(select(Job.id)).all() == []
    assert ObjectStore(settings).keys("jobs") == []
    assert list((settings.home / "incoming").iterdir()) == []


def test_a_form_without_a_picture_and_an_unknown_model_are_refused(
    client: TestClient, checkpoint: GeneratorCheckpoint
) -> None:
    path = "/v1/models/cats/projections"
    missing = client.post(path, files={"fit": (None, "crop")})
    assert (missing.status_code, missing.json()["field"]) == (422, "picture")
    files = {"picture": ("a.png", PICTURE)}
    assert client.post("/v1/models/dogs/projections", files=files).status_code == 404
    assert client.post(path, json={}).status_code == 415
    assert client.post(path, content=bytes(33 * 2**20)).status_code == 413


def test_another_job_is_not_a_projection(client: TestClient, database: Database) -> None:
    job_id = queue_job(database)
    answer = client.get(f"/v1/projections/{job_id}")
    assert (answer.status_code, "there is no projection" in answer.json()["detail"]) == (404, True)


def test_a_full_queue_refuses_the_picture_and_leaves_nothing(
    send: Send, settings: Settings, database: Database
) -> None:
    for _ in range(settings.max_queued_jobs):
        queue_job(database, kind="index", config={})
    assert send().status_code == 503
    assert ObjectStore(settings).keys("jobs") == []


def test_the_class_of_a_conditional_model_is_found_where_it_is_not_requested(
    client: TestClient, settings: Settings, database: Database
) -> None:
    fields: dict[str, Any] = {"classes": ("a", "b"), "conditional": True, "architecture": "mlp"}
    store = ObjectStore(settings)
    register(database, store_checkpoint(store, "classes", shape=SHAPE, latent_dim=8, **fields))
    path, files = "/v1/models/classes/projections", {"picture": ("a.png", PICTURE)}
    requested = client.post(path, data={"class": "b"}, files=files).json()
    assert requested["class"] == "b"
    unknown = client.post(path, data={"class": "c"}, files=files).json()
    assert (unknown["field"], "it has a, b" in unknown["detail"]) == ("class", True)
    job_id = client.post(path, files=files).json()["id"]
    with database.write() as session:
        session.execute(
            update(Job)
            .where(Job.id == job_id)
            .values(status="succeeded", result=RESULT | {"class": "a"})
        )
    assert client.get(f"/v1/projections/{job_id}").json()["class"] == "a"
    assert client.get(f"/v1/projections/{job_id}.png").status_code == 200
