"""Recipes over HTTP: read back from a file, and verified by making the file again."""

from typing import Any

from anyio import to_thread
from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel

from app.domain.errors import NotFound, QueueFull
from app.domain.images.encoders import MEDIA_TYPES
from app.routes.deadlines import allow_deadline, while_connected
from app.routes.dependencies import (
    DatabaseDep,
    EngineDep,
    SettingsDep,
    refuse_unknown_parameters,
)
from app.routes.document import ANY_BINARY, BINARY, problems
from app.routes.generation import check_pixels
from app.serving.recipe_files import FILE_FORMATS, read_recipe
from app.serving.verification import Verification

router = APIRouter(
    prefix="/recipes",
    tags=["images"],
    dependencies=[Depends(refuse_unknown_parameters), Depends(allow_deadline)],
)

# Which format it is, the bytes say: no Content-Type is looked at.
FILE: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": f"A file made here, as it is: {', '.join(FILE_FORMATS)}",
        "content": {ANY_BINARY: {"schema": BINARY}},
    }
}


class RecipeAnswer(BaseModel):
    """What a file was made from, and its format."""

    format: str
    recipe: dict[str, Any]


class VerificationAnswer(RecipeAnswer):
    """Whether the recipe makes this file here, in words, and by how much pixels differ at most."""

    match: bool
    says: str
    difference: int | None


@router.post("/read", operation_id="read_recipe", openapi_extra=FILE, response_model=RecipeAnswer)
async def read(request: Request) -> Response:
    """The recipe inside a file, which is the body: `curl --data-binary @7.png`. The recipe of a zip
    of pictures is the list of theirs."""
    answer = await to_thread.run_sync(_read, await request.body())
    return Response(answer, media_type=MEDIA_TYPES["json"])


def _read(data: bytes) -> str:
    """The answer as it is sent: a recipe may be as long as a picture."""
    recipe, file_format = read_recipe(data)
    return RecipeAnswer(format=file_format, recipe=recipe).model_dump_json()


@router.post(
    "/verify",
    operation_id="verify_recipe",
    openapi_extra=FILE,
    responses=problems(NotFound, QueueFull),
)
async def verify(
    request: Request, settings: SettingsDep, database: DatabaseDep, engine: EngineDep
) -> VerificationAnswer:
    """Make the file in the body again by the recipe inside it, and compare. Of a zip of pictures
    send one picture."""
    data = await request.body()
    recipe, file_format = await to_thread.run_sync(read_recipe, data)
    verification = await to_thread.run_sync(Verification, recipe, file_format, settings)
    checkpoint = await engine.checkpoints.find(
        database, verification.model, verification.checkpoint
    )
    check_pixels(verification.images, checkpoint, settings, "recipe", verification.scale)
    samples = await while_connected(request, verification.samples(checkpoint, engine))
    pixels = await while_connected(request, engine.generate(checkpoint, samples))
    verdict = await to_thread.run_sync(verification.compare, data, checkpoint, samples, pixels)
    return VerificationAnswer(format=file_format, recipe=recipe, **verdict._asdict())
