"""Recipes: read back from files, and verified."""

import io
import json
import zipfile
from typing import Any

import numpy as np
import pytest
from api import Api
from fastapi.testclient import TestClient
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.images.encoders import encode_image
from app.domain.store import ObjectStore
from benchmarks.harness.random_models import register, store_checkpoint

IMAGES = "/v1/models/cats/images"
MORPHS = "/v1/models/cats/interpolations"
LATENT = [0.5, -1.25] * 50


@pytest.fixture(scope="module")
def model(shared_api: Api) -> GeneratorCheckpoint:
    """The served checkpoint of the model "cats": random weights, 64×64 RGB."""
    return register(shared_api.database, store_checkpoint(ObjectStore(shared_api.settings)))


@pytest.fixture(scope="module")
def client(shared_api: Api, model: GeneratorCheckpoint) -> TestClient:
    """One API for all tests, with the model."""
    return shared_api.client


def made(client: TestClient, name: str) -> bytes:
    """Return a file that the service makes."""
    kind, _, file_format = name.rpartition(".")
    answers = {
        "seed": lambda: client.get(f"{IMAGES}/7.{file_format}"),
        "latent": lambda: client.post(IMAGES, json={"latents": [LATENT], "format": file_format}),
        "grid": lambda: client.post(IMAGES, json={"seeds": [3, 1, 2], "format": "grid"}),
        "large": lambda: client.get(f"{IMAGES}/7.{file_format}?scale=3"),
        "large-grid": lambda: client.post(IMAGES, json={"seeds": [3, 1], "scale": 2}),
        "large-morph": lambda: client.get(f"{MORPHS}/7-9.{file_format}?frames=3&scale=2"),
        "truncated": lambda: client.get(f"{IMAGES}/7.{file_format}?truncation=0.7"),
        "truncated-grid": lambda: client.post(
            IMAGES, json={"latents": [LATENT] * 2, "truncation": 0.7}
        ),
        "truncated-morph": lambda: client.get(
            f"{MORPHS}/7-9.{file_format}?frames=3&easing=even&truncation=0.7"
        ),
        "morph": lambda: client.get(f"{MORPHS}/7-42.{file_format}?frames=5&easing=even"),
        "sheet": lambda: client.post(IMAGES, json={"seeds": [3, 1, 2], "format": file_format}),
        "morph-sheet": lambda: client.post(
            MORPHS,
            json={"keyframes": [{"seed": 7}, {"seed": 9}], "frames": 5, "format": file_format},
        ),
        "path": lambda: client.post(
            MORPHS,
            json={
                "keyframes": [{"seed": 1}, {"latent": LATENT}, {"mix": [{"seed": 2, "weight": 1}]}],
                "frames": 6,
                "loop": True,
                "format": file_format,
            },
        ),
    }
    answer = answers[kind]()
    assert answer.status_code == 200, answer.text
    return bytes(answer.content)


def verify(client: TestClient, data: bytes) -> dict[str, Any]:
    answer = client.post("/v1/recipes/verify", content=data)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def with_recipe(data: bytes, **changes: Any) -> bytes:
    """Return the same picture with changes in its recipe."""
    with Image.open(io.BytesIO(data)) as image:
        recipe = json.loads(image.info["moggy"]) | changes
        return encode_image(np.asarray(image), "png", recipe)


FILES = (
    *("seed.png", "seed.jpg", "seed.webp", "seed.avif", "latent.png", "latent.jpg", "grid.png"),
    *("morph.webp", "morph.gif", "morph.png", "path.webp", "path.gif", "path.apng"),
    *("large.png", "large-grid.png", "large-morph.webp", "morph.mp4"),
    *("sheet.sprites", "morph-sheet.sprites"),
    *("truncated.png", "truncated-grid.png", "truncated-morph.webp"),
)


@pytest.mark.parametrize("name", FILES)
def test_every_file_holds_its_recipe_and_matches_it(
    client: TestClient, model: GeneratorCheckpoint, name: str
) -> None:
    data = made(client, name)
    read = client.post("/v1/recipes/read", content=data).json()
    assert read["format"] == name.rpartition(".")[2]
    assert (read["recipe"]["checkpoint"], read["recipe"]["sha256"]) == (model.id, model.sha256)
    assert verify(client, data) == read | {
        "match": True,
        "says": "it is the same, byte for byte",
        "difference": 0,
    }


def test_a_zip_holds_the_recipes_of_its_images(client: TestClient) -> None:
    data = made(client, "sheet.zip")
    read = client.post("/v1/recipes/read", content=data).json()
    assert (read["format"], len(read["recipe"]["images"])) == ("zip", 3)
    assert [image["seed"] for image in read["recipe"]["images"]] == [3, 1, 2]
    answer = client.post("/v1/recipes/verify", content=data)
    assert answer.status_code == 422
    assert "send one picture from it" in answer.json()["detail"]


def zipped(compression: int, **files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(f"{name}.png", data)
    return buffer.getvalue()


def test_a_foreign_zip_or_mp4_holds_no_recipe(client: TestClient) -> None:
    picture = made(client, "seed.png")
    film = made(client, "morph.mp4")
    bodies = {
        zipped(zipfile.ZIP_DEFLATED, a=picture): "compressed",
        zipped(zipfile.ZIP_STORED, a=picture)[:-30]: "not as the service wrote it",
        zipped(zipfile.ZIP_STORED): "is not a picture",
        zipped(zipfile.ZIP_STORED, a=b"text"): "is not a picture",
        film.replace(b"\xa9cmt", b"\xa9xyz"): "holds no recipe",
        film[:200]: "holds no recipe",
    }
    for body, detail in bodies.items():
        answer = client.post("/v1/recipes/read", content=body)
        assert (answer.status_code, detail in answer.text) == (422, True), (detail, answer.text)


def test_another_mp4_under_the_same_recipe_does_not_match_and_a_sheet_does(
    client: TestClient,
) -> None:
    film = made(client, "morph.mp4")
    changed = film.replace(b'"keyframes":[{"seed":7}', b'"keyframes":[{"seed":8}')
    assert changed != film
    assert verify(client, changed)["says"] == (
        "its bytes differ, and the pixels of an MP4 are not compared"
    )
    with zipfile.ZipFile(io.BytesIO(made(client, "sheet.sprites"))) as archive:
        sheet = with_recipe(archive.read("sprites.png"))
    assert verify(client, zipped(zipfile.ZIP_STORED, sprites=sheet))["difference"] == 0


def test_the_recipe_read_is_that_of_the_image(client: TestClient) -> None:
    recipe = client.post("/v1/recipes/read", content=made(client, "seed.png")).json()["recipe"]
    described = client.get(f"{IMAGES}/7.json").json()
    assert recipe == {name: described[name] for name in recipe}
    assert recipe["seed"] == 7


def test_the_same_pixels_in_another_encoding_match(client: TestClient) -> None:
    with Image.open(io.BytesIO(made(client, "seed.png"))) as image:
        text, buffer = PngInfo(), io.BytesIO()
        text.add_text("moggy", image.info["moggy"])
        image.save(buffer, "PNG", pnginfo=text, compress_level=9)
    verdict = verify(client, buffer.getvalue())
    assert (verdict["match"], verdict["difference"]) == (True, 0)
    assert verdict["says"] == "its pixels are the same, encoded in another way"


def test_another_picture_under_the_same_recipe_does_not_match(client: TestClient) -> None:
    data = made(client, "seed.png")
    with Image.open(io.BytesIO(data)) as image:
        pixels, recipe = np.asarray(image).copy(), json.loads(image.info["moggy"])
    pixels[9, 9, 1] ^= 8
    changed = verify(client, encode_image(pixels, "png", recipe))
    assert (changed["match"], changed["difference"]) == (False, 8)
    assert changed["says"] == "its pixels differ by up to 8 of 255"
    assert not verify(client, with_recipe(data, seed=8))["match"]
    smaller = verify(client, encode_image(pixels[:32], "png", recipe))
    assert (smaller["match"], smaller["difference"]) == (False, None)
    foreign = verify(client, with_recipe(data, sha256="0" * 64))
    assert foreign["says"] == "its recipe names a sha256 that is not its checkpoint's"


def test_a_file_from_another_backend_may_differ_by_one_level(client: TestClient) -> None:
    with Image.open(io.BytesIO(made(client, "seed.png"))) as image:
        pixels, recipe = np.asarray(image).astype(int), json.loads(image.info["moggy"])
    recipe["backend"] = "cuda-float32"
    for levels, matches in ((1, True), (2, False)):
        other = np.where(pixels < 128, pixels + levels, pixels - levels).astype(np.uint8)
        verdict = verify(client, encode_image(other, "png", recipe))
        assert (verdict["match"], verdict["difference"]) == (matches, levels)


def test_a_picture_that_was_cut_short_does_not_match(client: TestClient) -> None:
    data = made(client, "seed.png")
    verdict = verify(client, data[:-400])
    assert not verdict["match"]
    assert verdict["says"].startswith("its pixels cannot be read: ")


@pytest.mark.parametrize(
    ("changes", "detail"),
    [
        ({"frames": 3}, "frames: there is no such field"),
        ({"truncation": 0}, "truncation: 0 is not a number above 0 and at most 1"),
        ({"seed": -1}, "seed: -1 is too small: the minimum is 0"),
        ({"seed": None}, "there is not exactly one of seed, latent"),
        ({"checkpoint": 5}, "checkpoint: 5 is not text"),
        ({"columns": 10**9, "images": [{"seed": 1}], "seed": 7}, "seed: there is no such field"),
    ],
)
def test_an_invalid_recipe_is_refused(
    client: TestClient, changes: dict[str, Any], detail: str
) -> None:
    answer = client.post(
        "/v1/recipes/verify", content=with_recipe(made(client, "seed.png"), **changes)
    )
    assert answer.status_code == 422
    assert detail in answer.json()["detail"]


@pytest.mark.parametrize("call", ["read", "verify"])
@pytest.mark.parametrize(
    "text",
    [
        '{"seed": NaN}',
        '{"seed": -Infinity}',
        '{"model": "\\ud800"}',
        '{"\\ud800": 1}',
        '{"a": ' * 300 + "1" + "}" * 300,
        "[" * 100_000,
        '{"seed": ' + "9" * 5000 + "}",
        '{"seed": 7',
        "7",
    ],
)
def test_text_that_cannot_be_answered_as_a_json_object_is_no_recipe(
    client: TestClient, call: str, text: str
) -> None:
    comment, picture = PngInfo(), io.BytesIO()
    comment.add_text("moggy", text)
    Image.new("RGB", (8, 8)).save(picture, "PNG", pnginfo=comment)
    answer = client.post(f"/v1/recipes/{call}", content=picture.getvalue())
    assert (answer.status_code, "holds no recipe" in answer.text) == (422, True)


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow warns of chunks that it skips
@pytest.mark.parametrize("call", ["read", "verify"])
@pytest.mark.parametrize("file_format", ["png", "jpg", "webp", "avif"])
def test_a_damaged_file_is_refused_or_does_not_match(
    client: TestClient, call: str, file_format: str
) -> None:
    data = made(client, f"seed.{file_format}")
    random = np.random.default_rng(7)
    for _ in range(60):
        damaged = bytearray(data)
        for position in random.integers(0, min(len(data), 400), 3):
            damaged[position] = random.integers(256)
        answer = client.post(f"/v1/recipes/{call}", content=bytes(damaged))
        assert answer.status_code in (200, 404, 422)


@pytest.mark.parametrize("call", ["read", "verify"])
def test_a_file_that_moggy_did_not_make_is_refused(client: TestClient, call: str) -> None:
    foreign = io.BytesIO()
    Image.new("RGB", (8, 8)).save(foreign, "PNG")
    for data, detail in (
        (b"", "the body is not a picture"),
        (b"not a picture", "the body is not a picture"),
        (made(client, "seed.png")[:40], "the body is not a picture"),
        (foreign.getvalue(), "this png holds no recipe"),
    ):
        answer = client.post(f"/v1/recipes/{call}", content=data)
        assert (answer.status_code, answer.headers["content-type"]) == (
            422,
            "application/problem+json",
        )
        assert detail in answer.json()["detail"]


def test_a_recipe_beyond_the_limits_or_of_an_absent_model_is_refused(client: TestClient) -> None:
    data = made(client, "seed.png")
    with Image.open(io.BytesIO(data)) as image:
        subject = json.loads(image.info["moggy"])
        del subject["seed"]
        grid = subject | {"columns": 1, "images": [{"seed": 1}] * 10_001}
        many = encode_image(np.asarray(image), "png", grid)
    answer = client.post("/v1/recipes/verify", content=many)
    assert (answer.status_code, "10001 images" in answer.json()["detail"]) == (422, True)
    absent = with_recipe(data, checkpoint="gone", sha256="0" * 64)
    answer = client.post("/v1/recipes/verify", content=absent)
    assert (answer.status_code, "import it" in answer.json()["detail"]) == (404, True)


def test_a_file_is_verified_by_its_weights_where_its_checkpoint_has_another_id(
    client: TestClient,
) -> None:
    verdict = verify(client, with_recipe(made(client, "seed.png"), checkpoint="elsewhere"))
    assert verdict["match"]
    verdict = verify(client, with_recipe(made(client, "seed.png"), sha256="0" * 64))
    assert (verdict["match"], "sha256" in verdict["says"]) == (False, True)
