"""The layers of a model over HTTP, and their feature maps."""

import io

import numpy as np
import pytest
from api import Api
from fastapi.testclient import TestClient
from PIL import Image

from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.store import ObjectStore
from app.serving import engine
from benchmarks.harness.random_models import register, store_checkpoint

MODEL = "/v1/models/cats"
MAPS = f"{MODEL}/feature-maps"


@pytest.fixture(scope="module")
def checkpoint(shared_api: Api) -> GeneratorCheckpoint:
    """The served checkpoint of the model "cats": random weights, 64×64 RGB."""
    return register(shared_api.database, store_checkpoint(ObjectStore(shared_api.settings)))


@pytest.fixture(scope="module")
def client(shared_api: Api, checkpoint: GeneratorCheckpoint) -> TestClient:
    return shared_api.client


def picture(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


def test_the_layers_lead_from_the_latent_to_the_image(
    client: TestClient, checkpoint: GeneratorCheckpoint
) -> None:
    answer = client.get(f"{MODEL}/layers").json()
    assert answer["checkpoint"] == checkpoint.id
    assert answer["latent_dim"] == 100
    sides = [(layer["height"], layer["width"]) for layer in answer["layers"]]
    assert sides == [(4, 4), (8, 8), (16, 16), (32, 32), (64, 64)]
    first, last = answer["layers"][0], answer["layers"][-1]
    assert first["activation"] == "Relu"
    assert first["weights"] == (100 + 1) * first["channels"] * 16
    assert (last["channels"], last["maps"], last["columns"]) == (3, 3, 2)
    assert (first["maps"], first["columns"]) == (64, 8)


def test_the_maps_of_each_layer_are_one_picture(client: TestClient) -> None:
    for layer in client.get(f"{MODEL}/layers").json()["layers"]:
        answer = client.get(f"{MAPS}/7.png?layer={layer['index']}")
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "image/png"
        sheet = picture(answer.content)
        rows = -(-layer["maps"] // layer["columns"])
        assert sheet.shape == (rows * layer["height"], layer["columns"] * layer["width"])
        assert sheet.max() > 0


def test_the_maps_depend_on_the_seed_and_the_truncation(client: TestClient) -> None:
    first = client.get(f"{MAPS}/7.png?layer=1")
    assert client.get(f"{MAPS}/7.png?layer=1").content == first.content
    for query in ("8.png?layer=1", "7.png?layer=2", "7.png?layer=1&truncation=0.5"):
        other = client.get(f"{MAPS}/{query}")
        assert other.content != first.content
        assert other.headers["etag"] != first.headers["etag"]


def test_maps_are_cached_as_images_are(client: TestClient, checkpoint: GeneratorCheckpoint) -> None:
    address = f"{MAPS}/7.png?layer=1"
    first = client.get(address)
    assert first.headers["cache-control"] == "no-cache"
    again = client.get(address, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    named = client.get(f"{address}&checkpoint={checkpoint.id}")
    assert "immutable" in named.headers["cache-control"]


def test_a_layer_that_does_not_exist_is_named_with_those_that_do(client: TestClient) -> None:
    answer = client.get(f"{MAPS}/7.png?layer=5")
    assert answer.status_code == 422
    assert answer.json()["field"] == "layer"
    assert "has the layers 0 to 4" in answer.json()["detail"]
    assert client.get(f"{MAPS}/7.png").status_code == 422
    assert client.get("/v1/models/dogs/layers").status_code == 404


def test_maps_have_a_deadline_as_images_have(client: TestClient) -> None:
    for path in (f"{MODEL}/layers", f"{MAPS}/7.png?layer=1"):
        answer = client.get(path, headers={"Moggy-Deadline": "0.000001"})
        assert (answer.status_code, answer.json()["title"]) == (503, "Deadline passed")


def test_a_flood_of_requests_for_maps_is_refused(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "MAX_WAITING_MAPS", 0)
    answer = client.get(f"{MAPS}/7.png?layer=1")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert "feature maps wait" in answer.json()["detail"]
    assert client.get(f"{MODEL}/images/7.png").status_code == 200


def test_the_pixels_of_maps_are_limited(
    shared_api: Api, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited = shared_api.settings.model_copy(update={"max_response_pixels": 4095})
    monkeypatch.setattr(shared_api.client.app.state, "settings", limited)  # type: ignore[attr-defined]
    assert client.get(f"{MAPS}/7.png?layer=0").status_code == 200
    answer = client.get(f"{MAPS}/7.png?layer=4")
    assert (answer.status_code, answer.json()["field"]) == (422, "layer")
    assert "MOGGY_MAX_RESPONSE_PIXELS" in answer.json()["detail"]
