"""Many images in one request: the same as single ones, in sheets and bundles."""

import io
import json
import zipfile
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from PIL import Image

from app.domain.database import Database
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.main import create_app
from benchmarks.harness.random_models import register, store_checkpoint
from models.seeds import latent_from_seed

IMAGES = "/v1/models/cats/images"


@pytest.fixture(autouse=True)
def model(database: Database, settings: Settings) -> GeneratorCheckpoint:
    """The model "cats": random weights, 64×64 RGB."""
    return register(database, store_checkpoint(ObjectStore(settings)))


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def get(client: TestClient, file: str) -> Response:
    return client.get(f"{IMAGES}/{file}")


def recipe_of(body: dict[str, Any]) -> dict[str, Any]:
    """Return a recipe without the passport beside it."""
    passport = {"nearest", "copy", "nearest_absent", "nearest_absence"}
    passport |= {"quality", "quality_absent", "quality_absence"}
    return {name: value for name, value in body.items() if name not in passport}


def ask(client: TestClient, **body: Any) -> Response:
    return client.post(IMAGES, json=body)


def test_a_grid_holds_the_single_images(client: TestClient) -> None:
    answer = ask(client, seeds=[7, 42, 7, 1, 2])
    grid = pixels(answer.content)
    assert answer.headers["content-type"] == "image/png"
    assert grid.shape == (128, 192, 3)
    assert np.array_equal(grid[:64, 64:128], pixels(get(client, "42.png").content))
    assert np.array_equal(grid[64:, 64:128], pixels(get(client, "2.png").content))
    recipe = json.loads(Image.open(io.BytesIO(answer.content)).info["moggy"])
    assert recipe["images"] == [{"seed": seed} for seed in (7, 42, 7, 1, 2)]


def test_a_zip_holds_the_single_files(client: TestClient) -> None:
    answer = ask(client, count=20, seed=5, format="zip")
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.namelist() == [f"{number:04}.png" for number in range(20)]
        assert archive.read("0002.png") == get(client, "7.png").content


def test_json_lists_the_recipes(client: TestClient) -> None:
    body = ask(client, count=2, format="json").json()
    assert body["items"] == [recipe_of(get(client, f"{seed}.json").json()) for seed in (0, 1)]


@pytest.mark.parametrize("image_format", ["png", "jpg", "webp"])
def test_one_image_by_request_is_the_one_by_url(
    client: TestClient, model: GeneratorCheckpoint, image_format: str
) -> None:
    posted = ask(client, seeds=[7], format=image_format, checkpoint=model.id)
    assert posted.content == get(client, f"7.{image_format}").content


def test_the_latent_of_a_seed_gives_its_pixels(client: TestClient) -> None:
    latent = latent_from_seed(7, 100).tolist()
    posted = ask(client, latents=[latent], format="png")
    assert np.array_equal(pixels(posted.content), pixels(get(client, "7.png").content))
    recipe = json.loads(Image.open(io.BytesIO(posted.content)).info["moggy"])
    again = ask(client, latents=[recipe["latent"]], format="png")
    assert again.content == posted.content


def test_a_zip_of_more_images_than_may_wait_is_made_while_it_is_sent(
    client: TestClient, settings: Settings
) -> None:
    expected = client.get(f"{IMAGES}/299.png").content
    narrow = settings.model_copy(
        update={"generation_queue_images": 256, "max_response_pixels": 64 * 64}
    )
    with TestClient(create_app(narrow), base_url="http://127.0.0.1:8000") as limited:
        answer = ask(limited, count=300, format="zip")
    assert answer.status_code == 200
    assert "content-length" not in answer.headers
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert len(archive.namelist()) == 300
        assert archive.read("0299.png") == expected


def test_multipart_holds_each_image_whole(client: TestClient) -> None:
    answer = ask(client, seeds=[7, 42], format="multipart")
    kind, _, boundary = answer.headers["content-type"].partition("; boundary=")
    assert kind == "multipart/mixed"
    parts = answer.content.split(f"--{boundary}".encode())
    assert (parts[0], parts[-1]) == (b"", b"--\r\n")
    for part, seed in zip(parts[1:-1], (7, 42), strict=True):
        head, _, body = part.partition(b"\r\n\r\n")
        assert b"Content-Type: image/png" in head
        assert body.removesuffix(b"\r\n") == client.get(f"{IMAGES}/{seed}.png").content


def test_a_contact_sheet_is_verified_like_a_grid(client: TestClient) -> None:
    answer = ask(client, seeds=[7, 42, 3], format="contact", columns=3)
    assert answer.headers["content-type"] == "image/png"
    recipe = json.loads(Image.open(io.BytesIO(answer.content)).info["moggy"])
    assert (recipe["columns"], recipe["captions"]) == (3, True)
    verdict = client.post("/v1/recipes/verify", content=answer.content).json()
    assert (verdict["match"], verdict["difference"]) == (True, 0)


def test_sprites_are_the_single_images(client: TestClient) -> None:
    answer = ask(client, count=5, seed=3, format="sprites", columns=2)
    assert "cats-sprites.zip" in answer.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        sheet = np.asarray(Image.open(io.BytesIO(archive.read("sprites.png"))))
        frames = json.loads(archive.read("sprites.json"))["frames"]
    assert sheet.shape == (192, 128, 3)
    for sprite in frames.values():
        x, y = sprite["frame"]["x"], sprite["frame"]["y"]
        single = client.get(f"{IMAGES}/{sprite['seed']}.png").content
        assert np.array_equal(
            sheet[y : y + 64, x : x + 64], np.asarray(Image.open(io.BytesIO(single)))
        )


@pytest.mark.parametrize("file_format", ["sprites", "multipart"])
def test_the_frames_of_a_morph_come_as_sprites_and_multipart(
    client: TestClient, file_format: str
) -> None:
    keyframes = [{"seed": 1}, {"seed": 2}]
    answer = client.post(
        "/v1/models/cats/interpolations",
        json={"keyframes": keyframes, "frames": 5, "format": file_format},
    )
    assert answer.status_code == 200
    if file_format == "sprites":
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            atlas = json.loads(archive.read("sprites.json"))
        assert len(atlas["animations"]["morph"]) == len(atlas["frames"]) == 5
    else:
        assert answer.content.count(b"Content-Type: image/png") == 5


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"count": 4, "columns": 5}, "columns 5 is more than the 4 images"),
        ({"count": 4, "columns": 2, "format": "zip"}, "columns belongs to sheets"),
        ({"count": 4, "columns": 0}, "the minimum is 1"),
    ],
)
def test_invalid_columns_are_refused(client: TestClient, body: dict[str, Any], detail: str) -> None:
    answer = ask(client, **body)
    assert (answer.status_code, answer.json()["field"]) == (422, "columns")
    assert detail in answer.json()["detail"]
