"""The OpenAPI document, and the responses that routes add to it.

FastAPI describes parameters, bodies and 200 responses. This module adds the problem documents that
each call may return, the events of a stream, file responses and the key scheme.
"""

import copy
import operator
from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from app.domain.errors import MoggyError
from app.domain.images.encoders import MEDIA_TYPES
from app.routes.job_event_schemas import EVENT_STREAM, event_schemas
from app.routes.middleware.proxies import public_path
from app.routes.openapi_examples import add_examples
from app.routes.protocol.problems import METHODS, PROBLEM_JSON

DOCUMENT = "/openapi.json"
MODEL = "/v1/models/{name}"  # and all addresses below it

DESCRIPTIONS = {
    307: "The model was renamed; `Location` is its new address",
    400: "The body cannot be parsed",
    401: "The key is missing or unknown, where MOGGY_API_KEYS is set",
    403: "The request comes from a page of another site, or is for another host",
    404: "There is no such resource",
    406: "None of the formats matches `Accept`",
    408: "The body did not arrive in time",
    409: "The current state of the resource forbids it",
    413: "The body is too large",
    415: "The body has another media type than the call takes",
    416: "The file has no such range of bytes",
    422: "A value is invalid or beyond a limit; `field` names it",
    500: "The service failed; its log says why",
    503: "The service cannot answer now: retry after `Retry-After` seconds",
    507: "The disk has too little free space",
}
HEADERS = {307: ("Location", "string"), 503: ("Retry-After", "integer")}
# The kinds of problems: those of app.domain.errors, and three of malformed requests.
KINDS = (
    "broken_checkpoint",
    "client_left",
    "conflict",
    "deadline_passed",
    "forbidden",
    "in_use",
    "index_missing",
    "insufficient_storage",
    "internal_error",
    "invalid_request",
    "limit_exceeded",
    "malformed_body",
    "method_not_allowed",
    "model_renamed",
    "name_taken",
    "not_acceptable",
    "not_found",
    "only_rejected",
    "queue_full",
    "range_not_satisfiable",
    "too_large",
    "too_slow",
    "unauthorized",
    "unavailable",
    "unsupported_media_type",
)
PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457 problem details. `kind` is stable, while `detail` may be reworded. "
    "`field` names the input at fault, where there is one, and `value` may repeat it; `errors` "
    "lists all of them, where there are several.",
    "required": ["type", "title", "status", "detail", "kind"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "kind": {"type": "string", "enum": list(KINDS)},
        "field": {"type": "string"},
        "value": {"type": "string"},
        "job": {"type": "string"},
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
    "description": "One of the keys in MOGGY_API_KEYS, where that is set.",
}
UNUSED_SCHEMAS = ("HTTPValidationError", "ValidationError")  # FastAPI's: Problem replaces them

Responses = dict[int | str, dict[str, Any]]  # what a route takes as `responses`
NOT_MODIFIED: Responses = {304: {"description": "Not modified"}}


def new_router(**options: Any) -> APIRouter:
    """A router, with the options of APIRouter, whose operations have the names of their functions.

    create_app adds its routes to the API as they are: including the router would build each of them
    anew, at the first request of each process.
    """
    name = operator.attrgetter("name")
    return APIRouter(generate_unique_id_function=name, **options)


router = new_router(include_in_schema=False)


def problems(*errors: type[MoggyError]) -> Responses:
    """Describe the errors that a route may return, except those that follow from path and body."""
    return {error.status: _problem_response(error.status) for error in errors}


def file_response(*formats: str, json: type[BaseModel] | None = None) -> Responses:
    """Describe a 200 response that is a file in one of the formats, or JSON of the model `json`."""
    media_types = (MEDIA_TYPES[file_format] for file_format in formats)
    response: dict[str, Any] = {"content": binary_content(*media_types)}
    return {200: response | ({"model": json} if json else {})}


def partial_response(*media_types: str) -> Responses:
    """Describe a 206 response: the range of bytes that a request selects."""
    description = "The part of the file that `Range` selects"
    return {206: {"description": description, "content": binary_content(*media_types)}}


def binary_content(*media_types: str) -> dict[str, Any]:
    """Describe a binary body in one of the media types.

    application/octet-stream is listed too, because every client generator supports it: some leave
    out a response if they support none of its media types.
    """
    return {media_type: {"schema": BINARY} for media_type in (*media_types, ANY_BINARY)}


def install_document(api: FastAPI, *, keyed: bool) -> None:
    """Complete FastAPI's document; `keyed` tells whether calls below /v1 need a key."""
    generate = api.openapi

    def openapi() -> dict[str, Any]:
        if api.openapi_schema is None:
            _complete(generate(), keyed=keyed)
        return generate()

    api.openapi = openapi  # type: ignore[method-assign]


def _complete(document: dict[str, Any], *, keyed: bool) -> None:
    schemas = document["components"]["schemas"]
    for name in UNUSED_SCHEMAS:
        schemas.pop(name, None)
    schemas["Problem"] = PROBLEM
    schemas |= event_schemas()
    document["components"]["securitySchemes"] = {KEY_SCHEME: KEY}
    methods = [method.lower() for method in METHODS]
    for path, operations in document["paths"].items():
        for method in (method for method in methods if method in operations):
            operation = operations[method]
            responses = operation["responses"]
            _define_schemas(operation, schemas)
            add_examples(method, path, operation)
            for status in _problem_statuses(method, path, operation):
                responses[str(status)] = _problem_response(status)
            operation["responses"] = dict(sorted(responses.items()))
            responses.get("200", {}).get("content", {}).get(EVENT_STREAM, {}).pop("itemSchema", 0)
            if keyed and path.startswith("/v1/"):
                operation["security"] = [{KEY_SCHEME: []}]


def _define_schemas(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Move the definitions in a body that a route describes itself to those of the document."""
    body = operation["requestBody"] = copy.deepcopy(operation.get("requestBody", {}))
    if not body:
        del operation["requestBody"]
    for content in body.get("content", {}).values():
        for name, definition in content["schema"].pop("$defs", {}).items():
            schemas.setdefault(name, definition)


def _problem_statuses(method: str, path: str, operation: dict[str, Any]) -> Iterator[int]:
    """The error statuses that follow from the method, the path and the body alone."""
    yield from (403, 500)
    if method == "get" and path.startswith(MODEL):
        yield 307
    if path.startswith("/v1/"):
        yield from (401, 422)
    if "{" in path:
        yield 404
    if "requestBody" in operation:
        yield from (400, 408, 413, 415)


def _problem_response(status: int) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    response: dict[str, Any] = {
        "description": DESCRIPTIONS[status],
        "content": {PROBLEM_JSON: {"schema": schema}},
    }
    if status in HEADERS:
        name, kind = HEADERS[status]
        response["headers"] = {name: {"schema": {"type": kind}}}
    return response


@router.get(DOCUMENT)
async def get_document(request: Request) -> JSONResponse:  # async: all threads may be busy
    document: dict[str, Any] = request.app.openapi()
    prefix = public_path("")
    return JSONResponse(document | {"servers": [{"url": prefix}]} if prefix else document)
