"""Named latents: saved, listed, changed and deleted."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Query, Response
from pydantic import BaseModel, Field

from app.domain import named_latents, registry
from app.domain.errors import Conflict
from app.domain.images.checkpoint import GeneratorCheckpoint, find_label
from app.domain.images.recipes import shortest_decimals
from app.domain.pagination import newest_first
from app.domain.tables import NamedLatent
from app.domain.validation import NAME_PATTERN
from app.routes.dependencies import (
    Cursor,
    DatabaseDep,
    Limit,
    refuse_unknown_parameters,
    release_reserve,
)
from app.routes.fields import CheckpointId, to_datetime
from app.routes.middleware.body_limit import LargeBodyRoute
from app.routes.middleware.proxies import public_path
from app.routes.openapi import new_router, problems
from app.serving.latent_files import ClassName, LatentName, Note, Tags
from app.serving.latent_library import LatentLibrary
from app.serving.latents import LatentSource, references
from app.serving.request_bodies import StrictBody, exactly_one_schema
from app.serving.samples import to_sample
from models.samples import pack_vector

router = new_router(
    prefix="/v1/models",
    tags=["latents"],
    route_class=LargeBodyRoute,
    dependencies=[Depends(refuse_unknown_parameters)],
)

ReplaceParameter = Annotated[
    bool, Query(description="Replace latents that have the same names, instead of refusing them.")
]


class SaveRequest(LatentSource):
    """A name for a latent: exactly one of `seed`, `latent`, `mix` and `projection`, with `edits`.

    A seed without edits is saved as this seed; all else is saved as values, which later changes of
    other names and directions do not change. `class` belongs to conditional models; requests that
    give no class use it. `checkpoint` is the one that the latent is for, by default the served one.
    """

    model_config = exactly_one_schema(
        seed="integer", latent="array", mix="array", projection="string"
    )

    name: LatentName
    class_name: ClassName = None
    note: Note | None = None
    tags: Tags | None = None
    checkpoint: CheckpointId | None = None


class LatentPatch(StrictBody):
    """What to change: `name` renames the latent. Fields that are left out stay as they are."""

    name: LatentName | None = None
    class_name: ClassName = None
    note: Note | None = None
    tags: Tags | None = None


class NamedLatentView(BaseModel):
    """A saved latent. `seed` or `latent` is null. `source` is how it was requested; null for bare
    values, and for a request of more than 4 kB.

    `image` is the address of its image. `checkpoint` is the one that it was saved for.
    """

    name: str
    seed: int | None
    latent: list[float] | None
    source: dict[str, Any] | None
    class_name: Annotated[str | None, Field(serialization_alias="class")]
    note: str | None
    tags: list[str]
    checkpoint: str | None
    created_at: datetime
    image: str


class NamedLatentList(BaseModel):
    items: list[NamedLatentView]
    next: str | None


@router.post("/{name}/latents", status_code=201, responses=problems(Conflict))
def save_latent(
    name: str,
    body: SaveRequest,
    response: Response,
    database: DatabaseDep,
    replace: ReplaceParameter = False,
) -> NamedLatentView:
    """Save a latent under a name. Wherever a latent is accepted, `{"name": …}` then stands for it,
    and `@NAME` in the address of an image."""
    with database.write() as session:
        row = registry.resolve_checkpoint(session, name, body.checkpoint)
        library = LatentLibrary.load(session, name, references({"": body}))
        saved = _row(body, GeneratorCheckpoint.of(row), library)
        named_latents.save_all(session, name, [saved], replace=replace)
    response.headers["Location"] = public_path(f"/v1/models/{name}/latents/{saved.name}")
    return _view(saved)


@router.get("/{name}/latents")
def list_latents(
    name: str,
    database: DatabaseDep,
    tag: Annotated[str | None, Query(pattern=NAME_PATTERN)] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> NamedLatentList:
    """The saved latents of a model, or those with a tag, newest first."""
    with database.read() as session:
        query = named_latents.select_all(session, name, tag)
        page = newest_first(session, query, NamedLatent.number, limit=limit, cursor=cursor)
    return NamedLatentList(items=[_view(row) for row in page.items], next=page.next)


@router.get("/{name}/latents/{latent}")
def get_latent(name: str, latent: str, database: DatabaseDep) -> NamedLatentView:
    with database.read() as session:
        return _view(named_latents.find(session, name, latent))


@router.patch("/{name}/latents/{latent}", responses=problems(Conflict))
def change_latent(
    name: str, latent: str, patch: LatentPatch, database: DatabaseDep
) -> NamedLatentView:
    """Rename a latent, or change its class, note or tags. Its values never change."""
    changes = patch.model_dump(exclude_unset=True)
    for field in ("name", "tags"):  # these have no null
        if changes.get(field, "") is None:
            del changes[field]
    with database.write() as session:
        if patch.class_name is not None:
            checkpoint = registry.resolve_checkpoint(session, name)
            find_label(GeneratorCheckpoint.of(checkpoint), patch.class_name)
        return _view(named_latents.change(session, name, latent, changes))


@router.delete("/{name}/latents/{latent}", status_code=204, dependencies=[Depends(release_reserve)])
def delete_latent(name: str, latent: str, database: DatabaseDep) -> Response:
    with database.write() as session:
        session.delete(named_latents.find(session, name, latent))
    return Response(status_code=204)


def _row(body: SaveRequest, checkpoint: GeneratorCheckpoint, library: LatentLibrary) -> NamedLatent:
    sample = to_sample(checkpoint, body, "", class_name=body.class_name, library=library)
    row = NamedLatent(
        model=checkpoint.model,
        name=body.name,
        class_name=body.class_name,
        note=body.note,
        tags=list(dict.fromkeys(body.tags or ())),
        checkpoint=checkpoint.id,
    )
    if isinstance(sample.point, int):
        row.seed, row.source = sample.point, {"seed": sample.point}
        return row
    row.latent, row.source = pack_vector(sample.point), dict(sample.source or {})
    if sample.label is not None:  # the seed that may have drawn it is not saved
        row.class_name = checkpoint.classes[sample.label]
    return row


def _view(row: NamedLatent) -> NamedLatentView:
    point = named_latents.point_of(row)
    return NamedLatentView(
        name=row.name,
        seed=point if isinstance(point, int) else None,
        latent=None if isinstance(point, int) else shortest_decimals(point),
        source=row.source or None,
        class_name=row.class_name,
        note=row.note,
        tags=row.tags,
        checkpoint=row.checkpoint,
        created_at=to_datetime(row.created_at),
        image=public_path(f"/v1/models/{row.model}/images/@{row.name}.png"),
    )
