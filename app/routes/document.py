"""The OpenAPI document: what FastAPI knows of the routes, and the problems they may answer."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI

from app.domain.errors import MoggyError
from app.routes.problems import PROBLEM_JSON

METHODS = ("get", "put", "post", "delete", "patch")
DESCRIPTIONS = {
    400: "The body cannot be read",
    401: "No key, or an unknown one, where MOGGY_API_KEYS is set",
    403: "A page of another site asks",
    404: "There is no such thing",
    406: "None of the formats is what `Accept` asks for",
    409: "The state of the thing forbids it",
    413: "The body is too large",
    415: "The body is of another media type",
    416: "The file has no such part",
    422: "A value that cannot be right, or beyond a limit; `field` names it",
    500: "The service failed",
    503: "Not now: come back after `Retry-After` seconds",
    507: "The disk has no room for it",
}
PROBLEM = {
    "type": "object",
    "description": "RFC 9457. `field` names the input at fault, where it is one's.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "field": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "detail"],
                "properties": {"field": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
    },
    "additionalProperties": False,
}
REPLACED = ("HTTPValidationError", "ValidationError")  # FastAPI's own, which nobody answers


def problems(*errors: type[MoggyError]) -> dict[int | str, dict[str, Any]]:
    """What a route may answer beside the problems that follow from its path and its body."""
    return {error.status: _response(error.status) for error in errors}


def install_document(api: FastAPI) -> None:
    """Let the document tell of every problem."""
    of_the_routes = api.openapi

    def openapi() -> dict[str, Any]:
        if api.openapi_schema is None:
            _complete(of_the_routes())
        return of_the_routes()

    api.openapi = openapi  # type: ignore[method-assign]


def _complete(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    for name in REPLACED:
        schemas.pop(name, None)
    schemas["Problem"] = PROBLEM
    for path, methods in document["paths"].items():
        for method in METHODS:
            if method in methods:
                responses = methods[method]["responses"]
                for status in _statuses(path, methods[method]):
                    responses[str(status)] = _response(status)
                methods[method]["responses"] = dict(sorted(responses.items()))


def _statuses(path: str, operation: dict[str, Any]) -> Iterator[int]:
    """Those of every operation, of all below /v1, of a thing that is named, of a body."""
    yield from (403, 500)
    if path.startswith("/v1/"):
        yield from (401, 422)
    if "{" in path:
        yield 404
    if "requestBody" in operation:
        yield from (400, 413, 415)


def _response(status: int) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    response: dict[str, Any] = {
        "description": DESCRIPTIONS[status],
        "content": {PROBLEM_JSON: {"schema": schema}},
    }
    if status == 503:
        response["headers"] = {"Retry-After": {"schema": {"type": "integer"}}}
    return response
