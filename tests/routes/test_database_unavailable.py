"""While the database is away, every call that needs it is told to come back."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from queued_jobs import post_training
from servers import free_port
from sqlalchemy.exc import OperationalError

from app.domain import event_feeds, events
from app.domain.database import Database
from app.domain.settings import Settings
from app.main import create_app

TRAINING = {"dataset": "cats", "model": "cats"}


@pytest.fixture
def without_database(tmp_path: Path, valkey_url: str) -> Iterator[TestClient]:
    url = f"postgresql://moggy@127.0.0.1:{free_port()}/moggy"
    settings = Settings(home=tmp_path, redis_url=valkey_url, database_url=url)
    with TestClient(create_app(settings), base_url="http://127.0.0.1:8000") as client:
        yield client


@pytest.mark.parametrize(
    ("method", "path", "options"),
    [
        ("GET", "/v1/jobs", {}),
        ("POST", "/v1/jobs", {"json": TRAINING}),
        ("GET", "/v1/jobs/j1/events", {}),
        ("POST", "/v1/jobs/j1/cancel", {}),
        ("GET", "/v1/models/cats/images/7.png", {}),
        ("GET", "/v1/models/cats/images/7.avif", {}),
        ("POST", "/v1/models/cats/images", {"json": {"count": 1}}),
        ("POST", "/v1/datasets", {"data": {"name": "x"}, "files": {"files": ("a.png", b"1")}}),
        ("DELETE", "/v1/datasets/cats", {}),
    ],
)
def test_a_call_is_answered_503_with_retry_after(
    without_database: TestClient, method: str, path: str, options: dict[str, Any]
) -> None:
    answer = without_database.request(method, path, **options)
    assert answer.status_code == 503, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["retry-after"]) > 0
    assert "the database" in answer.json()["detail"]


def test_an_open_stream_continues_once_the_database_is_back(
    client: TestClient, cats: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = post_training(client)["id"]
    client.post(f"/v1/jobs/{job}/cancel")
    read, failures = events.read_after, iter(range(2))

    def read_or_fail(*arguments: Any) -> Any:
        if next(failures, None) is not None:
            raise OperationalError("SELECT", {}, Exception("the server closed the connection"))
        return read(*arguments)

    monkeypatch.setattr(events, "read_after", read_or_fail)
    monkeypatch.setattr(event_feeds, "LOST_WAKE_UP_SECONDS", 0.05)
    stream = client.get(f"/v1/jobs/{job}/events")
    assert stream.text.count("event: end") == 1
