"""A search among a checkpoint's indexed samples: what is wanted, and the nearest of them."""

from typing import Annotated, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from app.domain.images.checkpoint import GeneratorCheckpoint, find_label
from app.serving.latents import Latent
from app.serving.rejection import MinQuality, require_quality
from app.serving.request_bodies import FLOAT_AS_INT, StrictBody
from models.colours import from_lab, to_lab
from models.scoring.sample_index import Distances, SampleIndex, combine, nearest

MAX_FOUND = 256
MAX_WEIGHT = 1000.0

HexColour = Annotated[str, StringConstraints(pattern=r"^#[0-9a-fA-F]{6}$")]
Weight = Annotated[float, Field(strict=True, gt=0, le=MAX_WEIGHT, allow_inf_nan=False)]


class SearchWeights(StrictBody):
    """How much each criterion counts, where there are several."""

    color: Weight = 1.0
    latent: Weight = 1.0
    picture: Weight = 1.0


class SearchRequest(StrictBody):
    """Give `color`, `class`, `latent` or a picture, or several of them.

    `k` samples are returned, nearest first; `min_quality` leaves out the worse ones.
    """

    color: HexColour | None = None
    class_name: Annotated[str | None, Field(alias="class")] = None
    latent: Latent | None = None
    k: Annotated[int, Field(strict=True, ge=1, le=MAX_FOUND), FLOAT_AS_INT] = 32
    min_quality: MinQuality = 0.0
    weights: SearchWeights = SearchWeights()
    checkpoint: Annotated[str, Field(min_length=1, max_length=64)] | None = None


class PictureSearchRequest(SearchRequest):
    """A search by a picture, which is sent beside these fields."""


class PlainSearchRequest(SearchRequest):
    """A search without a picture."""

    @model_validator(mode="after")
    def _any(self) -> Self:
        if self.color is None and self.class_name is None and self.latent is None:
            raise PydanticCustomError(
                "search", "give color, class or latent, or send a picture as multipart/form-data"
            )
        return self


class FoundSample(NamedTuple):
    """`distances` by criterion; `distance` combines them, None where only a class is wanted."""

    seed: int
    label: int | None
    colour: str
    quality: float | None
    distance: float | None
    distances: dict[str, float]


def search(
    index: SampleIndex,
    checkpoint: GeneratorCheckpoint,
    request: SearchRequest,
    features: dict[str, NDArray[np.float32]],
) -> list[FoundSample]:
    """The nearest samples, of which only those of the class and the quality count.

    `features` are those of the picture and of the latent's image, (F,) each. Where only a class is
    wanted, the samples of the highest quality come first, or else the first seeds. Raises
    InvalidRequest, Conflict.
    """
    label = None if request.class_name is None else find_label(checkpoint, request.class_name)
    if request.min_quality:
        require_quality(index)
    distances = {name: index.feature_distances(query) for name, query in features.items()}
    if request.color is not None:
        distances["color"] = index.colour_distances(to_lab(_rgb(request.color)))
    allowed = np.ones(len(index), np.bool_)
    if label is not None and index.labels is not None:
        allowed &= index.labels == label
    if request.min_quality:
        allowed &= index.qualities >= request.min_quality
    combined = _combine(index, request, distances)
    return [
        _describe(index, int(row), combined, distances)
        for row in nearest(combined, allowed, request.k)
    ]


def _combine(
    index: SampleIndex, request: SearchRequest, distances: dict[str, Distances]
) -> Distances:
    if distances:
        return combine(distances, request.weights.model_dump())
    if index.realism is not None:
        return -index.realism
    return np.zeros(len(index), np.float32)


def _describe(
    index: SampleIndex, row: int, combined: Distances, distances: dict[str, Distances]
) -> FoundSample:
    return FoundSample(
        seed=index.seeds[row],
        label=None if index.labels is None else int(index.labels[row]),
        colour="#" + bytes(from_lab(np.median(index.colours[row], axis=0)).tolist()).hex(),
        quality=None if index.realism is None else round(float(index.qualities[row]), 2),
        distance=round(float(combined[row]), 4) if distances else None,
        distances={name: round(float(values[row]), 4) for name, values in distances.items()},
    )


def _rgb(colour: str) -> NDArray[np.uint8]:
    return np.frombuffer(bytes.fromhex(colour[1:]), np.uint8)
