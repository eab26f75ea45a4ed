"""The request that teaches a direction: JSON, or a form with pictures beside the other fields."""

import shutil
from typing import Annotated, NamedTuple

from anyio import to_thread
from fastapi import Request
from pydantic import Field

from app.domain import jobs
from app.domain.settings import Settings
from app.routes.fields import CheckpointId, Name
from app.routes.middleware.body_limit import MAX_LARGE_BYTES
from app.routes.openapi import BINARY
from app.routes.protocol.json_forms import (
    is_form,
    parse_fields,
    read_json,
    request_body,
    validate,
)
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


BODY = request_body(
    TeachRequest,
    files={name: {"type": "array", "items": BINARY} for name in PICTURE_FIELDS.values()},
    json_fields=JSON_FIELDS,
    required=["name"],
)


async def read_lesson(request: Request, settings: Settings) -> Lesson:
    """Parse the body of either media type. Raises InvalidRequest, TooLarge."""
    if not is_form(request):
        return Lesson(validate(TeachRequest, await read_json(request)), {})
    folder = settings.home / "incoming" / jobs.new_id()
    first, *others = PICTURE_FIELDS.values()
    limit = "the limit of all pictures"
    rules = UploadRules(first, MAX_PICTURES, MAX_LARGE_BYTES, limit, tuple(others))
    try:
        upload = await receive_upload(request, folder, settings, rules)
        pictures = await to_thread.run_sync(_read_pictures, upload.files)
    finally:
        await to_thread.run_sync(shutil.rmtree, folder, True)
    return Lesson(validate(TeachRequest, parse_fields(upload.fields, JSON_FIELDS)), pictures)


def _read_pictures(files: list[UploadedFile]) -> dict[str, list[Picture]]:
    return {
        side: [Picture(file.name, file.path.read_bytes()) for file in files if file.field == field]
        for side, field in PICTURE_FIELDS.items()
    }
