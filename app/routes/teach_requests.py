"""The request that teaches a direction: JSON, or a form with pictures beside the other fields."""

import json
import shutil
from typing import Annotated, Any, NamedTuple

from anyio import to_thread
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import Field, ValidationError

from app.domain import jobs
from app.domain.errors import InvalidRequest
from app.domain.settings import Settings
from app.routes.fields import CheckpointId, Name
from app.routes.middleware.body_limit import MAX_LARGE_BYTES
from app.routes.openapi import BINARY
from app.routes.protocol.pictures import Picture
from app.routes.protocol.uploads import UploadedFile, UploadRules, receive_upload
from app.serving.latents import Latent
from app.serving.request_bodies import StrictBody

MAX_EXAMPLES = 256  # latents on each side
MAX_PICTURES = 256  # of both sides
PICTURE_FIELDS = {"positive": "positive_pictures", "negative": "negative_pictures"}
MAX_ORTHOGONAL = 16

ExampleLatents = Annotated[list[Latent], Field(max_length=MAX_EXAMPLES, fail_fast=True)]


class ClassExamples(StrictBody):
    """The pictures of one class of a dataset, at most 1,000 of them."""

    dataset: Name
    class_name: Annotated[str, Field(alias="class", min_length=1, max_length=255)]


class TeachRequest(StrictBody):
    """Examples of what the direction leads to, and of what it leads away from.

    Each side has at least two examples: latents, whose images are generated, or the pictures of a
    class of a dataset, or both. `class` is that of a conditional model's latents; by default each
    seed draws its own. The direction is made orthogonal to those that `orthogonal_to` names, so
    that it does not change what they change.
    """

    name: Name
    positive: ExampleLatents | None = None
    negative: ExampleLatents | None = None
    positive_class: ClassExamples | None = None
    negative_class: ClassExamples | None = None
    orthogonal_to: (
        Annotated[list[Name], Field(max_length=MAX_ORTHOGONAL, fail_fast=True)] | None
    ) = None
    class_name: Annotated[str | None, Field(alias="class")] = None
    checkpoint: CheckpointId | None = None


# Of a form: their text is JSON.
JSON_FIELDS = ("positive", "negative", "positive_class", "negative_class", "orthogonal_to")


class Lesson(NamedTuple):
    """The request, and the pictures of each side that came with it."""

    body: TeachRequest
    pictures: dict[str, list[Picture]]


def _body_schema() -> dict[str, Any]:
    """The schema of the JSON body. The schemas of latents are in the document already."""
    reference = "#/components/schemas/{model}"
    schema = TeachRequest.model_json_schema(ref_template=reference)
    inlined = json.dumps(schema.pop("$defs")[ClassExamples.__name__])
    own = json.dumps({"$ref": reference.format(model=ClassExamples.__name__)})
    completed: dict[str, Any] = json.loads(json.dumps(schema).replace(own, inlined))
    return completed


def _form_schema() -> dict[str, Any]:
    """Every field of a form is text or files; the fields of objects and lists hold JSON."""
    names = [field.alias or name for name, field in TeachRequest.model_fields.items()]
    files = {"type": "array", "items": BINARY}
    properties: dict[str, Any] = {name: {"type": "string"} for name in names}
    properties |= dict.fromkeys(PICTURE_FIELDS.values(), files)
    return {"type": "object", "required": ["name"], "properties": properties}


BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": _body_schema(),
                "example": {
                    "name": "white",
                    "positive": [{"seed": 1}, {"seed": 5}, {"seed": 9}],
                    "negative": [{"seed": 2}, {"seed": 3}],
                },
            },
            "multipart/form-data": {"schema": _form_schema()},
        },
    }
}


async def read_lesson(request: Request, settings: Settings) -> Lesson:
    """Parse the body of either media type. Raises InvalidRequest, TooLarge."""
    if not request.headers.get("content-type", "").startswith("multipart/"):
        try:
            body = await request.json()
        except ValueError as error:
            raise InvalidRequest(f"the body is neither JSON nor a form: {error}") from error
        return Lesson(_validate(body), {})
    folder = settings.home / "incoming" / jobs.new_id()
    first, *others = PICTURE_FIELDS.values()
    limit = "the limit of all pictures"
    rules = UploadRules(first, MAX_PICTURES, MAX_LARGE_BYTES, limit, tuple(others))
    try:
        upload = await receive_upload(request, folder, settings, rules)
        pictures = await to_thread.run_sync(_read_pictures, upload.files)
    finally:
        await to_thread.run_sync(shutil.rmtree, folder, True)
    return Lesson(_validate(_parse_fields(upload.fields)), pictures)


def _read_pictures(files: list[UploadedFile]) -> dict[str, list[Picture]]:
    return {
        side: [Picture(file.name, file.path.read_bytes()) for file in files if file.field == field]
        for side, field in PICTURE_FIELDS.items()
    }


def _parse_fields(fields: dict[str, str]) -> dict[str, Any]:
    body: dict[str, Any] = dict(fields)
    for name in JSON_FIELDS:
        if name in fields:
            try:
                body[name] = json.loads(fields[name])
            except ValueError as error:
                raise InvalidRequest(
                    f"form field {name} is not JSON: {error}", field=name
                ) from error
    return body


def _validate(body: Any) -> TeachRequest:
    try:
        return TeachRequest.model_validate(body)
    except ValidationError as error:
        errors = [{**each, "loc": ("body", *each["loc"])} for each in error.errors()]
        raise RequestValidationError(errors, body=body) from error
