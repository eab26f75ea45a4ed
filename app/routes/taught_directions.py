"""Directions taught over HTTP: by generated images, by pictures, by classes of a dataset."""

from typing import NamedTuple

import numpy as np
from anyio import to_thread
from fastapi import Response
from sqlalchemy.orm import Session

from app.domain import datasets, directions
from app.domain.errors import Conflict, InsufficientStorage, InvalidRequest, QueueFull
from app.domain.images.checkpoint import GeneratorCheckpoint, list_classes
from app.domain.sample_indexes import IndexMissing
from app.domain.training_pictures import TrainingPictures
from app.routes.directions import DirectionView, direction_view
from app.routes.generation import GENERATION_DEPENDENCIES, GenerationContext, GenerationDep
from app.routes.openapi import new_router, problems
from app.routes.protocol.deadlines import while_connected
from app.routes.protocol.pictures import Picture, decode_in_thread
from app.routes.teach_requests import (
    BODY,
    PICTURE_FIELDS,
    ClassExamples,
    Lesson,
    TeachRequest,
    read_lesson,
)
from app.serving.embedding_thread import NotComparable
from app.serving.latents import check_length, references
from app.serving.samples import to_sample
from app.serving.teaching import Group, generated_group, teach
from models.samples import Sample, Vector

router = new_router(prefix="/v1/models", tags=["directions"], dependencies=GENERATION_DEPENDENCIES)

MAX_CLASS_PICTURES = 1000  # of a class that are used as examples


@router.post(
    "/{name}/directions",
    status_code=201,
    openapi_extra=BODY,
    responses=problems(Conflict, QueueFull, IndexMissing, InsufficientStorage),
)
async def teach_direction(name: str, response: Response, context: GenerationDep) -> DirectionView:
    """Teach a direction by examples, and save it. It takes about a second. Pictures are sent as
    multipart/form-data, with the other fields as text beside them. Until the index of the model's
    images, to which the direction is fitted, is built, the answer is 503 and names the job that
    builds it."""
    lesson = await read_lesson(context.request, context.settings)
    checkpoint = await context.find(name, lesson.body.checkpoint)
    view = await while_connected(context.request, _teach(checkpoint, lesson, context))
    response.headers["Location"] = f"/v1/models/{name}/directions/{view.name}"
    return view


async def _teach(
    checkpoint: GeneratorCheckpoint, lesson: Lesson, context: GenerationContext
) -> DirectionView:
    model, body = checkpoint.model, lesson.body
    classes = await to_thread.run_sync(_read_classes, model, body, context)
    opened = await context.sample_index(checkpoint)
    samples, others = await _resolve(checkpoint, body, context)
    groups: dict[str, list[Group]] = {"positive": [], "negative": []}
    for side, of_side in groups.items():
        if samples[side]:
            of_side.append(await generated_group(context.engine, checkpoint, samples[side]))
        if lesson.pictures.get(side):
            of_side.append(await _picture_group(checkpoint, side, lesson.pictures[side], context))
        if side in classes:
            of_side.append(await _class_group(classes[side], f"{side}_class", context))
    taught = await teach(context.engine, checkpoint, opened.index, groups, others)
    new = directions.NewDirection(
        body.name, directions.TAUGHT, taught.vector, taught.details, checkpoint.id
    )

    def save() -> DirectionView:
        with context.database.write() as session:
            return direction_view(directions.save(session, model, new))

    return await to_thread.run_sync(save)


async def _resolve(
    checkpoint: GeneratorCheckpoint, body: TeachRequest, context: GenerationContext
) -> tuple[dict[str, list[Sample]], dict[str, Vector]]:
    """The samples of each side's latents, and the directions to be orthogonal to."""
    latents = {"positive": body.positive or [], "negative": body.negative or []}
    paths = {
        f"{side}.{number}": latent
        for side, of_side in latents.items()
        for number, latent in enumerate(of_side)
    }
    used = references(paths)
    others = {name: f"orthogonal_to.{at}" for at, name in enumerate(body.orthogonal_to or [])}
    for name, path in others.items():
        used.directions.setdefault(name, path)
    library = await context.library(checkpoint.model, used)
    samples = {
        side: [
            to_sample(
                checkpoint, latent, f"{side}.{at}", class_name=body.class_name, library=library
            )
            for at, latent in enumerate(of_side)
        ]
        for side, of_side in latents.items()
    }
    vectors = {
        name: check_length(
            library.directions[name], checkpoint.latent_dim, f"direction {name!r}", path
        )
        for name, path in others.items()
    }
    return samples, vectors


async def _picture_group(
    checkpoint: GeneratorCheckpoint,
    side: str,
    pictures: list[Picture],
    context: GenerationContext,
) -> Group:
    pixels = [
        await decode_in_thread(
            context.request, picture, checkpoint.shape, "crop", PICTURE_FIELDS[side]
        )
        for picture in pictures
    ]
    return Group(await context.engine.embedding_thread.embed(np.stack(pixels)))


class _Class(NamedTuple):
    """A class of a packed dataset, by its name and by its label."""

    pictures: TrainingPictures
    name: str
    label: int


def _read_classes(model: str, body: TeachRequest, context: GenerationContext) -> dict[str, _Class]:
    """The class of each side that names one. Raises Conflict too if the direction's name is in use,
    before any work is done."""
    requested = {"positive": body.positive_class, "negative": body.negative_class}
    if body.positive_class is not None and body.positive_class == body.negative_class:
        raise InvalidRequest(
            "positive_class and negative_class are the same class", field="negative_class"
        )
    with context.database.read() as session:
        directions.check_name_free(session, model, body.name)
        return {
            side: _find_class(session, examples, f"{side}_class")
            for side, examples in requested.items()
            if examples is not None
        }


def _find_class(session: Session, examples: ClassExamples, field: str) -> _Class:
    dataset = datasets.find(session, examples.dataset)
    datasets.check_ready(dataset, field=f"{field}.dataset")
    assert dataset.key is not None
    names = dataset.classes or []
    if examples.class_name not in names:
        known = f"it has {list_classes(names)}" if names else "it has no classes"
        raise InvalidRequest(
            f"dataset {dataset.name!r} has no class {examples.class_name[:100]!r}: {known}",
            field=f"{field}.class",
        )
    pictures = TrainingPictures(dataset.name, dataset.id, dataset.key)
    return _Class(pictures, examples.class_name, names.index(examples.class_name))


async def _class_group(examples: _Class, field: str, context: GenerationContext) -> Group:
    try:
        features = await context.engine.embedding_thread.features_of_class(
            examples.pictures, examples.label, MAX_CLASS_PICTURES
        )
    except NotComparable as error:
        raise Conflict(f"its pictures cannot be compared: {error}", field=field) from error
    return Group(features)
