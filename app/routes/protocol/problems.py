"""Every error as RFC 9457 `application/problem+json`, mapped here and nowhere else."""

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
    MoggyError,
    RangeNotSatisfiable,
    Unavailable,
    UnsupportedMediaType,
)
from app.domain.validation import explain_error, known_fields
from app.routes.fields import NAME_PATTERN, NAME_RULE
from app.routes.protocol.deadlines import ClientLeft
from models.ranges import ConfigError

log = structlog.get_logger()

RETRY_SECONDS = 5  # where nobody can say when it will be better

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")  # and HEAD, wherever there is GET
PROBLEM_JSON = "application/problem+json"
Handler = Callable[[Request, Exception], Response]
MAX_ERRORS = 20  # that one answer lists
MAX_TEXT, KEPT_END = 1000, 300  # of a sentence; its end says what to do


class ProblemResponse(JSONResponse):
    media_type = PROBLEM_JSON

    def render(self, content: Any) -> bytes:
        """As JSON; half a surrogate pair, which a client can send but not be sent, becomes `?`."""
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "replace")


def problem(
    status: int,
    title: str,
    detail: str,
    *,
    headers: dict[str, str] | None = None,
    **members: Any,
) -> ProblemResponse:
    """One problem document; members that are None are left out.

    What quotes a client at length is shortened: its URL or its body may be megabytes.
    """
    content = {"type": "about:blank", "title": title, "status": status, "detail": _shorten(detail)}
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
        OSError: unexpected,  # like the next, answered here for the sake of a full disk
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
    """The same as a coroutine: Starlette sends every other handler through its threads, and an
    error has to be answered when none is free."""

    async def handle(request: Request, error: Exception) -> Response:
        return handler(request, error)

    return handle


def _moggy_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, MoggyError)
    return describe_error(error)


def describe_error(error: MoggyError) -> ProblemResponse:
    """Its problem document."""
    retry_after = error.retry_after
    if retry_after is None and error.status == HTTPStatus.SERVICE_UNAVAILABLE:
        retry_after = RETRY_SECONDS
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, RangeNotSatisfiable):
        headers["Content-Range"] = f"bytes */{error.size}"
    return problem(error.status, error.title, error.detail, headers=headers, field=error.field)


def _config_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ConfigError)
    return problem(422, "Invalid configuration", str(error), field=error.field)


def _database_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, SQLAlchemyError)
    if not is_unavailable(error):
        return unexpected(request, error)
    log.warning("database_unavailable", path=request.url.path, error=type(error).__name__)
    return describe_error(
        Unavailable(
            "the database cannot be reached, or is too busy, at the moment: try again later"
        )
    )


def _data_error(_request: Request, _error: Exception) -> Response:
    detail = "a value holds what the database cannot store, such as a NUL character"
    return problem(422, "Invalid request", detail)


def disk_full() -> InsufficientStorage:
    return InsufficientStorage(
        "the disk is full: delete datasets or models, or make room otherwise, and try again"
    )


def _validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    if found[0]["type"] == "json_invalid":
        return _malformed(f"{found[0]['ctx']['error']}, at character {found[0]['loc'][-1]}")
    if isinstance(found[0].get("input"), bytes):  # FastAPI leaves alone what is not called JSON
        return describe_error(not_as(request, "application/json"))
    if found[0]["type"].startswith("recursion"):
        return _malformed("it is nested too deeply")
    errors = [
        {"field": _field(one["loc"]), "detail": _sentence(request, one)}
        for one in found[:MAX_ERRORS]
    ]
    first = errors[0]
    return problem(
        422,
        "Invalid request",
        f"{first['field']}: {first['detail']}" if first["field"] else first["detail"],
        field=first["field"] or None,
        errors=errors if len(errors) > 1 else None,
    )


def not_as(request: Request, wanted: str) -> UnsupportedMediaType:
    """The body came as something else than `wanted`."""
    given = request.headers.get("content-type")
    stated = "without a Content-Type" if given is None else f"as {given[:100]!r}"
    return UnsupportedMediaType(
        f"the body came {stated}: send it as {wanted}", field="Content-Type"
    )


def _malformed(reason: str) -> Response:
    return problem(400, "Malformed body", f"the body is not JSON that can be read: {reason}")


def _field(location: tuple[int | str, ...]) -> str:
    """`body.overrides.width` as the client wrote it: `overrides.width`."""
    places = ("body", "query", "path", "header")
    return ".".join(str(part) for part in location[location[0] in places :])[:MAX_TEXT]


def _sentence(request: Request, error: dict[str, Any]) -> str:
    place, *location = error["loc"]
    body = getattr(request.scope.get("route"), "body_field", None)
    fields = []
    if place == "body" and body is not None and error["type"] == "extra_forbidden":
        fields = known_fields(body.field_info.annotation, location)
    return explain_error(error, fields, {NAME_PATTERN: NAME_RULE})


def _http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == HTTPStatus.NO_CONTENT:  # no error, but decided before the route runs
        return Response(status_code=error.status_code)
    if error.status_code == HTTPStatus.BAD_REQUEST and error.__cause__ is not None:
        return _malformed(_unreadable(error.__cause__))
    title, detail = HTTPStatus(error.status_code).phrase, str(error.detail)
    path = request.url.path
    headers = dict(error.headers) if error.headers else {}
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(_allowed(request))
        detail = f"{request.method} is not allowed at {path}: it takes {headers['Allow']}"
    elif error.status_code == HTTPStatus.NOT_FOUND:
        detail = f"there is nothing at {path}: /docs lists what there is"
    return problem(error.status_code, title, detail, headers=headers)


def _allowed(request: Request) -> list[str]:
    """What the address of the request knows. The router itself says it of one route alone."""

    def is_known(method: str) -> bool:
        scope = {**request.scope, "method": method}
        return any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)

    known = [method for method in METHODS if is_known(method)]
    return ["GET", "HEAD", *known[1:]] if "GET" in known else known


def _unreadable(cause: BaseException) -> str:
    """Why a body cannot be parsed, beside its syntax."""
    if isinstance(cause, RecursionError):
        return "it is nested too deeply"
    if isinstance(cause, UnicodeDecodeError):
        return f"it is not {cause.encoding.upper()}, at byte {cause.start}"
    if isinstance(cause, ValueError):
        return f"a number has more than {sys.get_int_max_str_digits()} digits"
    return "it broke off"


def _client_left(_request: Request, _error: Exception) -> Response:
    """The client closed the connection while its body was read: no failure of the service."""
    return describe_error(ClientLeft("the client left before its request was whole"))


def unexpected(request: Request, error: Exception) -> Response:
    """What nobody can mend but us; or a full disk, wherever it was met."""
    if is_disk_full(error):
        return describe_error(disk_full())
    log.error("request_failed", path=request.url.path, exc_info=error)
    return problem(500, "Internal error", "the service failed; its log says why")
