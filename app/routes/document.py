"""The OpenAPI document: what FastAPI knows of the routes, and what it does not: the problems that
they may answer, the events of a stream, the keys."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI

from app.domain.errors import MoggyError
from app.routes.job_events import EVENT_STREAM, event_schemas
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
BINARY = {"type": "string", "format": "binary"}
ANY_BINARY = "application/octet-stream"
KEY_SCHEME = "key"
KEY = {
    "type": "http",
    "scheme": "bearer",
    "description": "One of MOGGY_API_KEYS, where the service has any.",
}
REPLACED = ("HTTPValidationError", "ValidationError")  # FastAPI's own, which nobody answers


def binary_content(*media_types: str) -> dict[str, Any]:
    """A body of bytes in one of the media types.

    They are also listed as application/octet-stream, the one name for any bytes that every
    generator of clients knows: some leave out a response that has only names they do not know.
    """
    return {media_type: {"schema": BINARY} for media_type in (*media_types, ANY_BINARY)}


def problems(*errors: type[MoggyError]) -> dict[int | str, dict[str, Any]]:
    """What a route may answer beside the problems that follow from its path and its body."""
    return {error.status: _response(error.status) for error in errors}


def install_document(api: FastAPI, *, keyed: bool) -> None:
    """Complete what FastAPI knows of the routes; `keyed`: calls below /v1 need a key."""
    of_the_routes = api.openapi

    def openapi() -> dict[str, Any]:
        if api.openapi_schema is None:
            _complete(of_the_routes(), keyed=keyed)
        return of_the_routes()

    api.openapi = openapi  # type: ignore[method-assign]


def _complete(document: dict[str, Any], *, keyed: bool) -> None:
    schemas = document["components"]["schemas"]
    for name in REPLACED:
        schemas.pop(name, None)
    schemas["Problem"] = PROBLEM
    schemas |= event_schemas()
    document["components"]["securitySchemes"] = {KEY_SCHEME: KEY}
    for path, methods in document["paths"].items():
        for operation in (methods[method] for method in METHODS if method in methods):
            responses = operation["responses"]
            for status in _statuses(path, operation):
                responses[str(status)] = _response(status)
            operation["responses"] = dict(sorted(responses.items()))
            responses.get("200", {}).get("content", {}).get(EVENT_STREAM, {}).pop("itemSchema", 0)
            if keyed and path.startswith("/v1/"):
                operation["security"] = [{KEY_SCHEME: []}]


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
