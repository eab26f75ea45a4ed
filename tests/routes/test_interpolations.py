"""Morphs: their keyframes are the images themselves, in every format."""

import io
import json
import zipfile
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from api import Api
from fastapi.testclient import TestClient
from PIL import Image

from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.store import ObjectStore
from app.routes.interpolation_bodies import InterpolationAnswer
from benchmarks.harness.random_models import register, store_checkpoint
from models.latents import slerp
from models.seeds import latent_from_seed

URL = "/v1/models/cats/interpolations"
TWO = [{"seed": 7}, {"seed": 42}]


@pytest.fixture(scope="module")
def model(shared_api: Api) -> GeneratorCheckpoint:
    """The served checkpoint of the model "cats": random weights, 64×64 RGB."""
    return register(shared_api.database, store_checkpoint(ObjectStore(shared_api.settings)))


@pytest.fixture(scope="module")
def client(shared_api: Api, model: GeneratorCheckpoint) -> TestClient:
    """One API for all tests, with the model."""
    return shared_api.client


def ask(client: TestClient, **body: Any) -> Any:
    return client.post(URL, json=body)


def get(client: TestClient, file: str, **arguments: Any) -> Any:
    return client.get(f"{URL}/{file}", **arguments)


def single(client: TestClient, seed: int) -> np.ndarray:
    data = client.get(f"/v1/models/cats/images/{seed}.png").content
    return np.asarray(Image.open(io.BytesIO(data)))


def frames(data: bytes) -> list[np.ndarray]:
    image = Image.open(io.BytesIO(data))
    frames = []
    for number in range(image.n_frames):  # type: ignore[attr-defined]
        image.seek(number)
        frames.append(np.asarray(image.convert("RGB")))
    return frames


def test_a_webp_begins_and_ends_with_the_images_of_its_keyframes(client: TestClient) -> None:
    answer = ask(client, keyframes=TWO)
    assert answer.headers["content-type"] == "image/webp"
    morph = frames(answer.content)
    assert len(morph) == 60
    assert np.array_equal(morph[0], single(client, 7))
    assert np.array_equal(morph[-1], single(client, 42))
    assert all(not np.array_equal(*pair) for pair in pairwise(morph))


def test_a_morph_contains_the_image_of_a_middle_keyframe(client: TestClient) -> None:
    latent = latent_from_seed(3, 100).tolist()
    keyframes = [{"seed": 7}, {"latent": latent}, {"mix": [{"seed": 9, "weight": 1}]}]
    morph = frames(ask(client, keyframes=keyframes, frames=9).content)
    assert len(morph) == 9
    for index, seed in ((0, 7), (4, 3), (8, 9)):
        assert np.array_equal(morph[index], single(client, seed))


def test_a_loop_comes_back_without_repeating_its_first_frame(client: TestClient) -> None:
    answer = ask(client, keyframes=TWO, frames=8, loop=True)
    morph = frames(answer.content)
    assert Image.open(io.BytesIO(answer.content)).info["loop"] == 0
    assert len(morph) == 8
    assert np.array_equal(morph[4], single(client, 42))
    assert np.array_equal(morph[3], morph[5])
    assert not np.array_equal(morph[7], morph[0])


def test_a_zip_holds_the_frames_with_their_recipes(client: TestClient) -> None:
    answer = ask(client, keyframes=TWO, frames=5, format="zip")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.namelist() == [f"{number:04}.png" for number in range(5)]
        middle = archive.read("0002.png")
    latent = json.loads(Image.open(io.BytesIO(middle)).info["moggy"])["latent"]
    expected = slerp(latent_from_seed(7, 100), latent_from_seed(42, 100), 0.5)
    assert np.array_equal(np.array(latent, np.float32), expected)
    again = client.post("/v1/models/cats/images", json={"latents": [latent], "format": "png"})
    assert again.content == middle


def test_a_strip_shows_all_frames_in_a_row(client: TestClient) -> None:
    answer = ask(client, keyframes=TWO, frames=4, format="strip")
    strip = np.asarray(Image.open(io.BytesIO(answer.content)))
    assert strip.shape == (64, 256, 3)
    assert np.array_equal(strip[:, 192:], single(client, 42))


def test_a_gif_has_every_frame(client: TestClient) -> None:
    answer = ask(client, keyframes=TWO, frames=12, format="gif", fps=10)
    assert answer.headers["content-type"] == "image/gif"
    assert len(frames(answer.content)) == 12


def test_json_lists_the_latents(client: TestClient, model: GeneratorCheckpoint) -> None:
    body = ask(
        client, keyframes=TWO, frames=3, method="lerp", easing="smooth", format="json"
    ).json()
    assert [body[name] for name in ("model", "checkpoint", "keyframes", "frames", "method")] == [
        "cats",
        model.id,
        TWO,
        3,
        "lerp",
    ]
    # The answer has exactly the fields that the OpenAPI document lists. A truncation of 1 is none,
    # the evenness belongs to another easing, and the rest to a detour.
    answer = InterpolationAnswer.model_validate(body).model_dump(by_alias=True)
    others = {"truncation", "evenness", "detour", "bends", "lowest_quality"}
    assert answer.keys() == body.keys() | others
    latents = np.array(body["latents"], np.float32)
    assert np.array_equal(latents[0], latent_from_seed(7, 100))
    assert np.allclose(latents[1], (latents[0] + latents[2]) / 2, atol=1e-6)


def test_json_tells_how_evenly_an_even_morph_changes(client: TestClient) -> None:
    keyframes = [{"seed": 7}, {"seed": 42}, {"seed": 3}]
    body = ask(
        client, keyframes=keyframes, frames=9, method="spline", easing="even", format="json"
    ).json()
    assert body["method"] == "spline"
    assert 1 <= body["evenness"]["even"] < body["evenness"]["plain"]


@pytest.mark.parametrize("file_format", ["webp", "gif", "apng"])
def test_an_animation_repeats_unless_repeat_is_false(client: TestClient, file_format: str) -> None:
    for_ever = ask(client, keyframes=TWO, frames=3, format=file_format)
    once = ask(client, keyframes=TWO, frames=3, format=file_format, repeat=False)
    assert Image.open(io.BytesIO(for_ever.content)).info["loop"] == 0
    assert Image.open(io.BytesIO(once.content)).info.get("loop", 1) == 1
    if file_format != "apng":
        by_url = get(client, f"7-42.{file_format}?frames=3")
        assert by_url.content == for_ever.content
        by_url = get(client, f"7-42.{file_format}?frames=3&repeat=false")
        assert by_url.content == once.content


def test_a_morph_by_url_is_the_same_as_by_request(client: TestClient) -> None:
    by_url = get(client, "7-42.webp?frames=6&fps=12&easing=smooth&loop=true")
    body = {"keyframes": TWO, "frames": 6, "fps": 12, "easing": "smooth", "loop": True}
    assert by_url.content == ask(client, **body).content
    strip = get(client, "7-42.png?frames=4")
    assert strip.headers["content-type"] == "image/png"
    assert strip.content == ask(client, keyframes=TWO, frames=4, format="strip").content


def test_a_morph_by_url_is_cached(client: TestClient, model: GeneratorCheckpoint) -> None:
    first = get(client, "7-42.gif?frames=4")
    again = get(client, "7-42.gif?frames=4", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["cache-control"] == "no-cache"
    named = get(client, f"7-42.gif?frames=4&checkpoint={model.id}")
    assert named.headers["cache-control"] == "max-age=31536000, immutable"
    assert named.content == first.content
    other = get(client, "7-42.gif?frames=5", headers={"If-None-Match": first.headers["etag"]})
    assert other.status_code == 200


@pytest.mark.parametrize("file_format", ["webp", "gif"])
def test_a_morph_between_equal_keyframes_is_accepted(client: TestClient, file_format: str) -> None:
    answer = get(client, f"7-7.{file_format}?frames=4")
    assert answer.status_code == 200
    if file_format == "webp":
        assert np.array_equal(frames(answer.content)[0], single(client, 7))


@pytest.mark.parametrize("file_format", ["webp", "mp4"])
def test_a_byte_range_of_a_morph_is_that_part_of_the_file(
    client: TestClient, file_format: str
) -> None:
    url = f"{URL}/7-42.{file_format}?frames=5"
    whole = client.get(url)
    assert whole.headers["accept-ranges"] == "bytes"
    part = client.get(url, headers={"Range": "bytes=10-109"})
    assert (part.status_code, part.content) == (206, whole.content[10:110])
    assert part.headers["content-range"] == f"bytes 10-109/{len(whole.content)}"
    assert part.headers["content-length"] == "100"
    assert part.headers["content-type"] == whole.headers["content-type"]
    assert part.headers["etag"] == whole.headers["etag"]
    beyond = client.get(url, headers={"Range": f"bytes={len(whole.content)}-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (
        416,
        f"bytes */{len(whole.content)}",
    )
