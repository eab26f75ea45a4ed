"""Search by colour, class, latent and picture; the quality of images, and images above one."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from PIL import Image
from sample_index_files import CLASSES, FIRST, SAMPLES, SMALL, add_index, build

from app.domain import jobs
from app.domain.database import Database
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.job_states import Stop
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.domain.tables import Job
from benchmarks.harness.random_models import register, store_checkpoint
from models.colours import cell_colours, to_lab


@pytest.fixture(scope="module")
def plain_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("plain") / "run", SMALL, with_pictures=True)


@pytest.fixture(scope="module")
def classes_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("classes") / "run"
    return build(folder, SMALL | CLASSES, with_pictures=False)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"max_pixels": 1_000_000})


@pytest.fixture
def bare(database: Database, store: ObjectStore) -> GeneratorCheckpoint:
    """The served checkpoint of `cats`, without an index."""
    return register(database, store_checkpoint(store, **SMALL))


@pytest.fixture
def cats(
    database: Database, store: ObjectStore, bare: GeneratorCheckpoint, plain_file: Path
) -> GeneratorCheckpoint:
    add_index(database, store, bare, plain_file)
    return bare


@pytest.fixture
def letters(database: Database, store: ObjectStore, classes_file: Path) -> GeneratorCheckpoint:
    """A conditional model whose images have no quality."""
    checkpoint = register(database, store_checkpoint(store, "letters", **SMALL, **CLASSES))
    add_index(database, store, checkpoint, classes_file)
    return checkpoint


def search(client: TestClient, model: str = "cats", **body: Any) -> Response:
    return client.post(f"/v1/models/{model}/search", json=body)


def items(response: Response) -> list[dict[str, Any]]:
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()["items"]
    return found


def image(client: TestClient, seed: int, model: str = "cats") -> np.ndarray:
    response = client.get(f"/v1/models/{model}/images/{seed}.png")
    return np.asarray(Image.open(io.BytesIO(response.content)))


def test_the_nearest_colours_come_first(client: TestClient, cats: GeneratorCheckpoint) -> None:
    response = search(client, color="#ffffff", k=40)
    found = items(response)
    assert (response.json()["checkpoint"], response.json()["samples"]) == (cats.id, SAMPLES)
    distances = [item["distance"] for item in found]
    assert len(found) == 40
    assert distances == sorted(distances)
    cells = cell_colours(image(client, found[0]["seed"])[None])[0]
    white = np.linalg.norm(cells - to_lab(np.array([255, 255, 255])), axis=1)
    assert abs(white.mean() - distances[0]) < 0.1
    assert client.get(found[0]["url"]).status_code == 200
    assert found[0]["distances"] == {"color": distances[0]}


def test_a_seed_or_its_picture_finds_its_own_sample(
    client: TestClient, cats: GeneratorCheckpoint
) -> None:
    for latent in ({"seed": FIRST + 9}, {"mix": [{"seed": FIRST + 9, "weight": 1}]}):
        nearest, second = items(search(client, latent=latent, k=2))
        assert nearest["seed"] == FIRST + 9
        assert nearest["distance"] < 0.02 < second["distance"]
    buffer = io.BytesIO()
    picture = Image.fromarray(image(client, FIRST + 9)).resize((56, 56), Image.Resampling.BICUBIC)
    picture.save(buffer, "PNG")
    response = client.post(
        "/v1/models/cats/search",
        files={"picture": ("9.png", buffer.getvalue())},
        data={"k": "3", "min_quality": "0"},
    )
    assert items(response)[0]["seed"] == FIRST + 9
    assert set(items(response)[0]["distances"]) == {"picture"}


def test_several_criteria_are_weighed(client: TestClient, cats: GeneratorCheckpoint) -> None:
    alone = [
        items(search(client, **body, k=1))[0]
        for body in ({"color": "#ff0000"}, {"latent": {"seed": 3}})
    ]
    heavy: dict[str, Any] = {"color": "#ff0000", "latent": {"seed": 3}, "k": 1}
    colour = items(search(client, **heavy, weights={"color": 1000.0, "latent": 0.001}))[0]
    latent = items(search(client, **heavy, weights={"color": 0.001, "latent": 1000.0}))[0]
    assert [colour["seed"], latent["seed"]] == [item["seed"] for item in alone]
    assert set(colour["distances"]) == {"color", "latent"}


def test_only_samples_of_the_class_and_the_quality_are_found(
    client: TestClient, cats: GeneratorCheckpoint, letters: GeneratorCheckpoint
) -> None:
    found = items(search(client, "letters", **{"class": "b"}, k=256))
    assert 20 < len(found) < 76
    assert {item["class"] for item in found} == {"b"}
    assert all(item["distance"] is None for item in found)
    assert all(item["quality"] is None for item in found)
    everything = items(search(client, color="#000000", k=256))
    good = items(search(client, color="#000000", k=256, min_quality=60.0))
    assert good == [item for item in everything if item["quality"] >= 60]
    assert 30 < len(good) < 45


def test_without_an_index_one_job_is_queued_and_named(
    client: TestClient, database: Database, bare: GeneratorCheckpoint
) -> None:
    responses = [
        search(client, color="#ffffff"),
        client.post("/v1/models/cats/images", json={"count": 1, "min_quality": 10}),
    ]
    with database.read() as session:
        (job,) = session.query(Job).all()
    for response in responses:
        assert response.status_code == 503
        assert response.json()["job"] == job.id
        assert int(response.headers["retry-after"]) >= 1
    assert (job.kind, job.checkpoint) == ("index", bare.id)
    recipe = client.get("/v1/models/cats/images/7.json").json()
    assert recipe["quality"] is None
    assert "has no sample index yet" in recipe["quality_absent"]
    with database.write() as session:
        jobs.request_stop(session, job.id, Stop.CANCEL)


def test_a_recipe_has_the_quality_that_the_index_has(
    client: TestClient, cats: GeneratorCheckpoint
) -> None:
    first = client.get(f"/v1/models/cats/images/{FIRST + 5}.json")
    indexed = {item["seed"]: item for item in items(search(client, color="#ffffff", k=256))}
    assert abs(first.json()["quality"] - indexed[FIRST + 5]["quality"]) < 2.5  # of 96 samples
    same = {"If-None-Match": first.headers["etag"]}
    assert client.get(f"/v1/models/cats/images/{FIRST + 5}.json", headers=same).status_code == 304


def test_images_below_the_quality_are_replaced(
    client: TestClient, cats: GeneratorCheckpoint
) -> None:
    body: dict[str, Any] = {"count": 12, "seed": 100, "format": "json"}
    every = client.post("/v1/models/cats/images", json=body | {"passports": True}).json()["items"]
    good = client.post("/v1/models/cats/images", json=body | {"min_quality": 50}).json()["items"]
    assert len(good) == 12
    assert all(item["quality"] >= 50 for item in good)
    for before, after in zip(every, good, strict=True):
        if before["quality"] >= 50:
            assert after == before
        else:
            assert after["replaces"] == before["seed"]
            assert after["seed"] >= 112
    assert sum("replaces" in item for item in good) > 1
    again = client.post("/v1/models/cats/images", json=body | {"min_quality": 50}).json()["items"]
    assert again == good


@pytest.mark.parametrize(
    ("body", "status", "field", "detail"),
    [
        ({}, 422, None, "give color, class or latent"),
        ({"color": "white"}, 422, "color", "#"),
        ({"color": "#ffffff", "k": 257}, 422, "k", "256"),
        ({"color": "#ffffff", "min_quality": 96}, 422, "min_quality", "95"),
        ({"color": "#ffffff", "colour": 1}, 422, "colour", "no such field"),
        ({"class": "b"}, 422, "class", "not conditional"),
        ({"latent": {"latent": [1.0]}}, 422, "latent", "has 1 values"),
    ],
)
def test_an_invalid_search_is_refused_with_the_field(
    client: TestClient,
    cats: GeneratorCheckpoint,
    body: dict[str, Any],
    status: int,
    field: str | None,
    detail: str,
) -> None:
    answer = search(client, **body).json()
    assert answer["status"] == status
    assert detail in answer["detail"]
    if field is not None:
        assert field in answer["field"]


def test_a_quality_that_is_not_known_is_refused_with_the_reason(
    client: TestClient, letters: GeneratorCheckpoint
) -> None:
    answers = [
        search(client, "letters", **{"class": "a"}, min_quality=5),
        client.post("/v1/models/letters/images", json={"count": 1, "min_quality": 5}),
    ]
    for answer in answers:
        assert (answer.status_code, answer.json()["field"]) == (409, "min_quality")
        assert "it is not known. Leave min_quality out" in answer.json()["detail"]
    latents = {"latents": [[0.0] * 8], "min_quality": 5}
    refused = client.post("/v1/models/letters/images", json=latents)
    assert (refused.status_code, refused.json()["field"]) == (422, "min_quality")


def test_a_form_without_a_readable_picture_is_refused(
    client: TestClient, cats: GeneratorCheckpoint
) -> None:
    url = "/v1/models/cats/search"
    broken = client.post(url, files={"picture": ("a.png", b"no picture")})
    assert (broken.status_code, broken.json()["field"]) == (422, "picture")
    wrong = client.post(url, files={"picture": ("a.png", b"x")}, data={"k": "many"})
    assert (wrong.status_code, wrong.json()["field"]) == (422, "k")
    buffer = io.BytesIO()
    Image.new("L", (1001, 1000)).save(buffer, "PNG")
    large = client.post(url, files={"picture": ("a.png", buffer.getvalue())})
    assert large.status_code == 422
    assert "1,000,000" in large.json()["detail"]
