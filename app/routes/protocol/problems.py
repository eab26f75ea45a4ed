"""Problem documents: every error becomes RFC 9457 `application/problem+json` here."""

import json
import sys
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from obstore.exceptions import BaseError
from sqlalchemy.exc import DataError, SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response
from starlette.routing import Match

from app.domain.database import is_unavailable
from app.domain.disk import is_disk_full
from app.domain.errors import (
    InsufficientStorage,
    ModelRenamed,
    MoggyError,
    RangeNotSatisfiable,
    Unavailable,
    UnsupportedMediaType,
)
from app.domain.validation import NAME_PATTERN, NAME_RULE, explain_error, known_fields
from app.routes.protocol.deadlines import ClientLeft
from models.ranges import ConfigError

log = structlog.get_logger()

RETRY_SECONDS = 5  # the Retry-After of an error that names none

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")  # HEAD is allowed wherever GET is
# The kinds of the errors that Starlette and the middleware raise, by their status.
HTTP_KINDS = {
    400: "malformed_body",
    404: "not_found",
    405: "method_not_allowed",
    408: "too_slow",
    413: "too_large",
    503: "unavailable",
}
PROBLEM_JSON = "application/problem+json"
Handler = Callable[[Request, Exception], Response]
MAX_ERRORS = 20  # listed in one problem document
MAX_TEXT, KEPT_END = 1000, 300  # characters of a sentence; its end says what to do


class ProblemResponse(JSONResponse):
    media_type = PROBLEM_JSON

    def render(self, content: Any) -> bytes:
        """Encode as JSON; a lone surrogate, which JSON can hold and UTF-8 cannot, becomes `?`."""
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "replace")


def problem(
    status: int,
    title: str,
    detail: str,
    kind: str,
    *,
    headers: dict[str, str] | None = None,
    **members: Any,
) -> ProblemResponse:
    """Build a problem document; members that are None are left out.

    Long texts are shortened: they may quote a client's URL or body of megabytes.
    """
    content = {"type": "about:blank", "title": title, "status": status, "detail": _shorten(detail)}
    content["kind"] = kind
    for name, value in members.items():
        if value is not None:
            content[name] = _shorten(value) if isinstance(value, str) else value
    return ProblemResponse(content, status, headers)


def _shorten(text: str) -> str:
    if len(text) <= MAX_TEXT:
        return text
    return f"{text[: MAX_TEXT - KEPT_END]} … {text[-KEPT_END:]}"


def install_problems(api: FastAPI) -> None:
    handlers: dict[type[Exception], Handler] = {
        MoggyError: _moggy_error,
        ConfigError: _config_error,
        SQLAlchemyError: _database_error,
        OSError: unexpected,  # like obstore's BaseError, possibly because of a full disk
        BaseError: unexpected,
        DataError: _data_error,
        RequestValidationError: _validation_error,
        HTTPException: _http_exception,
        ClientDisconnect: _client_left,
        Exception: unexpected,
    }
    for error, handler in handlers.items():
        api.add_exception_handler(error, _in_the_loop(handler))


def _in_the_loop(handler: Handler) -> Callable[[Request, Exception], Awaitable[Response]]:
    """Wrap the handler in a coroutine: Starlette would run it in a thread, and errors must be
    answered even when no thread is free."""

    async def handle(request: Request, error: Exception) -> Response:
        return handler(request, error)

    return handle


def _moggy_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, MoggyError)
    if isinstance(error, ModelRenamed) and request.method == "GET":
        return _redirect(request, error) or describe_error(error)
    return describe_error(error)


def _redirect(request: Request, error: ModelRenamed) -> Response | None:
    """Redirect to the same address of the model's new name; None if the name is not in the path.

    The redirect is temporary, because another model may take the old name: browsers remember the
    permanent ones.
    """
    old, new = (f"/v1/models/{name}" for name in (error.name, error.new_name))
    path = request.scope["raw_path"].decode("ascii")
    if path != old and not path.startswith(f"{old}/"):
        return None
    query = request.scope["query_string"].decode("ascii")
    location = new + path.removeprefix(old) + (f"?{query}" if query else "")
    headers = {"Location": location}
    return problem(
        HTTPStatus.TEMPORARY_REDIRECT, "Renamed", error.detail, error.kind, headers=headers
    )


def describe_error(error: MoggyError) -> ProblemResponse:
    retry_after = error.retry_after
    if retry_after is None and error.status == HTTPStatus.SERVICE_UNAVAILABLE:
        retry_after = RETRY_SECONDS
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, RangeNotSatisfiable):
        headers["Content-Range"] = f"bytes */{error.size}"
    return problem(
        error.status,
        error.title,
        error.detail,
        error.kind,
        headers=headers,
        field=error.field,
        value=error.value,
        job=error.job,
    )


def _config_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ConfigError)
    return problem(422, "Invalid configuration", str(error), "invalid_request", field=error.field)


def _database_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, SQLAlchemyError)
    if not is_unavailable(error):
        return unexpected(request, error)
    log.warning("database_unavailable", path=request.url.path, error=type(error).__name__)
    return describe_error(
        Unavailable("the database cannot be reached or is too busy: try again later")
    )


def _data_error(_request: Request, _error: Exception) -> Response:
    detail = "a value holds what the database cannot store, such as a NUL character"
    return problem(422, "Invalid request", detail, "invalid_request")


def disk_full() -> InsufficientStorage:
    return InsufficientStorage(
        "the disk is full: delete datasets or models, or free space otherwise, and try again"
    )


def _validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    details = error.errors()
    kind = details[0]["type"]
    if kind == "json_invalid":
        return _malformed(f"{details[0]['ctx']['error']}, at character {details[0]['loc'][-1]}")
    if isinstance(details[0].get("input"), bytes):  # not labelled as JSON, so not parsed
        return describe_error(wrong_media_type(request, "application/json"))
    if kind.startswith("recursion"):
        return _malformed("it is nested too deeply")
    errors = [
        {"field": _field(detail["loc"]), "detail": _sentence(request, detail)}
        for detail in details[:MAX_ERRORS]
    ]
    first = errors[0]
    return problem(
        422,
        "Invalid request",
        f"{first['field']}: {first['detail']}" if first["field"] else first["detail"],
        "invalid_request",
        field=first["field"] or None,
        errors=errors if len(errors) > 1 else None,
    )


def wrong_media_type(request: Request, expected: str) -> UnsupportedMediaType:
    """Build the error of a body whose Content-Type is not `expected`."""
    content_type = request.headers.get("content-type")
    stated = "without a Content-Type" if content_type is None else f"as {content_type[:100]!r}"
    return UnsupportedMediaType(
        f"the body was sent {stated}: send it as {expected}", field="Content-Type"
    )


def _malformed(reason: str) -> Response:
    detail = f"the body cannot be parsed as JSON: {reason}"
    return problem(400, "Malformed body", detail, "malformed_body")


def _field(location: tuple[int | str, ...]) -> str:
    """Name the field as the client does: `overrides.width` for `body.overrides.width`."""
    sources = ("body", "query", "path", "header")
    return ".".join(str(part) for part in location[location[0] in sources :])[:MAX_TEXT]


def _sentence(request: Request, error: dict[str, Any]) -> str:
    source, *location = error["loc"]
    body = getattr(request.scope.get("route"), "body_field", None)
    fields = []
    if source == "body" and body is not None and error["type"] == "extra_forbidden":
        fields = known_fields(body.field_info.annotation, location)
    return explain_error(error, fields, {NAME_PATTERN: NAME_RULE})


def _http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == HTTPStatus.NO_CONTENT:  # no error: raised by a dependency
        return Response(status_code=error.status_code)
    if error.status_code == HTTPStatus.BAD_REQUEST and error.__cause__ is not None:
        return _malformed(_unreadable(error.__cause__))
    title, detail = HTTPStatus(error.status_code).phrase, str(error.detail)
    path = request.url.path
    headers = dict(error.headers) if error.headers else {}
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(_allowed(request))
        detail = f"{request.method} is not allowed at {path}: use {headers['Allow']}"
    elif error.status_code == HTTPStatus.NOT_FOUND:
        detail = f"there is nothing at {path}: /docs lists all addresses"
    kind = HTTP_KINDS.get(error.status_code, "invalid_request")
    return problem(error.status_code, title, detail, kind, headers=headers)


def _allowed(request: Request) -> list[str]:
    """Return the methods of all routes at the request's path, not only of the first one."""

    def is_allowed(method: str) -> bool:
        scope = {**request.scope, "method": method}
        return any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)

    allowed = [method for method in METHODS if is_allowed(method)]
    return ["GET", "HEAD", *allowed[1:]] if "GET" in allowed else allowed


def _unreadable(cause: BaseException) -> str:
    """Return why a body without a syntax error cannot be parsed."""
    if isinstance(cause, RecursionError):
        return "it is nested too deeply"
    if isinstance(cause, UnicodeDecodeError):
        return f"it is not {cause.encoding.upper()}, at byte {cause.start}"
    if isinstance(cause, ValueError):
        return f"a number has more than {sys.get_int_max_str_digits()} digits"
    return "it is incomplete"


def _client_left(_request: Request, _error: Exception) -> Response:
    """Answer a client that disconnected while its body was read: the service did not fail."""
    return describe_error(ClientLeft("the client left before its request was complete"))


def unexpected(request: Request, error: Exception) -> Response:
    """Answer an error that no handler expects: 507 if the disk is full, else 500 and a log line."""
    if is_disk_full(error):
        return describe_error(disk_full())
    log.error("request_failed", path=request.url.path, exc_info=error)
    return problem(500, "Internal error", "the service failed; its log says why", "internal_error")
