"""Models: the registry, their checkpoints, and the checkpoints that are loaded into memory."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from anyio import to_thread
from fastapi import Depends, Response
from pydantic import BaseModel, ConfigDict
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain import registry
from app.domain.errors import Conflict, InvalidRequest
from app.domain.pagination import newest_first
from app.domain.served_checkpoint import (
    ServedChoice,
    ServedReason,
    served_by_model,
    served_checkpoint,
)
from app.domain.tables import Checkpoint, Model
from app.routes.dependencies import (
    Cursor,
    DatabaseDep,
    EngineDep,
    ExportsDep,
    Limit,
    StoreDep,
    refuse_unknown_parameters,
    release_reserve,
)
from app.routes.fields import CheckpointId, Name, to_datetime
from app.routes.generation import CheckpointParameter
from app.routes.openapi import new_router, problems
from app.serving.checkpoints import CachedGenerator
from app.serving.engine import Engine
from app.serving.request_bodies import StrictBody
from models.resources import release_freed_memory

router = new_router(
    prefix="/v1/models", tags=["models"], dependencies=[Depends(refuse_unknown_parameters)]
)


class LoadedView(BaseModel):
    """A checkpoint in memory: the bytes of its weights, and the seconds that loading took."""

    checkpoint: str
    bytes: int
    seconds: float


class LoadedList(BaseModel):
    items: list[LoadedView]
    next: None = None


class ModelView(BaseModel):
    """`former_names`: names that the model had earlier, and that no other model has taken.

    `checkpoint` is the id of the served one, and `served_because` says why that one is served;
    `served_reason` has its kind and the figures in it.

    `pinned`: it was set by hand. `bytes`: what its deletion frees. `loaded`: the checkpoints in the
    memory of the API process that responds; every API process has its own.
    """

    name: str
    former_names: list[str]
    created_at: datetime
    checkpoint: str | None
    served_because: str | None
    served_reason: ServedReason | None
    pinned: bool
    checkpoints: int
    bytes: int
    images_seen: int | None
    config: dict[str, Any] | None
    loaded: list[LoadedView]


class ModelList(BaseModel):
    items: list[ModelView]
    next: str | None


class ModelPatch(StrictBody):
    """`checkpoint`: the id to serve from now on, or null to serve the best one always; left out,
    the choice stays. `name`: the name that the model gets; null or left out, it keeps its name."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    checkpoint: CheckpointId | None = None
    name: Name | None = None


class ImportedView(BaseModel):
    """What came with imported weights: both are null where a safetensors file was imported."""

    metrics: dict[str, Any] | None
    lineage: dict[str, Any] | None


class CheckpointView(BaseModel):
    """`imported` is null unless the checkpoint was imported. Its scores were computed elsewhere:
    `metrics` repeats them only where the dataset that they belong to is here, by its content hash.
    """

    id: str
    model: str
    job: str | None
    images_seen: int
    created_at: datetime
    served: bool
    metrics: dict[str, Any] | None
    bytes: int
    sha256: str
    imported: ImportedView | None


class CheckpointList(BaseModel):
    items: list[CheckpointView]
    next: str | None


@router.get("")
def list_models(
    database: DatabaseDep, engine: EngineDep, limit: Limit = 50, cursor: Cursor = None
) -> ModelList:
    with database.read() as session:
        page = newest_first(session, select(Model), Model.number, limit=limit, cursor=cursor)
        return ModelList(items=_views(session, page.items, engine), next=page.next)


@router.get("/{name}")
def get_model(name: str, database: DatabaseDep, engine: EngineDep) -> ModelView:
    with database.read() as session:
        return _views(session, [registry.find_model(session, name)], engine)[0]


@router.patch("/{name}", responses=problems(Conflict))
async def change_model(
    name: str,
    patch: ModelPatch,
    database: DatabaseDep,
    engine: EngineDep,
    exports: ExportsDep,
) -> ModelView:
    """Serve another checkpoint, or rename the model. A named checkpoint is loaded first, so that
    no request waits for it; a broken one is refused. A model is renamed with its checkpoints,
    latents, directions and ended jobs. Its old name is free then: until another model takes it, a
    GET of an address with it is redirected, and any other call is 404 and names the new one. While
    a job uses the model, it cannot be renamed."""
    if not patch.model_fields_set:
        raise InvalidRequest(
            "nothing is to be changed: give checkpoint or name", field="checkpoint"
        )
    if patch.checkpoint is not None:
        named = await engine.checkpoints.find(database, name, patch.checkpoint)
        await engine.load(await exports.exported(named))

    def change() -> ModelView:
        with database.write() as session:
            model = registry.find_model(session, name)
            if "checkpoint" in patch.model_fields_set:
                model = registry.set_served(session, name, patch.checkpoint)
            if patch.name is not None:
                model = registry.rename_model(session, name, patch.name)
            return _views(session, [model], engine)[0]

    view = await to_thread.run_sync(change)
    engine.checkpoints.clear()
    return view


@router.delete(
    "/{name}",
    status_code=204,
    responses=problems(Conflict),
    dependencies=[Depends(release_reserve)],
)
def delete_model(name: str, database: DatabaseDep, store: StoreDep, engine: EngineDep) -> Response:
    with database.write() as session:
        loaded = _loaded(session, engine).get(name, [])
        keys = registry.delete_model(session, name)
    engine.checkpoints.clear()
    engine.generators.unload(cached.checkpoint.id for cached in loaded)
    for key in keys:
        store.delete(key)
    release_freed_memory()
    return Response(status_code=204)


@router.get("/{name}/checkpoints")
def list_checkpoints(
    name: str, database: DatabaseDep, limit: Limit = 50, cursor: Cursor = None
) -> CheckpointList:
    with database.read() as session:
        served = served_checkpoint(session, registry.find_model(session, name))
        query = select(Checkpoint).where(Checkpoint.model == name)
        page = newest_first(session, query, Checkpoint.number, limit=limit, cursor=cursor)
    served_id = served.id if served else None
    items = [_checkpoint_view(checkpoint, served_id) for checkpoint in page.items]
    return CheckpointList(items=items, next=page.next)


@router.post("/{name}/load")
async def load_model(
    name: str,
    database: DatabaseDep,
    engine: EngineDep,
    exports: ExportsDep,
    checkpoint: CheckpointParameter = None,
) -> LoadedView:
    """Load the served checkpoint, or the one named, into memory, so that its first request is as
    fast as the later ones. It stays loaded until others need the memory."""
    served = await engine.checkpoints.find(database, name, checkpoint)
    return _loaded_view(await engine.load(await exports.exported(served)))


@router.post("/{name}/unload")
def unload_model(name: str, database: DatabaseDep, engine: EngineDep) -> LoadedList:
    """Remove the model's checkpoints from memory, and list them. Running requests are completed;
    the next request loads its checkpoint again."""
    with database.read() as session:
        registry.find_model(session, name)
        loaded = _loaded(session, engine).get(name, [])
    removed = engine.generators.unload(cached.checkpoint.id for cached in loaded)
    if removed:
        release_freed_memory()
    return LoadedList(items=[_loaded_view(cached) for cached in removed])


def _loaded(session: Session, engine: Engine) -> dict[str, list[CachedGenerator]]:
    """Map the names of models to their generators in memory, the least recently used first."""
    generators = engine.generators.loaded()
    models = registry.models_of(session, [cached.checkpoint.id for cached in generators])
    loaded = dict[str, list[CachedGenerator]]()
    for cached in generators:
        if model := models.get(cached.checkpoint.id):
            loaded.setdefault(model, []).append(cached)
    return loaded


def _views(session: Session, models: Sequence[Model], engine: Engine) -> list[ModelView]:
    served = served_by_model(session, models)
    stored = registry.stored_bytes(session, models)
    former = registry.former_names(session, models)
    loaded = _loaded(session, engine)
    return [
        _view(
            model,
            former_names=former.get(model.name, []),
            served=served.get(model.name),
            stored=stored.get(model.name, 0),
            loaded=loaded.get(model.name, []),
        )
        for model in models
    ]


def _view(
    model: Model,
    *,
    former_names: list[str],
    served: ServedChoice | None,
    stored: int,
    loaded: list[CachedGenerator],
) -> ModelView:
    return ModelView(
        name=model.name,
        former_names=former_names,
        created_at=to_datetime(model.created_at),
        checkpoint=served.checkpoint.id if served else None,
        served_because=served.reason.phrase() if served else None,
        served_reason=served.reason if served else None,
        pinned=model.checkpoint is not None,
        checkpoints=served.checkpoints if served else 0,
        bytes=stored,
        images_seen=served.checkpoint.images_seen if served else None,
        config=served.checkpoint.config if served else None,
        loaded=[_loaded_view(cached) for cached in loaded],
    )


def _checkpoint_view(checkpoint: Checkpoint, served_id: str | None) -> CheckpointView:
    return CheckpointView(
        id=checkpoint.id,
        model=checkpoint.model,
        job=checkpoint.job,
        images_seen=checkpoint.images_seen,
        created_at=to_datetime(checkpoint.created_at),
        served=checkpoint.id == served_id,
        metrics=checkpoint.metrics,
        bytes=checkpoint.stored_bytes,
        sha256=checkpoint.sha256,
        imported=ImportedView(**checkpoint.imported) if checkpoint.imported else None,
    )


def _loaded_view(loaded: CachedGenerator) -> LoadedView:
    return LoadedView(
        checkpoint=loaded.checkpoint.id,
        bytes=loaded.generator.bytes,
        seconds=round(loaded.seconds, 3),
    )
