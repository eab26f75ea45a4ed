"""The short way to an image: the same answer as the whole way, and nothing that is not plain."""

from unittest import mock

import pytest
from fastapi.testclient import TestClient

from app.domain.database import Database
from app.domain.errors import QueueFull
from app.domain.images.checkpoint import ServedCheckpoint
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.main import create_app
from app.routes import fast_images
from app.serving.engine import Engine
from benchmarks.random_models import register, store_checkpoint

IMAGES = "/v1/models/cats/images"


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read of a model stays believed for the length of a test."""
    monkeypatch.setattr("app.serving.checkpoints.FRESH_SECONDS", 60.0)


@pytest.fixture
def model(database: Database, settings: Settings) -> ServedCheckpoint:
    return register(database, store_checkpoint(ObjectStore(settings)))


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each request that looked like one was answered the short way."""
    seen: list[bool] = []
    answer = fast_images._answer

    async def noted(*arguments: object) -> bool:
        seen.append(await answer(*arguments))  # type: ignore[arg-type]
        return seen[-1]

    monkeypatch.setattr(fast_images, "_answer", noted)
    return seen


@pytest.mark.parametrize("image_format", fast_images.FORMATS)
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
    with mock.patch.object(fast_images, "_parse", return_value=None):
        assert client.get(url, headers=tag).headers == known.headers
    assert (known.status_code, known.content) == (304, b"")
    assert answered == [False, True, True]


def test_the_class_that_a_seed_draws_is_the_same_both_ways(
    client: TestClient, database: Database, settings: Settings, answered: list[bool]
) -> None:
    kinds = {"classes": ("tabby", "white"), "conditional": True}
    register(database, store_checkpoint(ObjectStore(settings), **kinds))
    first = {seed: client.get(f"{IMAGES}/{seed}.png") for seed in range(6)}
    again = {seed: client.get(f"{IMAGES}/{seed}.png") for seed in range(6)}
    assert answered[0] is False
    assert answered[6:] == [True] * 6
    for seed, answer in first.items():
        assert (answer.status_code, answer.content) == (200, again[seed].content)
        assert answer.headers == again[seed].headers


def test_a_request_with_a_deadline_of_its_own_goes_the_whole_way(
    client: TestClient, model: ServedCheckpoint, answered: list[bool]
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
def test_what_is_not_plain_goes_the_whole_way(
    client: TestClient, model: ServedCheckpoint, answered: list[bool], path: str
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
def test_an_odd_url_is_answered_the_same_both_ways(
    client: TestClient, model: ServedCheckpoint, file: str
) -> None:
    client.get(f"{IMAGES}/7.png")
    url = f"{IMAGES}/{file.replace('{id}', model.id)}"
    short = client.get(url, follow_redirects=False)
    with mock.patch.object(fast_images, "_parse", return_value=None):
        whole = client.get(url, follow_redirects=False)
    assert (short.status_code, short.content) == (whole.status_code, whole.content)
    assert short.headers == whole.headers
    assert short.status_code < 500


@pytest.mark.parametrize(
    "name", ["c%61ts", "cats%2Fimages%2F7.png", "CATS", "cats%00", "caf%C3%A9"]
)
def test_an_odd_name_is_answered_the_same_both_ways(
    client: TestClient, model: ServedCheckpoint, name: str
) -> None:
    client.get(f"{IMAGES}/7.png")
    url = f"/v1/models/{name}/images/7.png"
    short = client.get(url)
    with mock.patch.object(fast_images, "_parse", return_value=None):
        whole = client.get(url)
    assert (short.status_code, short.content) == (whole.status_code, whole.content)
    assert short.headers == whole.headers


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
    with mock.patch.object(Engine, "file", side_effect=refused):
        answer = client.get(f"{IMAGES}/7.png")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "3")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answered == [False, True]


def test_a_body_that_nobody_asked_for_is_not_taken_for_a_client_that_left(
    client: TestClient,
    model: ServedCheckpoint,
    answered: list[bool],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected = client.get(f"{IMAGES}/7.png")
    monkeypatch.setattr(fast_images, "UNWATCHED_SECONDS", 0.0)
    body = iter([b"much", b"ado"])
    answer = client.request("GET", f"{IMAGES}/7.png", content=body)
    assert (answer.status_code, answer.content) == (200, expected.content)
    assert answered == [False, True]


def test_a_failure_is_told_as_on_the_whole_way(
    client: TestClient, model: ServedCheckpoint, answered: list[bool]
) -> None:
    client.get(f"{IMAGES}/7.png")
    failing = TestClient(client.app, "http://127.0.0.1:8000", raise_server_exceptions=False)
    with (
        mock.patch.object(Engine, "file", side_effect=RuntimeError("broken")),
        mock.patch.object(Engine, "generate", side_effect=RuntimeError("broken")),
    ):
        short = failing.get(f"{IMAGES}/7.png")
        with mock.patch.object(fast_images, "_parse", return_value=None):
            whole = failing.get(f"{IMAGES}/7.png")
    assert (short.status_code, short.content) == (whole.status_code, whole.content)
    assert short.status_code == 500
    assert short.headers == whole.headers


def test_who_may_not_ask_is_refused_all_the_same(
    settings: Settings, model: ServedCheckpoint, answered: list[bool]
) -> None:
    guarded = settings.model_copy(update={"api_keys": frozenset({"secret"})})
    with TestClient(create_app(guarded), base_url="http://127.0.0.1:8000") as client:
        key = {"Authorization": "Bearer secret"}
        expected = [client.get(f"{IMAGES}/7.png", headers=key).content for _ in range(2)]
        refused = client.get(f"{IMAGES}/7.png")
    assert expected[0] == expected[1]
    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
    assert answered == [False, True]
