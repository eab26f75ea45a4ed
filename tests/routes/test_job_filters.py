"""Lists of jobs by kind, state, model and dataset."""

from typing import Any

import pytest
from api import Api
from fastapi.testclient import TestClient
from queued_jobs import queue_job

JOBS: dict[str, dict[str, Any]] = {
    "first": {"model": "tabby", "dataset": "cats"},
    "other dataset": {"model": "tabby", "dataset": "dogs"},
    "other model": {"model": "white", "dataset": "cats"},
    "other kind": {"kind": "evaluate", "model": "tabby", "dataset": "cats"},
    "no model": {"kind": "ingest", "dataset": "cats"},
    "cancelled": {"model": "tabby", "dataset": "cats"},
}


@pytest.fixture(scope="module")
def client(shared_api: Api) -> TestClient:
    return shared_api.client


@pytest.fixture(scope="module")
def ids(shared_api: Api, client: TestClient) -> dict[str, str]:
    """The ids of JOBS by their keys."""
    ids = {name: queue_job(shared_api.database, **fields) for name, fields in JOBS.items()}
    assert client.post(f"/v1/jobs/{ids['cancelled']}/cancel").status_code == 200
    return ids


@pytest.mark.parametrize(
    ("filters", "expected"),
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
    client: TestClient, ids: dict[str, str], filters: dict[str, str], expected: list[str]
) -> None:
    page = client.get("/v1/jobs", params=filters).json()
    assert [job["id"] for job in page["items"]] == [ids[name] for name in reversed(expected)]
    assert page["next"] is None


def test_the_pages_of_a_filtered_list_are_filtered(client: TestClient, ids: dict[str, str]) -> None:
    filters = {"model": "tabby", "limit": "2"}
    first = client.get("/v1/jobs", params=filters).json()
    second = client.get("/v1/jobs", params=filters | {"cursor": first["next"]}).json()
    listed = [job["id"] for job in first["items"] + second["items"]]
    assert listed == [ids[name] for name in ("cancelled", "other kind", "other dataset", "first")]
    assert second["next"] is None


@pytest.mark.parametrize(
    ("name", "value", "detail"),
    [("kind", "trian", "synthesize"), ("status", "done", "succeeded"), ("model", "A b", "model")],
)
def test_an_invalid_filter_is_refused(
    client: TestClient, name: str, value: str, detail: str
) -> None:
    answer = client.get("/v1/jobs", params={name: value})
    assert (answer.status_code, answer.json()["field"]) == (422, name)
    assert detail in answer.json()["detail"]
