"""Health, readiness, metrics, and errors at any path."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from anyio import to_thread
from databases import sqlite_database
from fastapi.testclient import TestClient

from app.domain.api_keys import ApiKey, parse_api_keys
from app.domain.readiness import PROBE_INTERVAL_SECONDS
from app.domain.settings import Settings
from app.main import create_app
from app.routes import operations


def test_health_is_ok_while_the_process_answers(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}


def test_health_needs_no_thread_and_fails_where_none_becomes_free(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def take_all() -> None:
        limiter = to_thread.current_default_thread_limiter()
        for number in range(int(limiter.total_tokens)):
            await limiter.acquire_on_behalf_of(number)

    async def give_back() -> None:
        limiter = to_thread.current_default_thread_limiter()
        for number in range(int(limiter.total_tokens)):
            limiter.release_on_behalf_of(number)

    assert client.portal is not None
    client.portal.call(take_all)
    try:
        answering = ThreadPoolExecutor(1).submit(client.get, "/healthz")
        assert answering.result(timeout=10).status_code == 200
        monkeypatch.setattr(operations, "STUCK_SECONDS", 0.5)
        time.sleep(2)  # the canary asks for a thread every second
        stuck = client.get("/healthz")
        assert (stuck.status_code, "no thread" in stuck.json()["detail"]) == (503, True)
    finally:
        client.portal.call(give_back)
    time.sleep(0.2)
    assert client.get("/healthz").status_code == 200


def test_without_a_worker_the_service_is_not_ready_and_says_so(client: TestClient) -> None:
    started = time.monotonic()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["detail"]) == (503, "no worker answers")
    assert time.monotonic() - started < 10


def test_without_tables_the_service_is_not_ready(settings: Settings) -> None:
    with TestClient(create_app(settings), base_url="http://127.0.0.1") as client:
        answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "the database does not answer" in answer.json()["detail"]


def test_metrics_count_jobs_by_queue_and_status(client: TestClient, cats: str) -> None:
    client.post("/v1/jobs", json={"dataset": cats, "model": "cats"})
    give_up = time.monotonic() + 3 * PROBE_INTERVAL_SECONDS
    while 'moggy_jobs{queue="train",status="queued"} 1.0' not in client.get("/metrics").text:
        assert time.monotonic() < give_up
        time.sleep(0.1)


def test_the_document_describes_every_call(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    assert {"/v1/datasets", "/v1/jobs", "/v1/models/{name}", "/v1/presets"} <= set(paths)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/v1/nothing", 404), ("PUT", "/v1/jobs", 405), ("GET", "/v1/jobs/x", 404)],
)
def test_every_error_is_a_problem_document(
    client: TestClient, method: str, path: str, status: int
) -> None:
    answer = client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status
    assert answer.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/jobs"),
        ("POST", "/v1/jobs"),
        ("GET", "/v1/models"),
        ("GET", "/v1/models/none"),
        ("GET", "/v1/models/none/images/7.png"),
        ("GET", "/v1/nothing"),
        ("DELETE", "/v1/presets"),
        ("GET", "/healthz"),
        ("GET", "/docs"),
    ],
)
def test_a_trailing_slash_is_ignored(client: TestClient, method: str, path: str) -> None:
    answers = [
        client.request(method, path + end, headers={"Host": "127.0.0.1:8000"}) for end in ("", "/")
    ]
    first, second = [
        (answer.status_code, answer.text, answer.headers.get("location")) for answer in answers
    ]
    assert first == second


def test_a_redirect_never_names_the_host_of_the_request(settings: Settings) -> None:
    keyed = settings.model_copy(update={"api_keys": (ApiKey("secret"),)})
    sqlite_database(settings.home / "moggy.db")
    with TestClient(create_app(keyed), base_url="http://attacker.example") as client:
        for path in ("/", "/v1/jobs/", "/docs/", "/healthz/", "//attacker.example/", "/v1//jobs/"):
            headers = {"Authorization": "Bearer secret"}
            answer = client.get(path, headers=headers, follow_redirects=False)
            assert "attacker" not in answer.headers.get("location", "")


def test_the_log_names_the_owners_of_keys_and_no_key(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = parse_api_keys("ada=secret-1,secret-2,token=secret-3")
    create_app(settings.model_copy(update={"api_keys": keys}))
    lines = capsys.readouterr().err.splitlines()
    (line,) = [line for line in lines if "event=api_keys" in line]
    assert line.endswith("owners=ada,token without_name=1")
    assert "secret" not in "".join(lines)
