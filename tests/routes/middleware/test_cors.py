"""CORS: pages of allowed origins may call the service with a key, on every path."""

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from pydantic import ValidationError
from running_api import Running, running_api

from app.domain.settings import Settings

PAGE = "https://gallery.example"
KEY = {"Authorization": "Bearer secret"}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory, valkey_url: str) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("api")
    settings = Settings(
        home=folder / "home",
        redis_url=valkey_url,
        api_keys="secret",
        cors_origins=f"{PAGE}, http://localhost:5173",
    )
    with running_api(folder, settings) as running:
        yield running


@pytest.fixture(scope="module")
def client(api: Running) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=api.url, timeout=60) as client:
        yield client


def preflight(client: httpx2.Client, origin: str, header: str = "authorization") -> httpx2.Response:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": header,
    }
    return client.options("/v1/jobs", headers=headers)


def test_a_preflight_needs_no_key_and_allows_what_the_api_takes(client: httpx2.Client) -> None:
    for header in ("authorization", "idempotency-key, content-type", "last-event-id", "range"):
        answer = preflight(client, PAGE, header)
        assert answer.status_code == 200, answer.text
        assert answer.headers["Access-Control-Allow-Origin"] == PAGE
    assert "PATCH" in answer.headers["Access-Control-Allow-Methods"]


def test_a_preflight_of_another_page_is_refused_as_a_problem(client: httpx2.Client) -> None:
    for answer in (preflight(client, "https://evil.example"), preflight(client, PAGE, "x-evil")):
        assert (answer.status_code, answer.json()["status"]) == (403, 403)
        assert answer.headers["content-type"] == "application/problem+json"
    assert "access-control-allow-origin" not in preflight(client, "https://evil.example").headers


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/models/plain/images/7.png", 200),
        ("/v1/models", 200),
        ("/v1/models/absent", 404),
    ],
)
def test_only_an_allowed_page_may_read_a_response(
    client: httpx2.Client, path: str, status: int
) -> None:
    client.get(path, headers=KEY)  # from now on the fast path answers
    allowed = client.get(path, headers=KEY | {"Origin": PAGE})
    assert (allowed.status_code, allowed.headers["Access-Control-Allow-Origin"]) == (status, PAGE)
    exposed = allowed.headers["Access-Control-Expose-Headers"]
    assert {"Location", "ETag", "Retry-After"} <= set(exposed.split(", "))
    for headers in (KEY, KEY | {"Origin": "https://evil.example"}):
        other = client.get(path, headers=headers)
        assert "access-control-allow-origin" not in other.headers
        assert "origin" in other.headers["Vary"].lower()  # caches keep the answers apart


def test_a_page_still_needs_the_key(client: httpx2.Client) -> None:
    answer = client.get("/v1/models", headers={"Origin": PAGE})
    assert answer.status_code == 401
    assert answer.headers["Access-Control-Allow-Origin"] == PAGE  # so that the page can read it


def test_origins_without_keys_are_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="set MOGGY_API_KEYS too"):
        Settings(home=tmp_path, cors_origins=PAGE)


@pytest.mark.parametrize("origin", ["gallery.example", f"{PAGE}/", "HTTPS://A.example", "null"])
def test_an_invalid_origin_is_refused_with_the_name_of_the_setting(origin: str) -> None:
    with pytest.raises(ValidationError, match="MOGGY_CORS_ORIGINS"):
        Settings(api_keys="secret", cors_origins=origin)


def test_a_star_allows_every_page() -> None:
    assert Settings(api_keys="secret", cors_origins="*").cors_origins == {"*"}
