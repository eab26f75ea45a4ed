"""Loaded generators over HTTP: a model brought into memory before its first request, or out of it.

Each API process has its own: of several, one answers.
"""

from anyio import to_thread
from fastapi import APIRouter, Depends
from pydantic import BaseModel

from app.routes.dependencies import DatabaseDep, EngineDep, refuse_unknown_parameters
from app.routes.generation import CheckpointParameter
from app.serving.checkpoints import CachedGenerator

router = APIRouter(
    prefix="/models", tags=["models"], dependencies=[Depends(refuse_unknown_parameters)]
)


class LoadedView(BaseModel):
    """A checkpoint in memory: the bytes of its weights, and the seconds that it took to load."""

    checkpoint: str
    bytes: int
    seconds: float


class LoadedList(BaseModel):
    items: list[LoadedView]
    next: None = None


@router.post("/{name}/load")
async def load_model(
    name: str, database: DatabaseDep, engine: EngineDep, checkpoint: CheckpointParameter = None
) -> LoadedView:
    """Load the checkpoint that the model serves, or the one named, unless it is; its first request
    then takes no longer than the others. It stays until others need the memory."""
    found = await engine.checkpoints.find(database, name, checkpoint)
    return loaded_view(await engine.load(found))


@router.post("/{name}/unload")
async def unload_model(name: str, database: DatabaseDep, engine: EngineDep) -> LoadedList:
    """Let go of every checkpoint of the model that is loaded: which they were. Requests that are
    under way are answered, and the next one loads it again."""
    await engine.checkpoints.find(database, name)
    items = [loaded_view(one) for one in engine.generators.unload(name)]
    if items:
        await to_thread.run_sync(engine.generators.release)
    return LoadedList(items=items)


def loaded_view(loaded: CachedGenerator) -> LoadedView:
    return LoadedView(
        checkpoint=loaded.checkpoint.id,
        bytes=loaded.renderer.bytes,
        seconds=round(loaded.seconds, 3),
    )
