"""Morphs over HTTP: their frames are the images themselves, and what is refused."""

import io
import json
import zipfile
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from app.domain.database import Database
from app.domain.pictures.checkpoint import ServedCheckpoint
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.main import create_app
from benchmarks.random_models import register, store_checkpoint
from models.latents import class_from_seed, latent_from_seed, slerp

TWO = [{"seed": 7}, {"seed": 42}]

pytestmark = pytest.mark.usefixtures("model")


@pytest.fixture
def model(settings: Settings, database: Database) -> ServedCheckpoint:
    """The served checkpoint of the model "cats": random weights, 64×64 RGB."""
    return register(database, store_checkpoint(ObjectStore(settings)))


def ask(client: TestClient, **body: Any) -> Any:
    return client.post(
        "/v1/models/cats/interpolations",
        content=json.dumps(body),
        headers={"Content-Type": "application/json"},
    )


def get(client: TestClient, file: str, **arguments: Any) -> Any:
    return client.get(f"/v1/models/cats/interpolations/{file}", **arguments)


def single(client: TestClient, seed: int) -> np.ndarray:
    data = client.get(f"/v1/models/cats/images/{seed}.png").content
    return np.asarray(Image.open(io.BytesIO(data)))


def frames(data: bytes) -> list[np.ndarray]:
    image = Image.open(io.BytesIO(data))
    found = []
    for number in range(image.n_frames):  # type: ignore[attr-defined]
        image.seek(number)
        found.append(np.asarray(image.convert("RGB")))
    return found


def test_a_webp_begins_and_ends_with_the_images_themselves(client: TestClient) -> None:
    answer = ask(client, keyframes=TWO)
    assert answer.headers["content-type"] == "image/webp"
    morph = frames(answer.content)
    assert len(morph) == 60
    assert np.array_equal(morph[0], single(client, 7))
    assert np.array_equal(morph[-1], single(client, 42))
    assert all(not np.array_equal(*pair) for pair in pairwise(morph))


def test_a_keyframe_in_the_middle_is_met(client: TestClient) -> None:
    latent = latent_from_seed(3, 100).tolist()
    keyframes = [{"seed": 7}, {"latent": latent}, {"mix": [{"seed": 9, "weight": 1}]}]
    morph = frames(ask(client, keyframes=keyframes, frames=9).content)
    assert len(morph) == 9
    for place, seed in ((0, 7), (4, 3), (8, 9)):
        assert np.array_equal(morph[place], single(client, seed))


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
    assert np.array_equal(np.array(latent, np.float32), expected.numpy())
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


def test_json_lists_the_latents(client: TestClient, model: ServedCheckpoint) -> None:
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
    latents = np.array(body["latents"], np.float32)
    assert np.array_equal(latents[0], latent_from_seed(7, 100).numpy())
    assert np.allclose(latents[1], (latents[0] + latents[2]) / 2, atol=1e-6)


def test_the_url_is_the_request(client: TestClient) -> None:
    by_url = get(client, "7-42.webp?frames=6&fps=12&easing=smooth&loop=true")
    asked = {"keyframes": TWO, "frames": 6, "fps": 12, "easing": "smooth", "loop": True}
    assert by_url.content == ask(client, **asked).content
    strip = get(client, "7-42.png?frames=4")
    assert strip.headers["content-type"] == "image/png"
    assert strip.content == ask(client, keyframes=TWO, frames=4, format="strip").content


def test_the_url_is_cached(client: TestClient, model: ServedCheckpoint) -> None:
    first = get(client, "7-42.gif?frames=4")
    again = get(client, "7-42.gif?frames=4", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["cache-control"] == "no-cache"
    named = get(client, f"7-42.gif?frames=4&checkpoint={model.id}")
    assert named.headers["cache-control"] == "max-age=31536000, immutable"
    assert named.content == first.content
    other = get(client, "7-42.gif?frames=5", headers={"If-None-Match": first.headers["etag"]})
    assert other.status_code == 200


@pytest.fixture
def pets(settings: Settings, database: Database) -> ServedCheckpoint:
    """The served checkpoint of "pets": three classes, 48×80 RGBA."""
    config = {"shape": (48, 80, 4), "classes": ("dog", "tabby", "white"), "conditional": True}
    return register(database, store_checkpoint(ObjectStore(settings), "pets", **config))


def coloured(data: bytes) -> list[np.ndarray]:
    image = Image.open(io.BytesIO(data))
    found = []
    for number in range(image.n_frames):  # type: ignore[attr-defined]
        image.seek(number)
        assert image.mode == "RGBA"
        found.append(np.asarray(image))
    return found


def pet(client: TestClient, seed: int, kind: str) -> np.ndarray:
    answer = client.get(f"/v1/models/pets/images/{seed}.png", params={"class": kind})
    return np.asarray(Image.open(io.BytesIO(answer.content)))


def test_a_morph_stays_in_the_class_asked_for(client: TestClient, pets: ServedCheckpoint) -> None:
    url = "/v1/models/pets/interpolations"
    asked = {"keyframes": TWO, "frames": 5, "class": "white"}
    posted = client.post(url, json=asked)
    morph = coloured(posted.content)
    assert morph[0].shape == (48, 80, 4)
    assert np.array_equal(morph[0], pet(client, 7, "white"))
    assert np.array_equal(morph[-1], pet(client, 42, "white"))
    by_url = client.get(f"{url}/7-42.webp?frames=5&class=white")
    assert by_url.content == posted.content
    other = client.get(f"{url}/7-42.webp?frames=5&class=dog")
    assert other.headers["etag"] != by_url.headers["etag"]
    with zipfile.ZipFile(
        io.BytesIO(client.post(url, json=asked | {"format": "zip"}).content)
    ) as archive:
        frame = Image.open(io.BytesIO(archive.read("0002.png")))
    assert np.array_equal(np.asarray(frame), morph[2])
    assert json.loads(frame.info["moggy"])["class"] == "white"


def test_without_a_class_it_is_the_first_keyframes(
    client: TestClient, pets: ServedCheckpoint
) -> None:
    drawn = [pets.classes[class_from_seed(seed, 3)] for seed in range(20)]
    last = next(seed for seed in range(20) if drawn[seed] != drawn[0])
    url = "/v1/models/pets/interpolations"
    morph = coloured(client.get(f"{url}/0-{last}.webp?frames=3").content)
    assert np.array_equal(morph[0], pet(client, 0, drawn[0]))
    assert np.array_equal(morph[-1], pet(client, last, drawn[0]))
    listed = client.post(
        url, json={"keyframes": [{"seed": 0}, {"seed": last}], "frames": 3, "format": "json"}
    )
    assert listed.json()["class"] == drawn[0]


def test_a_morph_from_a_latent_needs_a_class(client: TestClient, pets: ServedCheckpoint) -> None:
    url = "/v1/models/pets/interpolations"
    keyframes = [{"mix": [{"seed": 1, "weight": 1}]}, {"seed": 2}]
    refused = client.post(url, json={"keyframes": keyframes, "frames": 3})
    assert (refused.status_code, refused.json()["field"]) == (422, "class")
    assert "give class, one of dog, tabby, white" in refused.json()["detail"]
    given = client.post(url, json={"keyframes": keyframes, "frames": 3, "class": "dog"})
    assert np.array_equal(coloured(given.content)[0], pet(client, 1, "dog"))


@pytest.mark.parametrize("file_format", ["webp", "gif"])
def test_a_morph_that_stands_still_is_no_error(client: TestClient, file_format: str) -> None:
    answer = get(client, f"7-7.{file_format}?frames=4")
    assert answer.status_code == 200
    if file_format == "webp":
        assert np.array_equal(frames(answer.content)[0], single(client, 7))


@pytest.mark.parametrize(
    ("body", "field", "detail"),
    [
        ({}, "keyframes", "Field required"),
        ({"keyframes": TWO[:1]}, "keyframes", "at least 2 items"),
        ({"keyframes": TWO * 33, "frames": 600}, "keyframes", "at most 64 items"),
        ({"keyframes": TWO * 5, "frames": 3}, "frames", "frames 3 is less than the 10 keyframes"),
        ({"keyframes": TWO, "frames": 1}, "frames", "greater than or equal to 2"),
        ({"keyframes": TWO, "frames": 10**6}, "frames", "beyond the limit of 600"),
        ({"keyframes": TWO, "frames": 10**400}, "frames", "beyond the limit of 600"),
        ({"keyframes": TWO, "frames": float("nan")}, "frames", "valid integer"),
        ({"keyframes": TWO, "frames": -1}, "frames", "greater than or equal to 2"),
        ({"keyframes": TWO, "fps": float("inf")}, "fps", "less than or equal to 60"),
        ({"keyframes": TWO, "fps": 10**400}, "fps", "valid number"),
        ({"keyframes": TWO, "frames": 60.5}, "frames", "valid integer"),
        ({"keyframes": TWO, "fps": 0}, "fps", "greater than or equal to 1"),
        ({"keyframes": TWO, "fps": 61}, "fps", "less than or equal to 60"),
        ({"keyframes": TWO, "fps": float("nan")}, "fps", "Input should be"),
        ({"keyframes": TWO, "fps": 60, "format": "gif"}, "fps", "at most 50"),
        ({"keyframes": TWO, "method": "cubic"}, "method", "'slerp' or 'lerp'"),
        ({"keyframes": TWO, "easing": "bounce"}, "easing", "'linear', 'smooth' or 'even'"),
        (
            {"keyframes": TWO, "format": "avi"},
            "format",
            "'webp', 'gif', 'apng', 'mp4', 'strip', 'sprites', 'zip', 'multipart' or 'json'",
        ),
        ({"keyframes": TWO, "loop": "yes"}, "loop", "valid boolean"),
        ({"keyframes": TWO, "class": "white"}, "class", "leave class out"),
        ({"keyframes": TWO, "speed": 2}, "speed", "Extra inputs are not permitted"),
        ({"keyframes": [{"seed": 7}, {}]}, "keyframes.1", "exactly one of seed, latent, mix"),
        ({"keyframes": [{"seed": 7}, {"seed": -1}]}, "keyframes.1.seed", "equal to 0"),
        (
            {"keyframes": [{"seed": 7}, {"projection": "p1"}]},
            "keyframes.1.projection",
            "Extra inputs are not permitted",
        ),
        (
            {"keyframes": [{"seed": 7}, {"latent": [0.5]}]},
            "keyframes.1.latent",
            "has 1 values; this model's latents have 100",
        ),
        (
            {"keyframes": [{"seed": 7}, {"latent": [float("inf")] * 100}]},
            "keyframes.1.latent.0",
            "finite number",
        ),
        (
            {"keyframes": [{"seed": 7}, {"mix": [{"latent": [0.5], "weight": 1}]}]},
            "keyframes.1.mix.0.latent",
            "has 1 values; this model's latents have 100",
        ),
        (
            {"keyframes": [{"seed": 7}, {"mix": [{"seed": 1, "weight": float("nan")}]}]},
            "keyframes.1.mix.0.weight",
            "finite number",
        ),
        (
            {"keyframes": [{"seed": 7}, {"mix": [{"seed": 1, "weight": 0}]}]},
            "keyframes.1.mix",
            "every weight of keyframes.1.mix is 0",
        ),
    ],
)
def test_a_bad_request_is_refused_with_the_field_and_the_limit(
    client: TestClient, body: dict[str, Any], field: str, detail: str
) -> None:
    answer = ask(client, **body)
    problem = answer.json()
    assert answer.status_code == 422, problem
    assert detail in str(problem)
    assert problem["field"] == field


@pytest.mark.parametrize(
    ("file", "status", "detail"),
    [
        ("7-42.avi", 422, "format: Input should be 'webp', 'gif', 'mp4' or 'png'"),
        ("7-cat.webp", 422, "last: Input should be a valid integer"),
        ("-7-42.webp", 422, "first: Input should be greater than or equal to 0"),
        ("7-42.webp?frames=601", 422, "frames 601 is beyond the limit of 600"),
        ("7-42.webp?frames=1", 422, "frames: Input should be greater than or equal to 2"),
        ("7-42.webp?fps=nan", 422, "fps: Input should be"),
        ("7-42.webp?fps=1e400", 422, "fps: Input should be a finite number"),
        ("7-42.webp?frames=1000000", 422, "frames 1000000 is beyond the limit of 600"),
        ("7-42.webp?frames=9&frames=9", 422, "'frames' is given more than once"),
        ("7-42.webp?loop=perhaps", 422, "loop: Input should be a valid boolean"),
        ("7-42.gif?fps=60", 422, "at most 50"),
        ("7-42.webp?class=white", 422, "is not conditional, so it has no class 'white'"),
        ("7-42.webp?speed=2", 422, "'speed' is not known here"),
        ("7-42.webp?checkpoint=nothing", 404, "has no checkpoint 'nothing'"),
        ("7.webp", 404, "there is nothing at /v1/models/cats/interpolations/7.webp"),
    ],
)
def test_a_bad_url_is_refused_with_the_reason(
    client: TestClient, file: str, status: int, detail: str
) -> None:
    answer = get(client, file)
    assert answer.status_code == status, answer.text
    assert detail in answer.json()["detail"]


def test_limits_are_settings(settings: Settings) -> None:
    small = settings.model_copy(update={"max_frames": 30, "max_response_pixels": 10 * 64 * 64})
    with TestClient(create_app(small), base_url="http://127.0.0.1:8000") as limited:
        too_many = ask(limited, keyframes=TWO, frames=31).json()
        too_large = ask(limited, keyframes=TWO, frames=11).json()
        assert ask(limited, keyframes=TWO, frames=10).status_code == 200
    assert too_many["detail"] == "frames 31 is beyond the limit of 30 (MOGGY_MAX_FRAMES)"
    assert "one answer may have 40960 (MOGGY_MAX_RESPONSE_PIXELS)" in too_large["detail"]


@pytest.mark.parametrize("file_format", ["webp", "mp4"])
def test_a_part_of_a_morph_by_url_is_that_part_of_the_whole(
    client: TestClient, file_format: str
) -> None:
    url = f"/v1/models/cats/interpolations/7-42.{file_format}?frames=5"
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
