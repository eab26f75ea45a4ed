"""Every error as RFC 9457 `application/problem+json`, mapped here and nowhere else."""

from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DataError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from app.domain.errors import MoggyError, RangeNotSatisfiable
from models.ranges import ConfigError

log = structlog.get_logger()


class ProblemResponse(JSONResponse):
    media_type = "application/problem+json"


def problem(
    status: int,
    title: str,
    detail: str,
    *,
    headers: dict[str, str] | None = None,
    **members: Any,
) -> ProblemResponse:
    """One problem document; members that are None are left out."""
    content = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    content |= {name: value for name, value in members.items() if value is not None}
    return ProblemResponse(content, status, headers)


def install_problems(api: FastAPI) -> None:
    api.add_exception_handler(MoggyError, _moggy_error)
    api.add_exception_handler(ConfigError, _config_error)
    api.add_exception_handler(DataError, _data_error)
    api.add_exception_handler(RequestValidationError, _validation_error)
    api.add_exception_handler(HTTPException, _http_exception)
    api.add_exception_handler(Exception, _unexpected)


def _moggy_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, MoggyError)
    return describe_error(error)


def describe_error(error: MoggyError) -> ProblemResponse:
    """Its problem document."""
    headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, RangeNotSatisfiable):
        headers["Content-Range"] = f"bytes */{error.size}"
    return problem(error.status, error.title, error.detail, headers=headers, field=error.field)


def _config_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ConfigError)
    return problem(422, "Invalid configuration", str(error), field=error.field)


def _data_error(_request: Request, _error: Exception) -> Response:
    detail = "a value holds what the database cannot store, such as a NUL character"
    return problem(422, "Invalid request", detail)


def _validation_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = [
        {"field": _field(one["loc"]), "detail": f"{one['msg']}{_given(one)}"}
        for one in error.errors()
    ]
    first = errors[0]
    return problem(
        422,
        "Invalid request",
        f"{first['field']}: {first['detail']}" if first["field"] else first["detail"],
        field=first["field"] or None,
        errors=errors if len(errors) > 1 else None,
    )


def _field(location: tuple[int | str, ...]) -> str:
    """`body.overrides.width` as the client wrote it: `overrides.width`."""
    return ".".join(str(part) for part in location if part not in ("body", "query", "path"))


def _given(one: dict[str, Any]) -> str:
    given = one.get("input")
    if one["type"] == "missing" or isinstance(given, dict | list) or given is None:
        return ""
    return f" (given: {str(given)[:100]!r})"


def _http_exception(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    title = HTTPStatus(error.status_code).phrase
    headers = dict(error.headers) if error.headers else None
    return problem(error.status_code, title, str(error.detail), headers=headers)


def _unexpected(request: Request, error: Exception) -> Response:
    log.error("request_failed", path=request.url.path, exc_info=error)
    return problem(500, "Internal error", "the service failed; its log says why")
