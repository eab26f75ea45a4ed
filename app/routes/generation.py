"""Shared by the routes that generate images: context, query parameters, limits and bundles."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Annotated, NamedTuple

from anyio import to_thread
from fastapi import Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import Field

from app.domain import registry
from app.domain.database import Database
from app.domain.errors import InvalidRequest, LimitExceeded, Unavailable
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.images.encoders import MEDIA_TYPES
from app.domain.images.recipes import Recipe, checkpoint_recipe, image_recipe, recipe_text
from app.domain.settings import Settings
from app.routes.dependencies import refuse_unknown_parameters
from app.routes.fields import CheckpointId
from app.routes.latent_urls import parse_edits
from app.routes.protocol.deadlines import allow_deadline, while_connected
from app.serving.checkpoint_exports import CheckpointExports
from app.serving.display import MAX_SCALE, Display, Resample
from app.serving.embedding_thread import NotComparable
from app.serving.engine import Engine
from app.serving.image_bundles import new_bundle, stream_bundle
from app.serving.image_files import ImageFile
from app.serving.latent_library import EMPTY_LIBRARY, LatentLibrary, References
from app.serving.latents import MAX_EDITS, QueryTruncation, Truncation
from app.serving.request_bodies import FLOAT_AS_INT, StrictBody
from app.serving.sample_indexes import OpenIndex, SampleIndexes
from models.samples import Pixels, Sample

# The dependencies of every route that generates.
GENERATION_DEPENDENCIES = (Depends(refuse_unknown_parameters), Depends(allow_deadline))

CheckpointParameter = Annotated[
    CheckpointId | None,
    Query(description="A checkpoint's id; by default the one that the model serves."),
]
ClassParameter = Annotated[
    str | None,
    Query(alias="class", description="Of a conditional model; by default drawn from the seed."),
]
TruncationParameter = Annotated[
    QueryTruncation,
    Query(description="The factor by which latents are scaled, towards the centre of their shell."),
]
ScaleParameter = Annotated[
    int, Query(ge=1, le=MAX_SCALE, description="The factor by which each side is enlarged.")
]
ResampleParameter = Annotated[
    Resample, Query(description="Enlarge smoothly, or each pixel to a square.")
]

EditParameter = Annotated[
    list[str] | None,
    Query(
        max_length=MAX_EDITS,
        description="DIRECTION:AMOUNT moves the latent along a direction of the model; an amount "
        "is -10 to 10. May be repeated.",
    ),
]


class GenerationContext(NamedTuple):
    """The request, and the objects of `app.state` that generate images for it."""

    request: Request
    settings: Settings
    database: Database
    engine: Engine
    exports: CheckpointExports
    indexes: SampleIndexes

    async def find(self, model: str, checkpoint_id: str | None) -> GeneratorCheckpoint:
        """Return the checkpoint with this id, or the one that the model serves."""
        checkpoint = await self.engine.checkpoints.find(self.database, model, checkpoint_id)
        return await self.exports.exported(checkpoint)

    async def find_recorded(self, checkpoint_id: str, sha256: str) -> GeneratorCheckpoint:
        """Return the checkpoint that a recipe records. Raises NotFound."""

        def load() -> GeneratorCheckpoint:
            with self.database.read() as session:
                recorded = registry.find_recorded(session, checkpoint_id, sha256)
                return GeneratorCheckpoint.of(recorded)

        return await self.exports.exported(await to_thread.run_sync(load))

    async def library(self, model: str, references: References) -> LatentLibrary:
        """Look up what the request's latents refer to, in one read of the database."""
        if not references:
            return EMPTY_LIBRARY

        def load() -> LatentLibrary:
            with self.database.read() as session:
                return LatentLibrary.load(session, model, references)

        return await to_thread.run_sync(load)

    async def sample_index(self, checkpoint: GeneratorCheckpoint) -> OpenIndex:
        """Return the checkpoint's sample index. Raises IndexMissing until a job has built it."""
        try:
            embedding = await self.engine.embedding_thread.embedding()
        except NotComparable as error:
            raise Unavailable(f"pictures cannot be compared here: {error}") from error
        return await to_thread.run_sync(self.indexes.require, checkpoint, embedding)

    async def render(self, checkpoint: GeneratorCheckpoint, samples: list[Sample]) -> Pixels:
        """Generate the images, until the client leaves or its deadline passes."""
        return await while_connected(self.request, self.engine.generate(checkpoint, samples))

    async def file_response(self, file: ImageFile, headers: Mapping[str, str]) -> Response:
        """Make the file of one image, until the client leaves or its deadline passes."""
        data = await while_connected(self.request, self.engine.file(file))
        headers = {**headers, **image_headers(file.recipe, file.image_format)}
        return Response(data, headers=headers, media_type=MEDIA_TYPES[file.image_format])


async def _context(request: Request) -> GenerationContext:
    state = request.app.state
    return GenerationContext(
        request, state.settings, state.database, state.engine, state.exports, state.indexes
    )


GenerationDep = Annotated[GenerationContext, Depends(_context)]


class ImageOptions(NamedTuple):
    """The query parameters that every image or morph by URL takes. `edits`: None without any."""

    checkpoint: str | None
    class_name: str | None
    truncation: float
    display: Display
    edits: dict[str, float] | None


async def _image_options(
    checkpoint: CheckpointParameter = None,
    class_name: ClassParameter = None,
    truncation: TruncationParameter = 1.0,
    scale: ScaleParameter = 1,
    resample: ResampleParameter = "lanczos",
    edit: EditParameter = None,
) -> ImageOptions:
    display, edits = Display(scale, resample), parse_edits(edit) if edit else None
    return ImageOptions(checkpoint, class_name, truncation, display, edits)


ImageOptionsDep = Annotated[ImageOptions, Depends(_image_options)]


class ImageFields(StrictBody):
    """The fields of every request body for images: their truncation, and how they are enlarged."""

    truncation: Truncation = 1.0
    scale: Annotated[int, Field(strict=True, ge=1, le=MAX_SCALE), FLOAT_AS_INT] = 1
    resample: Resample = "lanczos"

    @property
    def display(self) -> Display:
        return Display(self.scale, self.resample)


def refuse_scaled_json(file_format: str, display: Display) -> None:
    if file_format == "json" and display.scale != 1:
        raise InvalidRequest(
            f"scale {display.scale} does not apply to json, which has no pictures: leave scale out",
            field="scale",
        )


def check_pixels(
    images: int, checkpoint: GeneratorCheckpoint, settings: Settings, field: str, scale: int = 1
) -> None:
    """Raise LimitExceeded for a response of more pixels than MOGGY_MAX_RESPONSE_PIXELS."""
    height, width = (scale * side for side in checkpoint.shape[:2])
    pixels = images * height * width
    if pixels > settings.max_response_pixels:
        raise LimitExceeded(
            f"{images} images of {width}×{height} are {pixels} pixels; the limit for one response "
            f"is {settings.max_response_pixels} (MOGGY_MAX_RESPONSE_PIXELS)",
            field=field,
        )


def image_headers(recipe: Recipe, image_format: str) -> dict[str, str]:
    """Return the Content-Disposition: shown inline, saved as MODEL-SEED.FORMAT, or with the name
    of the latent and its edits in place of the seed."""
    source = recipe if "seed" in recipe else recipe.get("source", {})
    latent = source.get("seed", source.get("name", "latent"))
    edits = "".join(f"-{name}{amount:+g}" for name, amount in source.get("edits", {}).items())
    file_name = f"{recipe['model']}-{latent}{edits}.{image_format}"
    return {"Content-Disposition": f'inline; filename="{file_name}"'}


async def bundle_response(
    request: Request,
    slices: AsyncGenerator[Pixels],
    checkpoint: GeneratorCheckpoint,
    samples: list[Sample],
    file_format: str,
    display: Display,
) -> StreamingResponse:
    """Stream a zip or multipart body of PNGs that are generated while it is sent.

    The pixels are not limited. The first slice is generated before the response starts, so that an
    error has its own status.
    """
    first = await while_connected(request, _first(slices))

    async def all_slices() -> AsyncGenerator[Pixels]:
        async with aclosing(slices):
            yield first
            async for pixels in slices:
                yield pixels

    identity = recipe_text(checkpoint_recipe(checkpoint) | {"images": len(samples)})
    bundle = new_bundle(file_format, identity)
    recipes = (image_recipe(checkpoint, sample) for sample in samples)
    pieces = stream_bundle(all_slices(), recipes, len(samples), bundle, display)
    headers = {}
    if file_format == "zip":
        headers["Content-Disposition"] = f'attachment; filename="{checkpoint.model}.zip"'
    return StreamingResponse(pieces, media_type=bundle.media_type, headers=headers)


async def _first(slices: AsyncGenerator[Pixels]) -> Pixels:
    return await anext(slices)
