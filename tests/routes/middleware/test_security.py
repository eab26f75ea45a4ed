"""Access control: by key where keys are set, else by Host and Origin."""

from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from pydantic import ValidationError

from app.domain.owners import current_owner
from app.domain.settings import Settings
from app.routes.middleware.security import AccessGuard


def service(**settings: Any) -> httpx2.AsyncClient:
    app = FastAPI()
    app.add_middleware(AccessGuard, settings=Settings(**settings))

    @app.get("/v1/anything")
    @app.get("/healthz")
    @app.get("/metrics")
    def answer() -> str:  # in a thread
        return f"let in {current_owner()}"

    transport = httpx2.ASGITransport(app=app)
    return httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000")


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": "Basic first"}, 401),
        ({"Authorization": "Bearer first"}, 200),
        ({"Authorization": "bearer second"}, 200),
    ],
)
async def test_with_keys_every_v1_call_needs_one(headers: dict[str, str], status: int) -> None:
    async with service(api_keys="first, second", host="0.0.0.0") as client:
        answer = await client.get("/v1/anything", headers=headers)
        health = await client.get("/healthz")
    assert answer.status_code == status
    assert health.status_code == 200
    if status == 401:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["www-authenticate"] == "Bearer"
        wrong = "Bearer wrong" in headers.values()
        expected = "send one of MOGGY_API_KEYS" if wrong else "send `Authorization: Bearer KEY`"
        assert expected in answer.json()["detail"]


@pytest.mark.anyio
@pytest.mark.parametrize(("key", "owner"), [("one", "ada"), ("two", "bob"), ("plain", None)])
async def test_a_request_is_handled_for_the_owner_of_its_key(key: str, owner: str | None) -> None:
    async with service(api_keys="ada=one,plain,bob=two") as client:
        answer = await client.get("/v1/anything", headers={"Authorization": f"Bearer {key}"})
        whole = await client.get("/v1/anything", headers={"Authorization": "Bearer ada=one"})
    assert answer.json() == f"let in {owner}"
    assert whole.status_code == 401
    assert "without the name and the =" in whole.json()["detail"]
    assert current_owner() is None


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:8000"}, 200),
        ({"Host": "[::1]:8000"}, 200),
        ({"Host": "attacker.example"}, 403),
        ({"Host": "LOCALHOST:8000"}, 200),
        ({"Host": "127.8.8.8"}, 200),
        ({"Host": "127.0.0.1.attacker.example:8000"}, 403),
        ({"Host": "127.0.0.1:8000.attacker.example"}, 403),
        ({"Host": "localhost.attacker.example"}, 403),
        ({"Host": "attacker.example@127.0.0.1"}, 403),
        ({"Host": "127.0.0.1@attacker.example"}, 403),
        ({"Host": "127.0.0.1#.attacker.example"}, 403),
        ({"Host": "127.0.0.1/.attacker.example"}, 403),
        ({"Host": "127.0.0.1:"}, 403),
        ({"Host": "127.0.0.1:99999"}, 403),
        ({"Host": "127.0.0.1:8000:8000"}, 403),
        ({"Host": "localhost."}, 403),
        ({"Host": "[::1%25lo]"}, 403),
        ({"Host": "::1"}, 403),
        ({"Host": "2130706433"}, 403),
        ({"Host": "0x7f000001"}, 403),
        ({"Host": "0177.0.0.1"}, 403),
        ({"Host": "127.1"}, 403),
        ({"Host": "0.0.0.0"}, 403),
        ({"Host": ""}, 403),
        ({"Host": "127.0.0.1 "}, 403),
        ({"Host": "127.0.0.1, attacker.example"}, 403),
        ({"Origin": "http://127.0.0.1:8000"}, 200),
        ({"Origin": "HTTP://127.0.0.1:8000"}, 200),
        ({"Origin": "http://localhost", "Host": "localhost:80"}, 200),
        ({"Origin": "http://localhost:80", "Host": "localhost"}, 200),
        ({"Origin": "http://localhost:8000"}, 403),  # another name is another site
        ({"Origin": "https://127.0.0.1:8000"}, 403),
        ({"Origin": "http://127.0.0.1:8000.attacker.example"}, 403),
        ({"Origin": ""}, 403),
        ({"Origin": "https://attacker.example"}, 403),
        ({"Origin": "http://127.0.0.1:9999"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://["}, 403),
        ({"Host": "[::1"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 200),
        ({"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}, 200),
        ({"X-Forwarded-Host": "localhost:8443"}, 200),
        ({"X-Forwarded-Host": "moggy.example"}, 403),
        ({"X-Forwarded-Host": "localhost, moggy.example"}, 403),
        ({"X-Forwarded-Host": "localhost:8080", "Origin": "http://localhost:8080"}, 200),
        (
            {
                "X-Forwarded-Host": "localhost:8443",
                "X-Forwarded-Proto": "https",
                "Origin": "https://localhost:8443",
            },
            200,
        ),
        (
            {
                "X-Forwarded-Host": "localhost",
                "X-Forwarded-Proto": "https",
                "Origin": "https://localhost",
            },
            200,
        ),
        ({"X-Forwarded-Host": "localhost", "Origin": "https://localhost"}, 403),
        ({"X-Forwarded-Host": "localhost", "Origin": "https://attacker.example"}, 403),
        ({"X-Forwarded-Host": "localhost", "Host": "attacker.example"}, 403),
    ],
)
async def test_without_keys_no_foreign_page_reaches_the_service(
    headers: dict[str, str], status: int
) -> None:
    async with service() as client:
        answer = await client.get("/v1/anything", headers=headers)
    assert answer.status_code == status


@pytest.mark.anyio
async def test_several_hosts_or_origins_are_refused() -> None:
    hosts = [("Host", "127.0.0.1:8000"), ("Host", "attacker.example")]
    origins = [("Origin", "http://127.0.0.1:8000"), ("Origin", "https://attacker.example")]
    async with service() as client:
        for headers in (hosts, hosts[::-1], origins, origins[::-1]):
            answer = await client.get("/v1/anything", headers=headers)
            assert answer.status_code == 403, headers


@pytest.mark.anyio
@pytest.mark.parametrize(("open_metrics", "status"), [(False, 401), (True, 200)])
async def test_metrics_need_a_key_unless_a_setting_opens_them(
    open_metrics: bool, status: int
) -> None:
    async with service(api_keys="first", open_metrics=open_metrics) as client:
        assert (await client.get("/metrics")).status_code == status
        headers = {"Authorization": "Bearer first"}
        assert (await client.get("/metrics", headers=headers)).status_code == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.7", "::", "gpu.example"])
def test_binding_anything_but_loopback_without_keys_is_refused(host: str) -> None:
    with pytest.raises(ValidationError, match="MOGGY_API_KEYS"):
        Settings(host=host)
    assert Settings(host=host, api_keys="secret").host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback_needs_no_key(host: str) -> None:
    assert Settings(host=host).api_keys == ()
