"""Many images over HTTP: streamed, as sheets, and as sprites."""

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
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.main import create_app
from benchmarks.random_models import register, store_checkpoint

IMAGES = "/v1/models/cats/images"


@pytest.fixture(autouse=True)
def model(database: Database, settings: Settings) -> None:
    register(database, store_checkpoint(ObjectStore(settings)))


def ask(client: TestClient, **asked: Any) -> Response:
    return client.post(IMAGES, json=asked)


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
    for one in frames.values():
        x, y = one["frame"]["x"], one["frame"]["y"]
        single = client.get(f"{IMAGES}/{one['seed']}.png").content
        assert np.array_equal(
            sheet[y : y + 64, x : x + 64], np.asarray(Image.open(io.BytesIO(single)))
        )


@pytest.mark.parametrize("file_format", ["sprites", "multipart"])
def test_the_frames_of_a_morph_come_so_too(client: TestClient, file_format: str) -> None:
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
    ("asked", "says"),
    [
        ({"count": 4, "columns": 5}, "columns 5 is more than the 4 images"),
        ({"count": 4, "columns": 2, "format": "zip"}, "columns are a sheet's"),
        ({"count": 4, "columns": 0}, "greater than or equal to 1"),
    ],
)
def test_columns_that_cannot_be_are_refused(
    client: TestClient, asked: dict[str, Any], says: str
) -> None:
    answer = ask(client, **asked)
    assert (answer.status_code, answer.json()["field"]) == (422, "columns")
    assert says in answer.json()["detail"]
