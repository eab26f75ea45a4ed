"""The fast path to an image: the same responses as the ordinary path, for plain requests alone."""

from typing import Any
from unittest import mock

import pytest
from fastapi.testclient import TestClient

from app.domain.api_keys import ApiKey
from app.domain.database import Database
from app.domain.errors import QueueFull
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.main import create_app
from app.routes import fast_images
from app.serving.engine import Engine
from app.serving.image_files import QUICK_FORMATS
from benchmarks.harness.random_models import register, store_checkpoint

IMAGES = "/v1/models/cats/images"


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep cached checkpoints for the length of a test."""
    monkeypatch.setattr("app.serving.checkpoints.FRESH_SECONDS", 60.0)


@pytest.fixture
def model(database: Database, settings: Settings) -> GeneratorCheckpoint:
    return register(database, store_checkpoint(ObjectStore(settings)))


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """For each request that the fast path parsed, whether it answered."""
    answers: list[bool] = []
    answer = fast_images._answer

    async def recorded(*arguments: object) -> bool:
        answers.append(await answer(*arguments))  # type: ignore[arg-type]
        return answers[-1]

    monkeypatch.setattr(fast_images, "_answer", recorded)
    return answers


@pytest.mark.parametrize("image_format", QUICK_FORMATS)
@pytest.mark.parametrize("named", [False, True])
def test_both_paths_give_the_same_response(
    client: TestClient,
    model: GeneratorCheckpoint,
    answered: list[bool],
    image_format: str,
    named: bool,
) -> None:
    url = f"{IMAGES}/7.{image_format}" + (f"?checkpoint={model.id}" if named else "")
    ordinary = client.get(url)
    fast = client.get(url)
    assert answered == [False, True]
    assert (ordinary.status_code, ordinary.content) == (200, fast.content)
    assert ordinary.headers == fast.headers
    tag = {"If-None-Match": fast.headers["etag"]}
    not_modified = client.get(url, headers=tag)
    with mock.patch.object(fast_images, "_parse", return_value=None):
        assert client.get(url, headers=tag).headers == not_modified.headers
    assert (not_modified.status_code, not_modified.content) == (304, b"")
    assert answered == [False, True, True]


def test_a_seed_draws_the_same_class_on_both_paths(
    client: TestClient, database: Database, settings: Settings, answered: list[bool]
) -> None:
    kinds: dict[str, Any] = {"classes": ("tabby", "white"), "conditional": True}
    register(database, store_checkpoint(ObjectStore(settings), **kinds))
    first = {seed: client.get(f"{IMAGES}/{seed}.png") for seed in range(6)}
    again = {seed: client.get(f"{IMAGES}/{seed}.png") for seed in range(6)}
    assert answered[0] is False
    assert answered[6:] == [True] * 6
    for seed, answer in first.items():
        assert (answer.status_code, answer.content) == (200, again[seed].content)
        assert answer.headers == again[seed].headers


def test_a_request_with_a_deadline_falls_through(
    client: TestClient, model: GeneratorCheckpoint, answered: list[bool]
) -> None:
    client.get(f"{IMAGES}/7.png")
    del answered[:]
    assert client.get(f"{IMAGES}/7.png", headers={"Moggy-Deadline": "5"}).status_code == 200
    assert answered == []


@pytest.mark.parametrize(
    "path",
    [
        f"{IMAGES}/7.avif",
        f"{IMAGES}/7.json",
        f"{IMAGES}/7",
        f"{IMAGES}/7.png?scale=2",
        f"{IMAGES}/7.png?checkpoint=",
        f"{IMAGES}/7.png?checkpoint=a&checkpoint=b",
        f"{IMAGES}/7.png?class=tabby",
        f"{IMAGES}/-7.png",
        f"{IMAGES}/٧.png",
        f"{IMAGES}/9007199254740992.png",
        f"{IMAGES}/{'9' * 5000}.png",
        "/v1/models/cats/random.png",
    ],
)
def test_a_request_with_other_options_falls_through(
    client: TestClient, model: GeneratorCheckpoint, answered: list[bool], path: str
) -> None:
    client.get(f"{IMAGES}/1.png")
    del answered[:]
    client.get(path)
    assert answered == []


@pytest.mark.parametrize(
    "file",
    [
        "7.png",
        "%37.png",
        "07.png",
        "0000000000000007.png",
        "00000000000000007.png",
        "7.png?",
        "7.png?checkpoint=%00",
        "7%2Epng",
        "7.png/",
        "7.png%2F",
        "%2B7.png",
        "+7.png",
        "%207.png",
        "7%20.png",
        "7%00.png",
        "7.png%00",
        "7.PNG",
        "7.png.png",
        "7..png",
        ".png",
        "-0.png",
        "7.0.png",
        "7_0.png",
        "1e3.png",
        "%D9%A7.png",
        "%EF%BC%97.png",
        "%C2%B2.png",
        "%F0%9D%9F%95.png",
        "9007199254740991.png",
        "9007199254740992.png",
        "7.png?checkpoint=",
        "7.png?checkpoint",
        "7.png?checkpoint=nothing",
        "7.png?checkpoint={id}",
        "7.png?%63heckpoint={id}",
        "7.png?checkpoint={id}&",
        "7.png?&checkpoint={id}",
        "7.png?checkpoint={id}&checkpoint={id}",
        "7.png?checkpoint={id}#part",
        "7.png?Checkpoint={id}",
        "7.png?checkpoint=+{id}",
        "7.png?checkpoint=%D9%A7",
        "7.png?x",
        "7.png?scale=1",
        "7.png?scale=1&scale=1",
    ],
)
def test_an_odd_url_has_the_same_response_on_both_paths(
    client: TestClient, model: GeneratorCheckpoint, file: str
) -> None:
    client.get(f"{IMAGES}/7.png")
    url = f"{IMAGES}/{file.replace('{id}', model.id)}"
    fast = client.get(url, follow_redirects=False)
    with mock.patch.object(fast_images, "_parse", return_value=None):
        ordinary = client.get(url, follow_redirects=False)
    assert (fast.status_code, fast.content) == (ordinary.status_code, ordinary.content)
    assert fast.headers == ordinary.headers
    assert fast.status_code < 500


@pytest.mark.parametrize(
    "name", ["c%61ts", "cats%2Fimages%2F7.png", "CATS", "cats%00", "caf%C3%A9"]
)
def test_an_odd_model_name_has_the_same_response_on_both_paths(
    client: TestClient, model: GeneratorCheckpoint, name: str
) -> None:
    client.get(f"{IMAGES}/7.png")
    url = f"/v1/models/{name}/images/7.png"
    fast = client.get(url)
    with mock.patch.object(fast_images, "_parse", return_value=None):
        ordinary = client.get(url)
    assert (fast.status_code, fast.content) == (ordinary.status_code, ordinary.content)
    assert fast.headers == ordinary.headers


def test_an_unknown_or_unloaded_checkpoint_falls_through(
    client: TestClient, model: GeneratorCheckpoint, answered: list[bool]
) -> None:
    assert client.get("/v1/models/dogs/images/7.png").status_code == 404
    assert client.get(f"{IMAGES}/7.png?checkpoint=nothing").status_code == 404
    assert client.get(f"{IMAGES}/7.png").status_code == 200
    assert answered == [False, False, False]


def test_an_image_beyond_the_pixel_limit_is_refused(
    settings: Settings, client: TestClient, model: GeneratorCheckpoint
) -> None:
    small = settings.model_copy(update={"max_response_pixels": 64 * 64 - 1})
    with TestClient(create_app(small), base_url="http://127.0.0.1:8000") as limited:
        for _ in range(2):
            assert limited.get(f"{IMAGES}/7.png").status_code == 422


def test_a_full_queue_is_a_problem_document(
    client: TestClient, model: GeneratorCheckpoint, answered: list[bool]
) -> None:
    client.get(f"{IMAGES}/7.png")
    refused = QueueFull("too many wait", retry_after=3)
    with mock.patch.object(Engine, "file", side_effect=refused):
        answer = client.get(f"{IMAGES}/7.png")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "3")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answered == [False, True]


def test_the_body_of_a_get_is_not_taken_for_a_disconnect(
    client: TestClient,
    model: GeneratorCheckpoint,
    answered: list[bool],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected = client.get(f"{IMAGES}/7.png")
    monkeypatch.setattr(fast_images, "UNWATCHED_SECONDS", 0.0)
    body = iter([b"much", b"ado"])
    answer = client.request("GET", f"{IMAGES}/7.png", content=body)
    assert (answer.status_code, answer.content) == (200, expected.content)
    assert answered == [False, True]


def test_a_failure_has_the_same_response_on_both_paths(
    client: TestClient, model: GeneratorCheckpoint, answered: list[bool]
) -> None:
    client.get(f"{IMAGES}/7.png")
    failing = TestClient(client.app, "http://127.0.0.1:8000", raise_server_exceptions=False)
    with (
        mock.patch.object(Engine, "file", side_effect=RuntimeError("broken")),
        mock.patch.object(Engine, "generate", side_effect=RuntimeError("broken")),
    ):
        fast = failing.get(f"{IMAGES}/7.png")
        with mock.patch.object(fast_images, "_parse", return_value=None):
            ordinary = failing.get(f"{IMAGES}/7.png")
    assert (fast.status_code, fast.content) == (ordinary.status_code, ordinary.content)
    assert fast.status_code == 500
    assert fast.headers == ordinary.headers


def test_a_request_without_a_key_is_refused(
    settings: Settings, model: GeneratorCheckpoint, answered: list[bool]
) -> None:
    guarded = settings.model_copy(update={"api_keys": (ApiKey("secret"),)})
    with TestClient(create_app(guarded), base_url="http://127.0.0.1:8000") as client:
        key = {"Authorization": "Bearer secret"}
        expected = [client.get(f"{IMAGES}/7.png", headers=key).content for _ in range(2)]
        refused = client.get(f"{IMAGES}/7.png")
    assert expected[0] == expected[1]
    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
    assert answered == [False, True]
