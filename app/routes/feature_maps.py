"""What the layers of a generator compute on the way to an image."""

import math
from typing import Annotated

from fastapi import Query, Response
from pydantic import BaseModel

from app.domain.errors import InvalidRequest, LimitExceeded, QueueFull, Unavailable
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.images.encoders import MEDIA_TYPES
from app.domain.images.png import write_png
from app.domain.images.recipes import image_recipe, recipe_text
from app.domain.settings import Settings
from app.routes.generation import (
    GENERATION_DEPENDENCIES,
    CheckpointParameter,
    ClassParameter,
    GenerationDep,
    TruncationParameter,
)
from app.routes.images import SeedInPath
from app.routes.openapi import NOT_MODIFIED, file_response, new_router, problems
from app.routes.protocol.caching import cache_headers, is_not_modified
from app.routes.protocol.deadlines import while_connected
from app.serving.latents import Latent
from app.serving.samples import to_sample
from models.feature_maps import LayerMaps, Maps, maps_as_grey
from models.samples import tile

router = new_router(prefix="/v1/models", tags=["images"], dependencies=GENERATION_DEPENDENCIES)

MAX_MAPS = 1024  # of a layer in one file

LayerParameter = Annotated[int, Query(ge=0, le=999, description="The index of the layer.")]


class LayerView(BaseModel):
    """A layer with weights, and the activation behind it; the last one makes the image.

    `weights` is how many numbers it holds, BatchNorm folded into them. Its maps are `channels`
    pictures of `width` × `height`; those of a dense layer are single values. The file of the maps
    shows the first `maps` of them in rows of `columns`.
    """

    index: int
    operator: str
    activation: str | None
    weights: int
    channels: int
    height: int
    width: int
    maps: int
    columns: int


class LayerList(BaseModel):
    """`latent_dim`: the numbers that the first layer gets, beside those of the class."""

    model: str
    checkpoint: str
    latent_dim: int
    layers: list[LayerView]


@router.get("/{name}/layers", responses=problems(Unavailable))
async def list_layers(
    name: str, context: GenerationDep, checkpoint: CheckpointParameter = None
) -> LayerList:
    """The layers of a generator, from the latent to the image."""
    found = await context.find(name, checkpoint)
    layers = await while_connected(context.request, context.engine.layers(found))
    return LayerList(
        model=found.model,
        checkpoint=found.id,
        latent_dim=found.latent_dim,
        layers=[_view(index, layer) for index, layer in enumerate(layers)],
    )


@router.get(
    "/{name}/feature-maps/{seed}.png",
    response_class=Response,
    responses=file_response("png") | NOT_MODIFIED | problems(Unavailable, QueueFull),
)
async def get_feature_maps(
    name: str,
    seed: SeedInPath,
    layer: LayerParameter,
    context: GenerationDep,
    checkpoint: CheckpointParameter = None,
    class_name: ClassParameter = None,
    truncation: TruncationParameter = 1.0,
) -> Response:
    """The feature maps of a layer for the image of a seed, as one grey picture: row by row, on one
    scale for the layer. Black is 0; in a layer with negative values, the middle grey is."""
    found = await context.find(name, checkpoint)
    sample = to_sample(
        found, Latent(seed=seed), "latent", class_name=class_name, truncation=truncation
    )
    text = recipe_text(image_recipe(found, sample) | {"layer": layer})
    headers = cache_headers(text, "png", checkpoint)
    if is_not_modified(context.request, headers):
        return Response(status_code=304, headers=headers)
    layers = await while_connected(context.request, context.engine.layers(found))
    _check_layer(layer, layers, found)
    _check_pixels(layers[layer], context.settings)
    data = await while_connected(
        context.request, context.engine.feature_maps(found, sample, layer, _encode)
    )
    return Response(data, headers=headers, media_type=MEDIA_TYPES["png"])


def _view(index: int, layer: LayerMaps) -> LayerView:
    (operator, activation, weights, _), (channels, height, width) = layer
    return LayerView(
        index=index,
        operator=operator,
        activation=activation,
        weights=weights,
        channels=channels,
        height=height,
        width=width,
        maps=min(channels, MAX_MAPS),
        columns=_columns(channels),
    )


def _check_layer(layer: int, layers: list[LayerMaps], checkpoint: GeneratorCheckpoint) -> None:
    if layer >= len(layers):
        raise InvalidRequest(
            f"layer {layer} does not exist: model {checkpoint.model!r} has the layers 0 to "
            f"{len(layers) - 1}",
            field="layer",
        )


def _check_pixels(layer: LayerMaps, settings: Settings) -> None:
    channels, height, width = layer.shape
    pixels = min(channels, MAX_MAPS) * height * width
    if pixels > settings.max_response_pixels:
        raise LimitExceeded(
            f"the maps of the layer are {pixels} pixels; the limit for one response is "
            f"{settings.max_response_pixels} (MOGGY_MAX_RESPONSE_PIXELS)",
            field="layer",
        )


def _columns(channels: int) -> int:
    return math.ceil(math.sqrt(min(channels, MAX_MAPS)))


def _encode(maps: Maps) -> bytes:
    grey = maps_as_grey(maps, MAX_MAPS)[..., None]
    return write_png(tile(grey, _columns(len(grey))), {})
