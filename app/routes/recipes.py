"""Recipes over HTTP: read from a file, and verified by generating the file again."""

from typing import Any

from anyio import to_thread
from fastapi import Request, Response
from pydantic import BaseModel

from app.domain.errors import NotFound, QueueFull
from app.domain.images.encoders import MEDIA_TYPES
from app.routes.generation import GENERATION_DEPENDENCIES, GenerationDep, check_pixels
from app.routes.openapi import ANY_BINARY, BINARY, new_router, problems
from app.routes.protocol.deadlines import while_connected
from app.serving.recipe_files import FILE_FORMATS, read_recipe
from app.serving.verification import Verification

router = new_router(prefix="/v1/recipes", tags=["images"], dependencies=GENERATION_DEPENDENCIES)

# The format is detected from the bytes: the Content-Type is ignored.
FILE: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": f"An unchanged file that Moggy made: {', '.join(FILE_FORMATS)}",
        "content": {ANY_BINARY: {"schema": BINARY}},
    }
}


class RecipeAnswer(BaseModel):
    """What a file was made from, and its format."""

    format: str
    recipe: dict[str, Any]


class VerificationAnswer(RecipeAnswer):
    """`match`: whether the recipe makes this file here. `says` explains it in words; `difference`
    is the largest difference between two pixel values, null where pixels were not compared."""

    match: bool
    says: str
    difference: int | None


@router.post("/read", operation_id="read_recipe", openapi_extra=FILE, response_model=RecipeAnswer)
async def read(request: Request) -> Response:
    """The recipe inside the file that is the body: `curl --data-binary @7.png`. For a zip of
    images, the recipes of all of them."""
    answer = await to_thread.run_sync(_read, await request.body())
    return Response(answer, media_type=MEDIA_TYPES["json"])


def _read(data: bytes) -> str:
    """Return the response as JSON text. Called in a thread, because a recipe may have megabytes."""
    recipe, file_format = read_recipe(data)
    return RecipeAnswer(format=file_format, recipe=recipe).model_dump_json()


@router.post(
    "/verify",
    operation_id="verify_recipe",
    openapi_extra=FILE,
    responses=problems(NotFound, QueueFull),
)
async def verify(context: GenerationDep) -> VerificationAnswer:
    """Make the file in the body again from the recipe inside it, and compare. The checkpoint is
    found by its id or by its weights, so a file stays valid when its model is renamed, or imported
    by another service. From a zip of images, send a single image."""
    data = await context.request.body()
    recipe, file_format = await to_thread.run_sync(read_recipe, data)
    verification = await to_thread.run_sync(Verification, recipe, file_format, context.settings)
    checkpoint = await context.find_recorded(verification.checkpoint, verification.sha256)
    check_pixels(verification.images, checkpoint, context.settings, "recipe", verification.scale)
    sampling = verification.samples(checkpoint, context.engine)
    samples = await while_connected(context.request, sampling)
    pixels = await context.render(checkpoint, samples)
    verdict = await to_thread.run_sync(verification.compare, data, checkpoint, samples, pixels)
    return VerificationAnswer(format=file_format, recipe=recipe, **verdict._asdict())
