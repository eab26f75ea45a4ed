"""The short way to an image: the same answer as the whole way, and nothing that is not plain."""

from unittest import mock

import pytest
from fastapi.testclient import TestClient

from app.domain.database import Database
from app.domain.errors import QueueFull
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.main import create_app
from app.routes import hot
from app.serving.catalogue import ServedCheckpoint
from app.serving.engine import Engine
from benchmarks.random_models import register, store_checkpoint

IMAGES = "/v1/models/cats/images"


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read of a model stays believed for the length of a test."""
    monkeypatch.setattr("app.serving.catalogue.FRESH_SECONDS", 60.0)


@pytest.fixture
def model(database: Database, settings: Settings) -> ServedCheckpoint:
    return register(database, store_checkpoint(ObjectStore(settings)))


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each request that looked like one was answered the short way."""
    seen: list[bool] = []
    answer = hot._answer

    async def noted(*arguments: object) -> bool:
        seen.append(await answer(*arguments))  # type: ignore[arg-type]
        return seen[-1]

    monkeypatch.setattr(hot, "_answer", noted)
    return seen


@pytest.mark.parametrize("image_format", hot.FORMATS)
@pytest.mark.parametrize("named", [False, True])
def test_both_ways_give_the_same_answer(
    client: TestClient,
    model: ServedCheckpoint,
    answered: list[bool],
    image_format: str,
    named: bool,
) -> None:
    url = f"{IMAGES}/7.{image_format}" + (f"?checkpoint={model.id}" if named else "")
    whole = client.get(url)
    short = client.get(url)
    assert answered == [False, True]
    assert (whole.status_code, whole.content) == (200, short.content)
    assert whole.headers == short.headers
    tag = {"If-None-Match": short.headers["etag"]}
    known = client.get(url, headers=tag)
    with mock.patch.object(hot, "_read", return_value=None):
        assert client.get(url, headers=tag).headers == known.headers
    assert (known.status_code, known.content) == (304, b"")
    assert answered == [False, True, True]


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
def test_what_is_not_plain_goes_the_whole_way(
    client: TestClient, model: ServedCheckpoint, answered: list[bool], path: str
) -> None:
    client.get(f"{IMAGES}/1.png")
    del answered[:]
    client.get(path)
    assert answered == []


def test_what_is_not_known_or_not_loaded_goes_the_whole_way(
    client: TestClient, model: ServedCheckpoint, answered: list[bool]
) -> None:
    assert client.get("/v1/models/dogs/images/7.png").status_code == 404
    assert client.get(f"{IMAGES}/7.png?checkpoint=nothing").status_code == 404
    assert client.get(f"{IMAGES}/7.png").status_code == 200
    assert answered == [False, False, False]


def test_a_picture_beyond_the_limit_is_refused_all_the_same(
    settings: Settings, client: TestClient, model: ServedCheckpoint
) -> None:
    small = settings.model_copy(update={"max_response_pixels": 64 * 64 - 1})
    with TestClient(create_app(small), base_url="http://127.0.0.1:8000") as limited:
        for _ in range(2):
            assert limited.get(f"{IMAGES}/7.png").status_code == 422


def test_a_full_queue_is_the_same_problem(
    client: TestClient, model: ServedCheckpoint, answered: list[bool]
) -> None:
    client.get(f"{IMAGES}/7.png")
    refused = QueueFull("too many wait", retry_after=3)
    with mock.patch.object(Engine, "generate", side_effect=refused):
        answer = client.get(f"{IMAGES}/7.png")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "3")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answered == [False, True]
