"""Images over HTTP: by URL, many at once, cached, and what is refused."""

import io
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from app.domain.database import Database
from app.domain.images.checkpoint import ServedCheckpoint
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.main import create_app
from benchmarks.random_models import register, store_checkpoint
from models.config import MAX_SEED

FORMATS = ("png", "webp", "jpg", "avif")

pytestmark = pytest.mark.usefixtures("model")


@pytest.fixture
def store(settings: Settings) -> ObjectStore:
    return ObjectStore(settings)


@pytest.fixture
def model(database: Database, store: ObjectStore) -> ServedCheckpoint:
    """The served checkpoint of the model "cats": random weights, 64×64 RGB."""
    return register(database, store_checkpoint(store))


@pytest.fixture
def small_client(settings: Settings) -> Iterator[TestClient]:
    """The same service with limits that are soon reached."""
    small = settings.model_copy(
        update={"max_images_per_request": 5, "max_response_pixels": 4 * 64 * 64}
    )
    with TestClient(create_app(small), base_url="http://127.0.0.1:8000") as limited:
        yield limited


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def get(client: TestClient, file: str, **arguments: Any) -> Any:
    return client.get(f"/v1/models/cats/images/{file}", **arguments)


def ask(client: TestClient, **body: Any) -> Any:
    # Written by hand, since a client's JSON library refuses the NaN that a test must send.
    return client.post(
        "/v1/models/cats/images",
        content=json.dumps(body),
        headers={"Content-Type": "application/json"},
    )


def recipe_of(body: dict[str, Any]) -> dict[str, Any]:
    """The recipe without the passport that stands beside it."""
    passport = {"nearest", "copy", "nearest_absent"}
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
    known = {"Accept": accept, "If-None-Match": named.headers["etag"]}
    assert get(client, "7", headers=known).status_code == 304
    assert get(client, "7", headers={"Accept": "text/html"}).status_code == 406


def test_a_saved_image_is_named_by_what_it_is(client: TestClient) -> None:
    disposition = get(client, "7.webp").headers["content-disposition"]
    assert disposition == 'inline; filename="cats-7.webp"'


def test_an_image_is_enlarged_for_display_and_its_recipe_tells_it(client: TestClient) -> None:
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


def test_head_of_an_image_tells_its_size_and_its_tag(client: TestClient) -> None:
    got, head = get(client, "7.png"), client.head("/v1/models/cats/images/7.png")
    assert (head.status_code, head.content, head.headers) == (200, b"", got.headers)
    assert head.headers["content-length"] == str(len(got.content))


def test_random_is_another_image_at_each_call_and_says_where_it_can_be_had_again(
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
    png, webp, jpg = (get(client, f"7.{one}") for one in ("png", "webp", "jpg"))
    assert [one.headers["content-type"] for one in (png, webp, jpg)] == [
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
    client: TestClient, model: ServedCheckpoint
) -> None:
    recipe = recipe_of(get(client, "7.json").json())
    assert recipe == {
        "model": "cats",
        "checkpoint": model.id,
        "sha256": model.sha256,
        "images_seen": 1000,
        "backend": "cpu-float32",
        "seed": 7,
        "class": None,
    }
    image = Image.open(io.BytesIO(get(client, "7.png").content))
    assert json.loads(image.info["moggy"]) == recipe


def test_the_image_of_a_named_checkpoint_never_changes(
    client: TestClient, database: Database, store: ObjectStore, model: ServedCheckpoint
) -> None:
    register(database, store_checkpoint(store, weights=2))
    newest = get(client, "7.png")
    named = get(client, "7.png", params={"checkpoint": model.id})
    assert newest.headers["cache-control"] == "no-cache"
    assert named.headers["cache-control"] == "max-age=31536000, immutable"
    assert newest.content != named.content
    assert newest.headers["etag"] != named.headers["etag"]


def test_a_new_checkpoint_is_served_once_it_is_registered_and_set(
    client: TestClient, database: Database, store: ObjectStore, model: ServedCheckpoint
) -> None:
    first = get(client, "7.png").content
    newer = register(database, store_checkpoint(store, weights=2))
    client.patch("/v1/models/cats", json={"checkpoint": newer.id})
    assert get(client, "7.json").json()["checkpoint"] == newer.id
    assert get(client, "7.png").content != first
    client.patch("/v1/models/cats", json={"checkpoint": model.id})
    assert get(client, "7.png").content == first


def test_who_has_the_image_gets_304_and_nothing_is_generated(
    client: TestClient, store: ObjectStore, model: ServedCheckpoint
) -> None:
    store.delete(model.key)  # any generation would fail now
    tag = get(client, "7.json").headers["etag"]
    tags = {one: get(client, f"7.{one}", headers={"If-None-Match": "*"}) for one in ("png", "jpg")}
    assert [one.status_code for one in tags.values()] == [304, 304]
    known = tags["png"].headers["etag"]
    assert len({tag, known, tags["jpg"].headers["etag"]}) == 3
    for given in (known, f"W/{known}", f'"other", {known}'):
        answer = get(client, "7.png", headers={"If-None-Match": given})
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["cache-control"] == "no-cache"
    assert get(client, "7.png", headers={"If-None-Match": tag}).status_code == 500


def test_one_broken_checkpoint_is_named_and_the_next_is_served(
    client: TestClient, database: Database, store: ObjectStore, model: ServedCheckpoint
) -> None:
    store.put_bytes(model.key, b"nothing")
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


def test_an_oblong_model_with_alpha_keeps_both(
    client: TestClient, database: Database, store: ObjectStore
) -> None:
    stickers = {"shape": (48, 80, 4), "architecture": "r3gan", "max_width": 64}
    register(database, store_checkpoint(store, "stickers", **stickers))
    url = "/v1/models/stickers/images"
    png, webp, jpg, avif = (
        Image.open(io.BytesIO(client.get(f"{url}/3.{one}").content)) for one in FORMATS
    )
    assert [one.size for one in (png, webp, jpg, avif)] == [(80, 48)] * 4
    assert [one.mode for one in (png, webp, jpg, avif)] == ["RGBA", "RGBA", "RGB", "RGBA"]
    assert np.array_equal(np.asarray(png), np.asarray(webp))
    assert 0 < np.asarray(png)[..., 3].mean() < 255
    grid = np.asarray(Image.open(io.BytesIO(client.post(url, json={"seeds": [1, 2, 3]}).content)))
    assert grid.shape == (96, 160, 4)
    assert np.array_equal(grid[48:, :80], np.asarray(png))
    assert not grid[48:, 80:].any()


@pytest.mark.parametrize(
    ("file", "status", "detail"),
    [
        ("-1.png", 422, "seed: '-1' is too small: the minimum is 0"),
        (f"{MAX_SEED + 1}.png", 422, f"the maximum is {MAX_SEED}"),
        ("cat.png", 422, "seed: 'cat' is not a whole number"),
        ("7.5.png", 422, "seed: '7.5' is not a whole number"),
        ("7.bmp", 422, "format: 'bmp' is not one of png, webp, jpg, avif"),
        ("7.png?class=white", 422, "model 'cats' is not conditional, so it has no class 'white'"),
        (
            "7.png?truncation=0.5",
            422,
            "'truncation' is not known here; there are: checkpoint, class, resample, scale",
        ),
        ("7.png?scale=9", 422, "scale: '9' is too large: the maximum is 8"),
        ("7.png?scale=2&resample=cubic", 422, "resample: 'cubic' is not one of lanczos, nearest"),
        ("7.json?scale=2", 422, "scale 2 is for pictures"),
        ("7.png?checkpoint=", 422, "checkpoint: '' is too short: the minimum length is 1"),
        ("7.png?checkpoint=nothing", 404, "model 'cats' has no checkpoint 'nothing'"),
    ],
)
def test_a_bad_url_is_refused_with_the_reason(
    client: TestClient, file: str, status: int, detail: str
) -> None:
    answer = get(client, file)
    assert (answer.status_code, answer.headers["content-type"]) == (
        status,
        "application/problem+json",
    )
    assert detail in answer.json()["detail"]


def test_an_unknown_model_is_named(client: TestClient) -> None:
    answer = client.get("/v1/models/dogs/images/7.png")
    assert (answer.status_code, answer.json()["detail"]) == (404, "there is no model 'dogs'")
    posted = client.post("/v1/models/dogs/images", json={"count": 1})
    assert posted.status_code == 404


@pytest.mark.parametrize(
    ("body", "field", "detail"),
    [
        ({}, None, "exactly one of seeds, count, latents: none given"),
        ({"seeds": [1], "count": 2}, None, "seeds and count given"),
        ({"seed": 7}, None, "none given"),
        ({"seeds": [7], "seed": 7}, "seed", "seed is where count starts from"),
        ({"seeds": []}, "seeds", "the minimum number of items is 1"),
        ({"seeds": [-1]}, "seeds.0", "the minimum is 0"),
        ({"seeds": [1, MAX_SEED + 1]}, "seeds.1", f"the maximum is {MAX_SEED}"),
        ({"seeds": ["7"]}, "seeds.0", "not a whole number"),
        ({"count": 0}, "count", "the minimum is 1"),
        ({"count": 10001}, "count", "10001 images are asked for; one request may ask for 10000"),
        ({"count": 10**30}, "count", "one request may ask for 10000"),
        ({"count": 2, "seed": MAX_SEED}, "count", f"beyond {MAX_SEED}"),
        ({"count": 2, "format": "png"}, "format", "holds one image and 2 are asked for"),
        (
            {"count": 1, "format": "bmp"},
            "format",
            "one of png, webp, jpg, avif, grid, contact, sprites, zip, multipart, json",
        ),
        ({"latents": [[0.0] * 99]}, "latents.0", "99 values; this model's latents have 100"),
        ({"latents": [[float("nan")] * 100]}, "latents.0.0", "finite number"),
        ({"latents": [[1e400] * 100]}, "latents.0.0", "finite number"),
        ({"latents": [[-1001] * 100]}, "latents.0.0", "the minimum is -1000"),
        ({"count": 1, "truncation": 0.7}, "truncation", "there is no such field"),
        ({"count": 1, "class": "white"}, "class", "leave class out"),
        ({"count": 1, "class": 1}, "class", "not text"),
        ({"count": 1, "class_name": "white"}, "class_name", "there is no such field"),
        ({"count": 1, "scale": 0}, "scale", "the minimum is 1"),
        ({"count": 1, "scale": 2, "format": "json"}, "scale", "scale 2 is for pictures"),
        ({"count": 300, "scale": 8}, "count", "one answer may have 67108864"),
        ({"count": 1, "checkpoint": ""}, "checkpoint", "the minimum length is 1"),
    ],
)
def test_a_bad_request_is_refused_with_the_field_and_the_limit(
    client: TestClient, body: dict[str, Any], field: str, detail: str
) -> None:
    answer = ask(client, **body)
    problem = answer.json()
    assert answer.status_code == 422, problem
    assert detail in str(problem)
    assert problem.get("field") == field


def test_limits_are_settings(small_client: TestClient) -> None:
    too_many = ask(small_client, count=6).json()
    assert too_many["detail"].endswith("one request may ask for 5 (MOGGY_MAX_IMAGES_PER_REQUEST)")
    too_large = ask(small_client, count=5).json()
    assert "5 images of 64×64 are 20480 pixels; one answer may have 16384" in too_large["detail"]
    assert ask(small_client, count=4).status_code == 200
