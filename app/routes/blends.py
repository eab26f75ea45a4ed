"""Blends: the images between two to four latents at the corners of a square, one or a sheet."""

from typing import Annotated, Literal

from anyio import to_thread
from fastapi import Response
from fastapi.responses import JSONResponse
from pydantic import Field

from app.domain.errors import InvalidRequest, QueueFull
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.images.encoders import MEDIA_TYPES, SINGLE_FORMATS, SingleFormat, encode_grid
from app.domain.images.recipes import grid_recipe, image_recipe
from app.routes.fields import CheckpointId
from app.routes.generation import (
    GENERATION_DEPENDENCIES,
    GenerationDep,
    ImageFields,
    check_pixels,
    refuse_scaled_json,
)
from app.routes.middleware.body_limit import LargeBodyRoute
from app.routes.openapi import file_response, new_router, problems
from app.routes.passports import ImageAnswer, list_passports
from app.routes.protocol.deadlines import while_connected
from app.serving.blends import MIN_CORNERS, Place, blend_samples, sheet_places
from app.serving.image_files import ImageFile
from app.serving.latent_library import LatentLibrary
from app.serving.latents import Corners, references
from app.serving.request_bodies import FLOAT_AS_INT
from app.serving.samples import to_keyframes
from models.samples import Pixels, Sample

router = new_router(
    prefix="/v1/models",
    tags=["images"],
    route_class=LargeBodyRoute,
    dependencies=GENERATION_DEPENDENCIES,
)

MAX_SHEET = 32  # images of each side

Share = Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False)]


class BlendRequest(ImageFields):
    """`corners`: two to four latents, top left, top right, bottom left and bottom right. The third
    of three is the whole bottom edge; two are both ends of a line.

    Give `x` (0 at the left to 1 at the right) and `y` (0 at the top to 1 at the bottom) for one
    image, or `sheet` for a PNG of `sheet` × `sheet` images, whose outermost ones are at the edges.
    On a line there is no `y`, and a sheet has one row. All images have one class: `class`, or else
    that of the first corner.
    """

    corners: Corners
    x: Share | None = None
    y: Share | None = None
    sheet: Annotated[int, Field(strict=True, ge=2, le=MAX_SHEET), FLOAT_AS_INT] | None = None
    class_name: Annotated[str | None, Field(alias="class")] = None
    format: Literal[SingleFormat, "json"] = "png"
    checkpoint: CheckpointId | None = None


@router.post(
    "/{name}/blend",
    response_class=Response,
    responses=file_response(*SINGLE_FORMATS, json=ImageAnswer) | problems(QueueFull),
)
async def generate_blend(name: str, body: BlendRequest, context: GenerationDep) -> Response:
    """The image between the corners at `x` and `y`, or a sheet (PNG) of all images between them.
    As `json`, the image's recipe with its latent, and its passport. At a corner, it is the corner's
    own image."""
    places = _places(body)
    refuse_scaled_json(body.format, body.display)
    checkpoint = await context.find(name, body.checkpoint)
    check_pixels(len(places), checkpoint, context.settings, "sheet", body.scale)

    named = {f"corners.{index}": corner for index, corner in enumerate(body.corners)}
    library = await context.library(name, references(named))
    samples = await to_thread.run_sync(_samples, body, places, checkpoint, library)
    if body.sheet is not None:
        pixels = await context.render(checkpoint, samples)
        return await to_thread.run_sync(_sheet, body, checkpoint, samples, pixels)
    if body.format == "json":
        listing = list_passports(checkpoint, samples, context)
        (passport,) = await while_connected(context.request, listing)
        return JSONResponse(image_recipe(checkpoint, samples[0]) | passport)
    file = ImageFile(checkpoint, samples[0], body.format, body.display)
    data = await while_connected(context.request, context.engine.file(file))
    return Response(data, media_type=MEDIA_TYPES[body.format])


def _samples(
    body: BlendRequest,
    places: list[Place],
    checkpoint: GeneratorCheckpoint,
    library: LatentLibrary,
) -> list[Sample]:
    corners = to_keyframes(checkpoint, body.corners, body.class_name, library, "corners")
    return blend_samples(corners, places, checkpoint.latent_dim, body.truncation)


def _sheet(
    body: BlendRequest, checkpoint: GeneratorCheckpoint, samples: list[Sample], pixels: Pixels
) -> Response:
    assert body.sheet is not None
    recipe = grid_recipe(checkpoint, samples, body.sheet) | body.display.recipe()
    data = encode_grid(body.display.enlarge(pixels), body.sheet, recipe)
    return Response(data, media_type=MEDIA_TYPES["png"])


def _places(body: BlendRequest) -> list[Place]:
    """The places of the images on the square. Raises InvalidRequest."""
    on_line = len(body.corners) == MIN_CORNERS
    given = [name for name in ("x", "y") if getattr(body, name) is not None]
    if body.sheet is not None:
        if given:
            raise InvalidRequest(
                f"a sheet shows all places, and {' and '.join(given)} names one: leave out either",
                field="sheet",
            )
        if body.format != "png":
            raise InvalidRequest(
                f"a sheet is a png, and format is {body.format}: leave format or sheet out",
                field="format",
            )
        return sheet_places(len(body.corners), body.sheet)
    if body.x is None:
        raise InvalidRequest("give x, from 0 to 1, or sheet", field="x")
    if on_line and body.y is not None:
        raise InvalidRequest(
            "two corners are the ends of a line, which has no y: leave y out, or give 3 or 4 "
            "corners",
            field="y",
        )
    if not on_line and body.y is None:
        raise InvalidRequest("give y, from 0 to 1, too: there are 3 or 4 corners", field="y")
    return [(body.x, body.y or 0.0)]
