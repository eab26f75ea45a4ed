"""Lists of jobs by kind, state, model and dataset; the log of one."""

from typing import Any

import pytest
from fastapi.testclient import TestClient
from queued_jobs import queue_job

from app.domain.database import Database
from app.domain.job_objects import store_log
from app.domain.leases import Claim
from app.domain.settings import Settings
from app.domain.store import ObjectStore

JOBS: dict[str, dict[str, Any]] = {
    "first": {"model": "tabby", "dataset": "cats"},
    "other dataset": {"model": "tabby", "dataset": "dogs"},
    "other model": {"model": "white", "dataset": "cats"},
    "other kind": {"kind": "evaluate", "model": "tabby", "dataset": "cats"},
    "no model": {"kind": "ingest", "dataset": "cats"},
    "cancelled": {"model": "tabby", "dataset": "cats"},
}


@pytest.fixture
def ids(database: Database, client: TestClient) -> dict[str, str]:
    """The id of each job, by what is special about it."""
    made = {name: queue_job(database, **fields) for name, fields in JOBS.items()}
    assert client.post(f"/v1/jobs/{made['cancelled']}/cancel").status_code == 200
    return made


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({}, [*JOBS]),
        ({"kind": "evaluate"}, ["other kind"]),
        ({"kind": "ingest"}, ["no model"]),
        ({"model": "white"}, ["other model"]),
        ({"dataset": "dogs"}, ["other dataset"]),
        ({"status": "cancelled"}, ["cancelled"]),
        (
            {"kind": "train", "model": "tabby", "dataset": "cats", "status": "queued"},
            ["first"],
        ),
        ({"model": "nobody"}, []),
    ],
)
def test_a_list_has_the_jobs_that_meet_every_filter(
    client: TestClient, ids: dict[str, str], filters: dict[str, str], found: list[str]
) -> None:
    page = client.get("/v1/jobs", params=filters).json()
    assert [job["id"] for job in page["items"]] == [ids[name] for name in reversed(found)]
    assert page["next"] is None


def test_pages_of_a_filtered_list_go_on_with_the_filter(
    client: TestClient, ids: dict[str, str]
) -> None:
    filters = {"model": "tabby", "limit": "2"}
    first = client.get("/v1/jobs", params=filters).json()
    second = client.get("/v1/jobs", params=filters | {"cursor": first["next"]}).json()
    listed = [job["id"] for job in first["items"] + second["items"]]
    assert listed == [ids[name] for name in ("cancelled", "other kind", "other dataset", "first")]
    assert second["next"] is None


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [("kind", "trian", "synthesize"), ("status", "done", "succeeded"), ("model", "A b", "model")],
)
def test_a_filter_that_can_match_nothing_is_refused(
    client: TestClient, name: str, value: str, words: str
) -> None:
    answer = client.get("/v1/jobs", params={name: value})
    assert (answer.status_code, answer.json()["field"]) == (422, name)
    assert words in answer.json()["detail"]


def test_the_log_of_a_job_is_text(
    client: TestClient, ids: dict[str, str], settings: Settings
) -> None:
    path = f"/v1/jobs/{ids['first']}/log"
    assert (client.get(path).status_code, client.get(path).text) == (200, "")
    store_log(ObjectStore(settings), Claim(ids["first"], 1), "Größe: out of memory\n".encode())
    answer = client.get(path)
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.text == "Größe: out of memory\n"
    assert client.get("/v1/jobs/nobody/log").status_code == 404
