"""Search: the samples of a model that are most like a picture, a colour, a latent or a class."""

from functools import partial
from typing import Annotated

import numpy as np
from anyio import to_thread
from fastapi import Request
from pydantic import BaseModel, Field

from app.domain.errors import (
    Conflict,
    InsufficientStorage,
    InvalidRequest,
    QueueFull,
    Unavailable,
)
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.images.recipes import class_name
from app.domain.sample_indexes import IndexMissing
from app.routes.generation import GENERATION_DEPENDENCIES, GenerationContext, GenerationDep
from app.routes.middleware.proxies import public_path
from app.routes.openapi import BINARY, new_router, problems
from app.routes.protocol.deadlines import while_connected
from app.routes.protocol.json_forms import (
    is_form,
    parse_fields,
    read_json,
    request_body,
    validate,
)
from app.routes.protocol.pictures import PICTURE, Picture, decode_in_thread, receive_picture
from app.serving.latents import references
from app.serving.samples import to_sample
from app.serving.searches import (
    FoundSample,
    PictureSearchRequest,
    PlainSearchRequest,
    SearchRequest,
    search,
)
from models.samples import Pixels

router = new_router(prefix="/v1/models", tags=["images"], dependencies=GENERATION_DEPENDENCIES)

FORM_FIELDS = [field.alias or name for name, field in PictureSearchRequest.model_fields.items()]
JSON_FIELDS = ("k", "min_quality", "latent", "weights")  # of a form: their text is JSON


class FoundItem(BaseModel):
    """A sample: its seed, the distance to what is wanted, and the URL of its image.

    `distances` has one for each criterion: between embeddings, from 0 to 2, for `picture` and
    `latent`; in CIELAB, where 2.3 is just noticeable, for `color`, as the mean of nine cells.
    `distance` is the only one, or the weighted mean of several, each relative to its median among
    all samples; it is null where only a class is wanted. `color` is the median of these cells.
    """

    seed: int
    distance: float | None
    distances: dict[str, float]
    quality: float | None
    class_name: Annotated[str | None, Field(alias="class")]
    color: str
    url: str


class SearchAnswer(BaseModel):
    """The nearest samples, nearest first. `samples` is the number of those that were compared;
    their seeds are consecutive."""

    model: str
    checkpoint: str
    samples: int
    items: list[FoundItem]
    next: None = None


BODY = request_body(
    PlainSearchRequest,
    files={PICTURE: BINARY},
    json_fields=JSON_FIELDS,
    required=[PICTURE],
)


@router.post(
    "/{name}/search",
    openapi_extra=BODY,
    responses=problems(Conflict, QueueFull, Unavailable, IndexMissing, InsufficientStorage),
)
async def search_samples(name: str, context: GenerationDep) -> SearchAnswer:
    """The samples of a model that are nearest to a colour, a latent's image or a picture, or to
    several of them, among 16,384 of its own images. A picture is sent as multipart/form-data, with
    the other fields as text beside it. Until the index of a checkpoint is built, the answer is 503
    and names the job that builds it."""
    request, picture = await _read(context.request, context)
    checkpoint = await context.find(name, request.checkpoint)
    opened = await context.sample_index(checkpoint)
    finding = _features(checkpoint, request, picture, context)
    features = await while_connected(context.request, finding)
    found = await to_thread.run_sync(search, opened.index, checkpoint, request, features)
    return SearchAnswer(
        model=name,
        checkpoint=checkpoint.id,
        samples=len(opened.index),
        items=[_item(checkpoint, sample) for sample in found],
    )


async def _read(
    request: Request, context: GenerationContext
) -> tuple[SearchRequest, Picture | None]:
    """The request, and its picture if it is a form."""
    if not is_form(request):
        return validate(PlainSearchRequest, await read_json(request)), None
    form = await receive_picture(request, context.settings, FORM_FIELDS)
    if form.picture is None:
        raise InvalidRequest(f"no picture was sent: send it as `{PICTURE}`", field=PICTURE)
    return validate(PictureSearchRequest, parse_fields(form.fields, JSON_FIELDS)), form.picture


async def _features(
    checkpoint: GeneratorCheckpoint,
    request: SearchRequest,
    picture: Picture | None,
    context: GenerationContext,
) -> dict[str, np.ndarray]:
    """The embeddings (F,) of the picture and of the latent's image."""
    wanted: dict[str, Pixels] = {}
    if picture is not None:
        pixels = await decode_in_thread(context.request, picture, checkpoint.shape, "crop")
        wanted["picture"] = pixels[None]
    if request.latent is not None:
        library = await context.library(checkpoint.model, references({"latent": request.latent}))
        sample = await to_thread.run_sync(
            partial(to_sample, class_name=request.class_name, library=library),
            checkpoint,
            request.latent,
            "latent",
        )
        wanted["latent"] = await context.engine.generate(checkpoint, [sample])
    return {
        name: (await context.engine.embedding_thread.embed(pixels))[0]
        for name, pixels in wanted.items()
    }


def _item(checkpoint: GeneratorCheckpoint, sample: FoundSample) -> FoundItem:
    url = f"/v1/models/{checkpoint.model}/images/{sample.seed}.png?checkpoint={checkpoint.id}"
    return FoundItem(
        seed=sample.seed,
        distance=sample.distance,
        distances=sample.distances,
        quality=sample.quality,
        **{"class": class_name(checkpoint, sample.label)},
        color=sample.colour,
        url=public_path(url),
    )
