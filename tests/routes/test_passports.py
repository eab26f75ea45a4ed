"""Copy passports: beside a recipe, in lists, and images that are not copies."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from copying_models import Copier, add_training, embed, pack_features, serve
from fastapi.testclient import TestClient
from PIL import Image

from app.domain.database import Database
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.domain.training_pictures import TrainingPictures
from app.serving.engine import Engine
from benchmarks.harness.packed_datasets import decode_jpegs
from benchmarks.harness.random_models import register, store_checkpoint
from models.config import MAX_SEED
from models.scoring.nearest import SAME_IMAGE_DISTANCE
from models.seeds import latent_from_seed

PICTURES = TrainingPictures("kittens", "d1", "datasets/d1/1")
TRAINED = 200


@pytest.fixture(scope="module")
def pictures(shared_data: Path) -> np.ndarray:
    """400 cats; the first 200 are trained on."""
    return decode_jpegs(shared_data / "cats-3000.zip")[: 2 * TRAINED]


@pytest.fixture(scope="module")
def features(pictures: np.ndarray) -> np.ndarray:
    return embed(pictures[:TRAINED])


@pytest.fixture
def folder(settings: Settings, features: np.ndarray) -> Path:
    folder = settings.home / "objects" / PICTURES.key
    pack_features(folder, features)
    return folder


@pytest.fixture
def engine(client: TestClient) -> Engine:
    engine: Engine = client.app.state.engine  # type: ignore[attr-defined]
    return engine


@pytest.fixture
def model(database: Database, settings: Settings) -> GeneratorCheckpoint:
    """The served checkpoint of the model "cats", trained on the first 200 cats."""
    checkpoint = register(database, store_checkpoint(ObjectStore(settings)))
    add_training(database, checkpoint, PICTURES)
    return checkpoint


@pytest.fixture
def copier(
    engine: Engine, model: GeneratorCheckpoint, folder: Path, pictures: np.ndarray
) -> Copier:
    """A model whose images are training pictures and new ones, about as many of each."""
    copier = Copier(pictures)
    serve(engine, model, copier)
    return copier


def shown(copier: Copier, seed: int) -> int:
    """Return the index of the picture that is the seed's image."""
    return int(copier.choose(latent_from_seed(seed, 100)[None])[0])


def get(client: TestClient, file: str, **arguments: Any) -> Any:
    return client.get(f"/v1/models/cats/images/{file}", **arguments)


def ask(client: TestClient, **body: Any) -> Any:
    return client.post("/v1/models/cats/images", json=body)


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


def test_a_copied_picture_is_recognised(client: TestClient, copier: Copier) -> None:
    copied = [seed for seed in range(30) if shown(copier, seed) < TRAINED]
    assert 5 < len(copied) < 25
    for seed in copied[:5]:
        body = get(client, f"{seed}.json").json()
        index = shown(copier, seed)
        assert body["seed"] == seed
        assert body["copy"] is True
        assert body["nearest"]["index"] == index
        assert body["nearest"]["url"] == f"/v1/datasets/kittens/images/{index}.png"
        assert body["nearest"]["distance"] <= SAME_IMAGE_DISTANCE
        assert body["nearest"]["percentile"] < 1
        assert "nearest_absent" not in body


def test_several_nearest_pictures_are_listed_nearest_first(
    client: TestClient, copier: Copier
) -> None:
    body = get(client, "3.json?nearest=5").json()
    pictures = body.pop("nearest_pictures")
    alone = get(client, "3.json")
    assert body == alone.json()
    assert pictures[0] == body["nearest"]
    distances = [picture["distance"] for picture in pictures]
    assert (len(pictures), distances) == (5, sorted(distances))
    tag = {"If-None-Match": alone.headers["etag"]}
    assert get(client, "3.json", headers=tag).status_code == 304
    assert get(client, "3.json?nearest=5", headers=tag).status_code == 200
    assert get(client, "3.json?nearest=65").status_code == 422


def test_the_passport_describes_the_served_image(
    client: TestClient, copier: Copier, pictures: np.ndarray
) -> None:
    for seed in range(8):
        assert np.array_equal(
            pixels(get(client, f"{seed}.png").content), pictures[shown(copier, seed)]
        )


def test_new_pictures_are_not_called_copies(client: TestClient, copier: Copier) -> None:
    items = ask(client, count=64, format="json", passports=True).json()["items"]
    new = [item for item in items if shown(copier, item["seed"]) >= TRAINED]
    assert len(new) > 16
    assert sum(item["copy"] for item in new) <= 2
    assert all(item["copy"] for item in items if item not in new)


@pytest.mark.usefixtures("copier")
def test_a_list_carries_passports_only_when_asked(client: TestClient) -> None:
    plain = ask(client, seeds=[3, 9], format="json").json()["items"]
    with_passports = ask(client, seeds=[3, 9], format="json", passports=True).json()["items"]
    assert with_passports == [get(client, "3.json").json(), get(client, "9.json").json()]
    for item in with_passports:
        assert {item.pop("copy"), type(item.pop("nearest"))} <= {True, False, dict}
        assert item.pop("quality") is None
        assert "no sample index yet" in item.pop("quality_absent")
        assert item.pop("quality_absence") == "no_index"
    assert plain == with_passports


@pytest.mark.usefixtures("copier")
def test_a_known_passport_gets_304_until_the_dataset_is_deleted(
    client: TestClient, model: GeneratorCheckpoint
) -> None:
    first = get(client, "7.json", params={"checkpoint": model.id})
    assert first.headers["cache-control"] == "no-cache"
    headers = {"If-None-Match": first.headers["etag"]}
    again = get(client, "7.json", params={"checkpoint": model.id}, headers=headers)
    assert (again.status_code, again.content) == (304, b"")
    assert client.delete("/v1/datasets/kittens").status_code == 204
    deleted = get(client, "7.json", params={"checkpoint": model.id}, headers=headers)
    assert (deleted.status_code, deleted.headers["cache-control"]) == (200, "no-cache")
    assert deleted.headers["etag"] != first.headers["etag"]
    body = deleted.json()
    assert (body["nearest"], body["copy"]) == (None, None)
    assert body["nearest_absent"] == (
        "dataset 'kittens', which it was trained on, has been deleted"
    )
    absent = {"If-None-Match": deleted.headers["etag"]}
    assert get(client, "7.json", headers=absent).status_code == 304


@pytest.mark.usefixtures("copier")
def test_a_later_dataset_of_the_same_name_is_not_used(
    client: TestClient, database: Database, cats_again: None
) -> None:
    assert "has been deleted" in get(client, "7.json").json()["nearest_absent"]


@pytest.fixture
def cats_again(client: TestClient, database: Database, model: GeneratorCheckpoint) -> None:
    from app.domain.tables import Dataset

    assert client.delete("/v1/datasets/kittens").status_code == 204
    with database.write() as session:
        session.add(
            Dataset(
                id="d2",
                name="kittens",
                status="ready",
                job="ingest",
                request={},
                key=PICTURES.key,
                images=TRAINED,
                shape=[64, 64, 3],
                created_at=3.0,
            )
        )


def test_a_model_without_a_training_says_so(
    client: TestClient, database: Database, settings: Settings
) -> None:
    register(database, store_checkpoint(ObjectStore(settings)))
    body = get(client, "7.json").json()
    assert body["nearest_absent"] == "it is not known what this checkpoint was trained on"
    assert body["nearest_absence"] == "training_unknown"
    items = ask(client, count=2, format="json", passports=True).json()["items"]
    assert [item["nearest_absent"] for item in items] == [body["nearest_absent"]] * 2


def test_copies_are_replaced_by_the_next_seeds_that_are_not_copies(
    client: TestClient, copier: Copier
) -> None:
    items = ask(client, count=12, format="json", reject_copies=True).json()["items"]
    assert [item["copy"] for item in items] == [False] * 12
    copies = {
        item["seed"]: item["copy"]
        for item in ask(client, count=60, format="json", passports=True).json()["items"]
    }
    others = iter(seed for seed in range(12, 60) if not copies[seed])
    expected = [next(others) if copies[seed] else seed for seed in range(12)]
    assert [item["seed"] for item in items] == expected
    assert [item.get("replaces") for item in items] == [
        seed if copies[seed] else None for seed in range(12)
    ]
    assert sum("replaces" in item for item in items) > 2
    for item in items:
        item.pop("replaces", None)
        assert item == get(client, f"{item['seed']}.json").json()


@pytest.mark.usefixtures("copier")
def test_the_originals_of_a_truncated_request_are_truncated(client: TestClient) -> None:
    body = {"count": 2, "truncation": 0.9, "format": "json", "reject_copies": True}
    for item in ask(client, **body).json()["items"]:
        item.pop("replaces", None)
        assert item == get(client, f"{item['seed']}.json?truncation=0.9").json()
        assert item["truncation"] == 0.9


def test_the_same_request_gets_the_same_originals(client: TestClient, copier: Copier) -> None:
    seeds = [40, 3, 17, 3, MAX_SEED]
    body = {"seeds": seeds, "format": "zip", "reject_copies": True}
    first, second = ask(client, **body), ask(client, **body)
    assert first.status_code == 200
    assert first.content == second.content
    with zipfile.ZipFile(io.BytesIO(first.content)) as archive:
        images = [Image.open(io.BytesIO(archive.read(name))) for name in archive.namelist()]
    used = [json.loads(image.info["moggy"])["seed"] for image in images]
    listed = ask(client, **body | {"format": "json"}).json()["items"]
    assert used == [item["seed"] for item in listed]
    for seed, image in zip(used, images, strict=True):
        assert np.array_equal(np.asarray(image), pixels(get(client, f"{seed}.png").content))
    # After the greatest seed, replacements continue from 0.
    replacing = [item["seed"] for item in listed if "replaces" in item]
    assert all(seed < 40 and seed not in seeds for seed in replacing)


@pytest.mark.usefixtures("copier")
@pytest.mark.parametrize("file_format", ["png", "grid"])
def test_an_original_in_a_file_names_the_seed_that_was_used(
    client: TestClient, copier: Copier, file_format: str
) -> None:
    seed = next(seed for seed in range(100) if shown(copier, seed) < TRAINED)
    answer = ask(client, seeds=[seed], format=file_format, reject_copies=True)
    recipe = json.loads(Image.open(io.BytesIO(answer.content)).info["moggy"])
    (listed,) = ask(client, seeds=[seed], format="json", reject_copies=True).json()["items"]
    used = recipe["seed"] if file_format == "png" else recipe["images"][0]["seed"]
    assert used == listed["seed"] > seed
    assert listed["replaces"] == seed


@pytest.mark.usefixtures("folder")
def test_a_model_that_only_copies_is_refused_after_a_bounded_search(
    client: TestClient, engine: Engine, model: GeneratorCheckpoint, pictures: np.ndarray
) -> None:
    serve(engine, model, Copier(pictures[:TRAINED]))
    answer = ask(client, count=3, reject_copies=True)
    assert (answer.status_code, answer.json()["field"]) == (409, "reject_copies")
    assert answer.json()["detail"] == (
        "model 'cats' copies its training images: after 32 further seeds, 3 of 3 images are "
        "still copies. Choose another checkpoint, or leave out reject_copies, or request fewer "
        "images"
    )
    assert ask(client, count=3).status_code == 200


def test_copies_cannot_be_rejected_where_there_are_no_passports(
    client: TestClient, model: GeneratorCheckpoint
) -> None:
    answer = ask(client, count=1, reject_copies=True)
    assert (answer.status_code, answer.json()["field"]) == (409, "reject_copies")
    assert answer.json()["detail"] == (
        "copies cannot be recognised: dataset 'kittens' is being deleted. Leave reject_copies out"
    )


@pytest.mark.usefixtures("copier")
@pytest.mark.parametrize(
    ("body", "field", "detail"),
    [
        ({"latents": [[0.0] * 100], "reject_copies": True}, "reject_copies", "latents have none"),
        ({"count": 1, "passports": True}, "passports", "format is grid: use format json"),
        ({"count": 1, "reject_copies": 1}, "reject_copies", "not true or false"),
    ],
)
def test_an_invalid_combination_is_refused_with_the_field(
    client: TestClient, body: dict[str, Any], field: str, detail: str
) -> None:
    answer = ask(client, **body)
    assert (answer.status_code, answer.json()["field"]) == (422, field)
    assert detail in answer.json()["detail"]
