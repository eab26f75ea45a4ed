"""The OpenAPI document tells of every problem that a call may answer."""

import pytest
from fastapi.testclient import TestClient

PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


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
            {202, 400, 401, 403, 409, 413, 415, 422, 500, 503, 507},
        ),
        ("get", "/v1/models/{name}/images/{seed}", {200, 304, 401, 403, 404, 406, 422, 500, 503}),
    ],
)
def test_a_call_names_what_follows_from_what_it_is(
    client: TestClient, method: str, path: str, statuses: set[int]
) -> None:
    responses = client.get("/openapi.json").json()["paths"][path][method]["responses"]
    assert [int(status) for status in responses] == sorted(statuses)


def test_every_problem_has_the_one_schema(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    for path, methods in document["paths"].items():
        for method, call in methods.items():
            for status, response in call["responses"].items():
                if status >= "400":
                    assert response["content"] == PROBLEM, (method, path, status)
    schemas = document["components"]["schemas"]
    assert set(schemas["Problem"]["required"]) == {"type", "title", "status", "detail"}
    assert not {"HTTPValidationError", "ValidationError"} & set(schemas)


def test_a_full_queue_says_when_to_come_back(client: TestClient) -> None:
    call = client.get("/openapi.json").json()["paths"]["/v1/jobs"]["post"]
    assert list(call["responses"]["503"]["headers"]) == ["Retry-After"]


def test_the_overrides_of_a_job_are_those_of_the_presets(client: TestClient) -> None:
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    described = schemas["JobRequest"]["properties"]["overrides"]["properties"]
    presets = client.get("/v1/presets").json()["items"]
    offered = {name: words for one in presets for name, words in one["overrides"].items()}
    for name, words in offered.items():
        del words["default"]  # the preset's own
        assert described.pop(name) == words
    assert described == {}
