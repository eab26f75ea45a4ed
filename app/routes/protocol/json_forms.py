"""Bodies that are JSON, or a form with files: in a form, every other field is text, and the fields
of objects, lists and numbers hold JSON."""

import json
from collections.abc import Collection, Mapping
from typing import Any, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from app.domain.errors import InvalidRequest

Body = TypeVar("Body", bound=BaseModel)
REFERENCES = "#/components/schemas/{model}"
UNREADABLE = (ValueError, RecursionError)  # the second one of arrays or objects nested too deeply


def request_body(
    model: type[BaseModel],
    files: Mapping[str, Any],
    json_fields: Collection[str],
    required: list[str],
) -> dict[str, Any]:
    """Describe the body in the OpenAPI document. `files` are the schemas of the form's files, and
    `required` are its required fields."""
    schema = model.model_json_schema(ref_template=REFERENCES)
    fields = {
        name: {"type": "string"} if name in json_fields else _text_schema(field)
        for name, field in schema["properties"].items()
    }
    form = {
        "type": "object",
        "required": required,
        "properties": fields | dict(files),
        "additionalProperties": False,
    }
    content = {
        "application/json": {"schema": schema},
        "multipart/form-data": {"schema": form},
    }
    return {"requestBody": {"required": True, "content": content}}


def _text_schema(field: dict[str, Any]) -> dict[str, Any]:
    """The schema of a text that may be left out, without null, which no form has."""
    choices = [choice for choice in field.get("anyOf", ()) if choice.get("type") != "null"]
    text: dict[str, Any] = choices[0] if choices else field
    return text


def is_form(request: Request) -> bool:
    return request.headers.get("content-type", "").startswith("multipart/")


async def read_json(request: Request) -> Any:
    """The JSON of the body. Raises InvalidRequest."""
    try:
        return await request.json()
    except UNREADABLE as error:
        raise InvalidRequest(f"the body is neither JSON nor a form: {error}") from error


def parse_fields(fields: Mapping[str, str], json_fields: Collection[str]) -> dict[str, Any]:
    """The text fields of a form as the JSON body that they stand for. Raises InvalidRequest."""
    body: dict[str, Any] = dict(fields)
    for name in json_fields:
        if name in fields:
            try:
                body[name] = json.loads(fields[name])
            except UNREADABLE as error:
                raise InvalidRequest(
                    f"form field {name} is not JSON: {error}", field=name
                ) from error
    return body


def validate(model: type[Body], body: Any) -> Body:
    """The body as `model`. Raises RequestValidationError."""
    try:
        return model.model_validate(body)
    except ValidationError as error:
        errors = [{**each, "loc": ("body", *each["loc"])} for each in error.errors()]
        raise RequestValidationError(errors, body=body) from error
