"""The OpenAPI document describes every response."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from api import Api
from fastapi.testclient import TestClient
from openapi_spec_validator import validate

from app.domain.job_states import Status
from app.domain.jobs import QUEUE_OF_KIND
from app.domain.packing import CHOICES
from app.domain.settings import Settings
from app.main import create_app

PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


@pytest.fixture(scope="module")
def client(shared_api: Api) -> TestClient:
    """One API for all tests: its document is made once."""
    return shared_api.client


@pytest.mark.parametrize(
    ("method", "path", "statuses"),
    [
        ("get", "/healthz", {200, 403, 500, 503}),
        ("get", "/readyz", {200, 403, 500, 503}),
        ("get", "/v1/models", {200, 401, 403, 422, 500}),
        ("delete", "/v1/models/{name}", {204, 401, 403, 404, 409, 422, 500}),
        (
            "post",
            "/v1/datasets",
            {202, 400, 401, 403, 404, 408, 409, 413, 415, 422, 500, 503, 507},
        ),
        (
            "get",
            "/v1/models/{name}/images/{seed}",
            {200, 304, 307, 401, 403, 404, 406, 422, 500, 503},
        ),
    ],
)
def test_a_call_lists_the_statuses_that_follow_from_its_path_and_body(
    client: TestClient, method: str, path: str, statuses: set[int]
) -> None:
    responses = client.get("/openapi.json").json()["paths"][path][method]["responses"]
    assert [int(status) for status in responses] == sorted(statuses)


def test_every_problem_has_the_same_schema(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    for path, methods in document["paths"].items():
        for method, call in methods.items():
            for status, response in call["responses"].items():
                if status >= "400":
                    assert response["content"] == PROBLEM, (method, path, status)
    schemas = document["components"]["schemas"]
    assert set(schemas["Problem"]["required"]) == {"type", "title", "status", "detail", "kind"}
    assert not {"HTTPValidationError", "ValidationError"} & set(schemas)


def test_a_full_queue_has_retry_after(client: TestClient) -> None:
    call = client.get("/openapi.json").json()["paths"]["/v1/jobs"]["post"]
    assert list(call["responses"]["503"]["headers"]) == ["Retry-After"]


def test_a_call_that_takes_files_may_answer_that_the_disk_is_full(client: TestClient) -> None:
    calls = [
        call
        for methods in client.get("/openapi.json").json()["paths"].values()
        for call in methods.values()
        if "multipart/form-data" in call.get("requestBody", {}).get("content", {})
    ]
    assert len(calls) >= 5
    assert [call["operationId"] for call in calls if "507" not in call["responses"]] == []


def test_the_document_is_valid(client: TestClient) -> None:
    validate(client.get("/openapi.json").json())


def test_every_operation_id_is_unique_and_a_verb_with_a_noun(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    ids = [call["operationId"] for methods in paths.values() for call in methods.values()]
    assert len(set(ids)) == len(ids)
    assert [name for name in ids if not re.fullmatch("[a-z]+(_[a-z]+)+", name)] == []
    assert {"generate_images", "create_job", "list_datasets", "read_recipe"} <= set(ids)


def test_every_array_has_items_and_every_body_a_schema(client: TestClient) -> None:
    document = client.get("/openapi.json").json()

    def objects(node: Any) -> Iterator[dict[str, Any]]:
        if isinstance(node, dict):
            yield node
        for child in node.values() if isinstance(node, dict) else node:
            if isinstance(child, dict | list):
                yield from objects(child)

    nodes = list(objects(document))
    assert [node for node in nodes if node.get("type") == "array" and "items" not in node] == []
    bodies = [body for node in nodes for body in node.get("content", {}).values()]
    assert len(bodies) > 100
    assert all("schema" in body for body in bodies)


def test_states_and_kinds_are_enums(client: TestClient) -> None:
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    assert set(schemas["Status"]["enum"]) == set(Status)
    job, dataset = schemas["JobView"]["properties"], schemas["DatasetView"]["properties"]
    assert set(schemas["JobKind"]["enum"]) == set(QUEUE_OF_KIND)
    assert job["kind"] == {"$ref": "#/components/schemas/JobKind"}
    assert dataset["status"]["enum"] == ["ingesting", "ready", "failed"]
    for field, values in (("fit", CHOICES["fit"]), ("channels", CHOICES["channels"])):
        assert dataset[field]["enum"] == list(values)
    assert job["created_at"]["format"] == "date-time"


def test_each_event_of_a_stream_has_a_schema(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    stream = document["paths"]["/v1/jobs/{job_id}/events"]["get"]["responses"]["200"]["content"]
    items = stream["text/event-stream"]["schema"]["contentSchema"]["items"]
    assert items == {"$ref": "#/components/schemas/JobEvent"}
    kinds = schemas["JobEvent"]["discriminator"]["mapping"]
    assert set(kinds) == {"state", "progress", "sample", "checkpoint", "health", "file", "end"}
    for kind, reference in kinds.items():
        event = schemas[reference.rpartition("/")[2]]
        assert event["properties"]["event"]["const"] == kind
        assert set(event["required"]) == {"id", "event", "data"}


@pytest.mark.parametrize("keys", ["", "secret"])
def test_keys_are_a_security_scheme_of_the_calls_that_need_one(tmp_path: Path, keys: str) -> None:
    document = create_app(Settings(home=tmp_path, api_keys=keys)).openapi()
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    secured = {
        path
        for path, methods in document["paths"].items()
        for call in methods.values()
        if call.get("security") == [{"key": []}]
    }
    below = {path for path in document["paths"] if path.startswith("/v1/")}
    assert secured == (below if keys else set())
