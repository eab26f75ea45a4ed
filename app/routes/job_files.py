"""The files of a synthesis or a projection: list them, fetch them whole or in part, delete them."""

from pathlib import PurePath
from typing import Annotated

from fastapi import Depends, Header, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from sqlalchemy import select

from app.domain import job_objects, jobs
from app.domain.errors import Conflict, RangeNotSatisfiable
from app.domain.job_objects import delete_leftovers
from app.domain.pagination import newest_first
from app.domain.tables import JobFile
from app.routes.dependencies import (
    Cursor,
    DatabaseDep,
    Limit,
    StoreDep,
    refuse_unknown_parameters,
    release_reserve,
)
from app.routes.middleware.head import is_head
from app.routes.middleware.proxies import public_path
from app.routes.openapi import (
    NOT_MODIFIED,
    Responses,
    binary_content,
    new_router,
    partial_response,
    problems,
)
from app.routes.protocol.byte_ranges import parse_range
from app.routes.protocol.caching import IMMUTABLE, is_not_modified

router = new_router(
    prefix="/v1/jobs/{job_id}/files",
    tags=["jobs"],
    dependencies=[Depends(refuse_unknown_parameters)],
)

FILE_TYPES = {
    ".zip": "application/zip",
    ".tar": "application/x-tar",
    ".parquet": "application/vnd.apache.parquet",
    ".jsonl": "application/jsonl",
    ".json": "application/json",
    ".png": "image/png",
}
FILE_RESPONSES: Responses = {
    200: {"content": binary_content(*FILE_TYPES.values())},
    **partial_response(*FILE_TYPES.values()),
    **NOT_MODIFIED,
    **problems(RangeNotSatisfiable),
}


class FileView(BaseModel):
    """A stored file. `images` is null for files that are not shards: recipes and the manifest."""

    name: str
    bytes: int
    sha256: str
    images: int | None
    url: str


class FileList(BaseModel):
    items: list[FileView]
    next: str | None


@router.get("")
def list_job_files(
    job_id: str, database: DatabaseDep, limit: Limit = 50, cursor: Cursor = None
) -> FileList:
    """The files stored so far, newest first. `manifest.json` is stored last."""
    with database.read() as session:
        jobs.find(session, job_id)
        query = select(JobFile).where(JobFile.job == job_id)
        page = newest_first(session, query, JobFile.number, limit=limit, cursor=cursor)
    return FileList(items=[_view(file) for file in page.items], next=page.next)


@router.get("/{name}", response_class=Response, responses=FILE_RESPONSES)
def get_job_file(
    job_id: str,
    name: str,
    request: Request,
    database: DatabaseDep,
    store: StoreDep,
    range_header: Annotated[str | None, Header(alias="range")] = None,
    if_range: Annotated[str | None, Header()] = None,
) -> Response:
    """One file, or with `Range: bytes=…` a part of it, to resume an interrupted download."""
    with database.read() as session:
        file = job_objects.find_file(session, job_id, name)
    headers = {"ETag": f'"{file.sha256}"', "Cache-Control": IMMUTABLE, "Accept-Ranges": "bytes"}
    if is_not_modified(request, headers):
        return Response(status_code=304, headers=headers)
    part = parse_range(range_header, if_range, headers["ETag"], file.bytes)
    start, stop = part or (0, file.bytes)
    headers |= part.headers(file.bytes) if part else {}
    headers["Content-Length"] = str(stop - start)
    headers["Content-Disposition"] = f'attachment; filename="{name}"'
    media_type = FILE_TYPES[PurePath(name).suffix]
    if is_head(request):
        return Response(headers=headers, media_type=media_type)
    return StreamingResponse(
        job_objects.stream_file(store, file, start, stop),
        status_code=206 if part else 200,
        headers=headers,
        media_type=media_type,
    )


@router.delete(
    "", status_code=204, responses=problems(Conflict), dependencies=[Depends(release_reserve)]
)
def delete_job_files(job_id: str, database: DatabaseDep, store: StoreDep) -> Response:
    """Delete all files of a job that has ended, and free their bytes."""
    with database.write() as session:
        job = job_objects.unlist_files(session, job_id)
    delete_leftovers(database, store, job)
    return Response(status_code=204)


def _view(file: JobFile) -> FileView:
    return FileView(
        name=file.name,
        bytes=file.bytes,
        sha256=file.sha256,
        images=file.images,
        url=public_path(job_objects.file_url(file.job, file.name)),
    )
