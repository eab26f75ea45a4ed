"""Single images by URL: formats, recipes, caching."""

import io
import json
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from app.domain.database import Database
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.store import ObjectStore
from benchmarks.harness.random_models import register, store_checkpoint
from models.onnx_generator import backend

FORMATS = ("png", "webp", "jpg", "avif")

pytestmark = pytest.mark.usefixtures("model")


@pytest.fixture
def model(database: Database, store: ObjectStore) -> GeneratorCheckpoint:
    """The served checkpoint of the model "cats": random weights, 64×64 RGB."""
    return register(database, store_checkpoint(store))


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def get(client: TestClient, file: str, **arguments: Any) -> Any:
    return client.get(f"/v1/models/cats/images/{file}", **arguments)


def ask(client: TestClient, **body: Any) -> Any:
    # json.dumps, because the client's own encoder refuses NaN.
    return client.post(
        "/v1/models/cats/images",
        content=json.dumps(body),
        headers={"Content-Type": "application/json"},
    )


def recipe_of(body: dict[str, Any]) -> dict[str, Any]:
    """Return a recipe without the passport beside it."""
    passport = {"nearest", "copy", "nearest_absent", "nearest_absence"}
    passport |= {"quality", "quality_absent", "quality_absence"}
    return {name: value for name, value in body.items() if name not in passport}


@pytest.mark.parametrize(
    ("accept", "file_format"),
    [("*/*", "png"), ("image/avif,image/webp,image/*,*/*;q=0.8", "webp"), ("image/jpeg", "jpg")],
)
def test_without_an_ending_the_client_chooses_the_format(
    client: TestClient, accept: str, file_format: str
) -> None:
    chosen = get(client, "7", headers={"Accept": accept})
    named = get(client, f"7.{file_format}")
    assert (chosen.status_code, chosen.content) == (200, named.content)
    assert chosen.headers == named.headers | {"vary": "Accept"}
    headers = {"Accept": accept, "If-None-Match": named.headers["etag"]}
    assert get(client, "7", headers=headers).status_code == 304
    assert get(client, "7", headers={"Accept": "text/html"}).status_code == 406


def test_a_saved_image_is_named_by_what_it_is(client: TestClient) -> None:
    disposition = get(client, "7.webp").headers["content-disposition"]
    assert disposition == 'inline; filename="cats-7.webp"'


def test_an_image_is_enlarged_for_display_and_its_recipe_says_so(client: TestClient) -> None:
    small, large = get(client, "7.png"), get(client, "7.png?scale=4&resample=nearest")
    assert np.array_equal(pixels(large.content)[::4, ::4], pixels(small.content))
    assert large.headers["etag"] != small.headers["etag"]
    recipe = json.loads(Image.open(io.BytesIO(large.content)).info["moggy"])
    assert (recipe["scale"], recipe["resample"]) == (4, "nearest")
    smooth = get(client, "7.png?scale=4")
    assert pixels(smooth.content).shape == (256, 256, 3)
    assert smooth.content != large.content
    grid = ask(client, seeds=[7, 8], scale=2, resample="nearest")
    assert np.array_equal(pixels(grid.content)[:128:2, :128:2], pixels(small.content))


def test_head_of_an_image_has_its_size_and_etag(client: TestClient) -> None:
    got, head = get(client, "7.png"), client.head("/v1/models/cats/images/7.png")
    assert (head.status_code, head.content, head.headers) == (200, b"", got.headers)
    assert head.headers["content-length"] == str(len(got.content))


def test_random_is_another_image_at_each_call_with_its_lasting_address(
    client: TestClient,
) -> None:
    first, second = (client.get("/v1/models/cats/random.png") for _ in range(2))
    seed = first.headers["moggy-seed"]
    assert seed != second.headers["moggy-seed"]
    assert first.headers["cache-control"] == "no-store"
    again = client.get(first.headers["content-location"])
    assert (again.status_code, again.content) == (200, first.content)
    assert again.headers["cache-control"] == "max-age=31536000, immutable"
    assert get(client, f"{seed}.json").json()["seed"] == int(seed)
    assert client.get("/v1/models/cats/random.gif").status_code == 422
    assert client.get("/v1/models/dogs/random.png").status_code == 404


def test_a_seed_is_an_image_in_every_format(client: TestClient) -> None:
    png, webp, jpg = (get(client, f"7.{ending}") for ending in ("png", "webp", "jpg"))
    assert [answer.headers["content-type"] for answer in (png, webp, jpg)] == [
        "image/png",
        "image/webp",
        "image/jpeg",
    ]
    assert pixels(png.content).shape == (64, 64, 3)
    assert np.array_equal(pixels(png.content), pixels(webp.content))
    assert np.abs(pixels(png.content).astype(int) - pixels(jpg.content)).mean() < 8
    assert get(client, "7.png").content == png.content
    assert get(client, "8.png").content != png.content


def test_the_recipe_is_inside_the_png_and_beside_it(
    client: TestClient, model: GeneratorCheckpoint
) -> None:
    recipe = recipe_of(get(client, "7.json").json())
    assert recipe == {
        "model": "cats",
        "checkpoint": model.id,
        "sha256": model.sha256,
        "images_seen": 1000,
        "backend": backend(),
        "seed": 7,
        "class": None,
    }
    image = Image.open(io.BytesIO(get(client, "7.png").content))
    assert json.loads(image.info["moggy"]) == recipe


def test_the_image_of_a_named_checkpoint_never_changes(
    client: TestClient, database: Database, store: ObjectStore, model: GeneratorCheckpoint
) -> None:
    register(database, store_checkpoint(store, weights=2))
    newest = get(client, "7.png")
    named = get(client, "7.png", params={"checkpoint": model.id})
    assert newest.headers["cache-control"] == "no-cache"
    assert named.headers["cache-control"] == "max-age=31536000, immutable"
    assert newest.content != named.content
    assert newest.headers["etag"] != named.headers["etag"]


def test_a_new_checkpoint_is_served_once_it_is_registered_and_set(
    client: TestClient, database: Database, store: ObjectStore, model: GeneratorCheckpoint
) -> None:
    first = get(client, "7.png").content
    newer = register(database, store_checkpoint(store, weights=2))
    client.patch("/v1/models/cats", json={"checkpoint": newer.id})
    assert get(client, "7.json").json()["checkpoint"] == newer.id
    assert get(client, "7.png").content != first
    client.patch("/v1/models/cats", json={"checkpoint": model.id})
    assert get(client, "7.png").content == first


def test_a_known_etag_gets_304_and_nothing_is_generated(
    client: TestClient, store: ObjectStore, model: GeneratorCheckpoint
) -> None:
    store.delete(model.onnx_key)  # any generation would fail now
    tag = get(client, "7.json").headers["etag"]
    png, jpg = (
        get(client, f"7.{ending}", headers={"If-None-Match": "*"}) for ending in ("png", "jpg")
    )
    assert [png.status_code, jpg.status_code] == [304, 304]
    etag = png.headers["etag"]
    assert len({tag, etag, jpg.headers["etag"]}) == 3
    for if_none_match in (etag, f"W/{etag}", f'"other", {etag}'):
        answer = get(client, "7.png", headers={"If-None-Match": if_none_match})
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["cache-control"] == "no-cache"
    assert get(client, "7.png", headers={"If-None-Match": tag}).status_code == 500


def test_one_broken_checkpoint_is_named_and_the_next_is_served(
    client: TestClient, database: Database, store: ObjectStore, model: GeneratorCheckpoint
) -> None:
    store.put_bytes(model.onnx_key, b"nothing")
    broken = get(client, "7.png")
    assert broken.status_code == 500
    assert broken.json()["title"] == "Broken checkpoint"
    assert model.id in broken.json()["detail"]
    good = register(database, store_checkpoint(store, weights=2))
    assert get(client, "7.png", params={"checkpoint": good.id}).status_code == 200


def test_a_greyscale_model_makes_greyscale_files(
    client: TestClient, database: Database, store: ObjectStore
) -> None:
    register(database, store_checkpoint(store, "digits", shape=(28, 28, 1)))
    image = Image.open(io.BytesIO(client.get("/v1/models/digits/images/3.png").content))
    assert (image.mode, image.size) == ("L", (28, 28))


def test_an_oblong_model_with_alpha_keeps_its_shape_and_alpha(
    client: TestClient, database: Database, store: ObjectStore
) -> None:
    stickers: dict[str, Any] = {"shape": (48, 80, 4), "architecture": "r3gan", "max_width": 64}
    register(database, store_checkpoint(store, "stickers", **stickers))
    url = "/v1/models/stickers/images"
    png, webp, jpg, avif = (
        Image.open(io.BytesIO(client.get(f"{url}/3.{ending}").content)) for ending in FORMATS
    )
    assert [image.size for image in (png, webp, jpg, avif)] == [(80, 48)] * 4
    assert [image.mode for image in (png, webp, jpg, avif)] == ["RGBA", "RGBA", "RGB", "RGBA"]
    assert np.array_equal(np.asarray(png), np.asarray(webp))
    assert 0 < np.asarray(png)[..., 3].mean() < 255
    grid = np.asarray(Image.open(io.BytesIO(client.post(url, json={"seeds": [1, 2, 3]}).content)))
    assert grid.shape == (96, 160, 4)
    assert np.array_equal(grid[48:, :80], np.asarray(png))
    assert not grid[48:, 80:].any()
