"""All named latents of a model as one file, JSON or NPZ, out and in."""

from typing import Any

from anyio import to_thread
from fastapi import Depends, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy.orm import Session

from app.domain import named_latents, registry
from app.domain.database import Database
from app.domain.errors import Conflict
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.tables import NamedLatent
from app.routes.dependencies import DatabaseDep, refuse_unknown_parameters
from app.routes.latents import ReplaceParameter
from app.routes.middleware.body_limit import LargeBodyRoute
from app.routes.openapi import ANY_BINARY, BINARY, Responses, binary_content, new_router, problems
from app.serving.latent_files import LatentFile, read_npz, rows_of, write_npz

router = new_router(
    prefix="/v1/models",
    tags=["latents"],
    route_class=LargeBodyRoute,
    dependencies=[Depends(refuse_unknown_parameters)],
)

NPZ_FILE: Responses = {200: {"content": binary_content()}}
NPZ: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "An NPZ as an export writes it; the arrays `names` and `latents` suffice.",
        "content": {ANY_BINARY: {"schema": BINARY}},
    }
}


class ImportedLatents(BaseModel):
    """The names that were saved."""

    names: list[str]


@router.get("/{name}/latents.json", response_model=LatentFile)
def export_latents(name: str, database: DatabaseDep) -> Response:
    """All named latents of a model, as a file that `POST` to the same address imports."""
    with database.read() as session:
        rows = _all_rows(session, name)
    headers = {"Content-Disposition": f'attachment; filename="{name}-latents.json"'}
    return JSONResponse(LatentFile.of(name, rows), headers=headers)


@router.get(
    "/{name}/latents.npz",
    response_class=Response,
    responses=NPZ_FILE | problems(Conflict),
)
def export_latent_arrays(name: str, database: DatabaseDep) -> Response:
    """All named latents of a model as NumPy's arrays `names`, `latents`, `seeds` and `details`,
    without pickled objects."""
    with database.read() as session:
        rows = _all_rows(session, name)
        checkpoint = GeneratorCheckpoint.of(registry.resolve_checkpoint(session, name))
    headers = {"Content-Disposition": f'attachment; filename="{name}-latents.npz"'}
    data = write_npz(rows, checkpoint.latent_dim)
    return Response(data, media_type=ANY_BINARY, headers=headers)


@router.post("/{name}/latents.json", status_code=201, responses=problems(Conflict))
def import_latents(
    name: str, body: LatentFile, database: DatabaseDep, replace: ReplaceParameter = False
) -> ImportedLatents:
    """Save all latents of an exported file, or none of them."""
    with database.write() as session:
        checkpoint = GeneratorCheckpoint.of(registry.resolve_checkpoint(session, name))
        return _save(session, rows_of(body.latents, checkpoint), name, replace)


@router.post(
    "/{name}/latents.npz",
    status_code=201,
    openapi_extra=NPZ,
    response_model=ImportedLatents,
    responses=problems(Conflict),
)
async def import_latent_arrays(
    name: str, request: Request, database: DatabaseDep, replace: ReplaceParameter = False
) -> ImportedLatents:
    """Save all latents of an NPZ, which is the body, or none of them."""
    data = await request.body()
    return await to_thread.run_sync(_import_npz, name, data, database, replace)


def _import_npz(name: str, data: bytes, database: Database, replace: bool) -> ImportedLatents:
    with database.read() as session:
        checkpoint = GeneratorCheckpoint.of(registry.resolve_checkpoint(session, name))
    rows = read_npz(data, checkpoint)
    with database.write() as session:
        return _save(session, rows, name, replace)


def _save(session: Session, rows: list[NamedLatent], model: str, replace: bool) -> ImportedLatents:
    named_latents.save_all(session, model, rows, replace=replace)
    return ImportedLatents(names=[row.name for row in rows])


def _all_rows(session: Session, model: str) -> list[NamedLatent]:
    query = named_latents.select_all(session, model).order_by(NamedLatent.number)
    return list(session.scalars(query))
