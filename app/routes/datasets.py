"""Datasets: upload, list, delete; their contact sheets and single images."""

import functools
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from anyio import to_thread
from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel
from sqlalchemy import select

from app.domain import dataset_files, datasets, jobs, partial_uploads
from app.domain.dataset_files import Pixels
from app.domain.disk import check_room
from app.domain.errors import (
    Conflict,
    InsufficientStorage,
    InvalidRequest,
    NotFound,
    QueueFull,
    TooLarge,
)
from app.domain.images.png import ENCODER, write_png
from app.domain.packing import CHOICES, COMMON_CODE_PAGES, SIZE, PackingRequest
from app.domain.pagination import newest_first
from app.domain.partial_uploads import ID as UPLOAD_ID
from app.domain.queue import Queue
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.domain.tables import Dataset
from app.domain.validation import NAME_PATTERN
from app.routes.dataset_views import DatasetView, dataset_view
from app.routes.dependencies import (
    Cursor,
    DatabaseDep,
    DiskDep,
    Limit,
    PublisherDep,
    SettingsDep,
    StoreDep,
    refuse_unknown_parameters,
    release_reserve,
)
from app.routes.fields import check_name
from app.routes.openapi import NOT_MODIFIED, file_response, new_router, problems
from app.routes.protocol.caching import IMMUTABLE, is_not_modified
from app.routes.protocol.uploads import Upload, UploadedFile, receive_upload

router = new_router(
    prefix="/v1/datasets", tags=["datasets"], dependencies=[Depends(refuse_unknown_parameters)]
)

SEPARATOR = ","
MAX_UPLOADS = 16
UPLOAD_IDS = f"^{UPLOAD_ID.pattern}({SEPARATOR}{UPLOAD_ID.pattern}){{0,{MAX_UPLOADS - 1}}}$"
DEFAULTS = PackingRequest().to_json()
UPLOAD_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["name"],
                    "additionalProperties": False,
                    "properties": {
                        "name": {"type": "string", "pattern": NAME_PATTERN},
                        "files": {
                            "type": "array",
                            "minItems": 1,
                            "items": {"type": "string", "format": "binary"},
                            "description": (
                                "Archives: zip, tar, tar.gz. Images: PNG, JPEG, WebP, AVIF, HEIC, "
                                "TIFF, BMP, GIF. Arrays: IDX (also gzipped), .npy, .npz. Parquet. "
                                "Label files."
                            ),
                        },
                        "upload": {
                            "type": "string",
                            "pattern": UPLOAD_IDS,
                            "description": (
                                f"The ids of up to {MAX_UPLOADS} files that were uploaded in "
                                f"pieces, separated by commas"
                            ),
                        },
                        "size": {
                            "type": "string",
                            "pattern": f"^{SIZE.pattern}$",
                            "default": DEFAULTS["size"],
                            "description": "A side in pixels such as 64, or WIDTHxHEIGHT",
                        },
                        "names": {
                            "type": "string",
                            "enum": [DEFAULTS["names"], *COMMON_CODE_PAGES],
                            "default": DEFAULTS["names"],
                            "description": (
                                "The code page of file names in zips and tars that are not UTF-8: "
                                "one of these or any other that Python knows"
                            ),
                        },
                    }
                    | {
                        field: {"type": "string", "enum": list(values), "default": DEFAULTS[field]}
                        for field, values in CHOICES.items()
                    },
                }
            }
        },
    }
}


class DatasetList(BaseModel):
    items: list[DatasetView]
    next: str | None


@router.post(
    "",
    status_code=202,
    openapi_extra=UPLOAD_FORM,
    responses=problems(NotFound, Conflict, QueueFull, InsufficientStorage),
)
async def create_dataset(
    request: Request,
    response: Response,
    settings: SettingsDep,
    database: DatabaseDep,
    store: StoreDep,
    publisher: PublisherDep,
    disk: DiskDep,
) -> DatasetView:
    """Upload archives, images, arrays or Parquet. Their ingest is queued as `job`. A failed dataset
    of the same name is replaced; any other is a conflict."""
    dataset_id = jobs.new_id()
    folder = settings.home / "incoming" / dataset_id
    disk.check()
    try:
        upload = await receive_upload(request, folder, settings)
        name, packing = _check_fields(upload)
        piecewise = list(filter(None, upload.fields.get("upload", "").split(SEPARATOR)))
        join = functools.partial(_join, store, settings, upload.files, piecewise, folder)
        files = upload.files + await to_thread.run_sync(join)
        register = functools.partial(
            datasets.register_upload,
            database,
            store,
            dataset_id=dataset_id,
            name=name,
            request=packing,
            files=[(file.name, file.path) for file in files],
            max_queued=settings.max_queued_jobs,
        )
        dataset = await to_thread.run_sync(register)
        for upload_id in piecewise:
            await to_thread.run_sync(partial_uploads.delete, store, upload_id)
    finally:
        await to_thread.run_sync(shutil.rmtree, folder, True)
    publisher.wake(Queue.LIGHT)
    response.headers["Location"] = f"/v1/datasets/{dataset.name}"
    return dataset_view(dataset)


def _join(
    store: ObjectStore,
    settings: Settings,
    files: list[UploadedFile],
    upload_ids: list[str],
    folder: Path,
) -> list[UploadedFile]:
    """Make the files that were uploaded in pieces, beside those of the form."""
    if len(upload_ids) > MAX_UPLOADS:
        raise InvalidRequest(
            f"upload names {len(upload_ids)} files: at most {MAX_UPLOADS} are accepted; send them "
            "as one zip or tar",
            field="upload",
        )
    if len(set(upload_ids)) < len(upload_ids):
        raise InvalidRequest("upload names a file twice: name each once", field="upload")
    uploads = [partial_uploads.find(store, upload_id) for upload_id in upload_ids]
    piecewise_bytes = sum(upload.bytes for upload in uploads)
    total = piecewise_bytes + sum(file.bytes for file in files)
    if total > settings.max_upload_bytes:
        raise TooLarge(
            f"the files are {total:,} bytes together; at most {settings.max_upload_bytes:,} bytes "
            "are accepted (MOGGY_MAX_UPLOAD_BYTES)",
            field="upload",
        )
    check_room(settings.home, piecewise_bytes, settings.min_free_bytes, "upload")
    joined = []
    for upload in uploads:
        path = folder / upload.id
        partial_uploads.join(store, upload, path)
        joined.append(UploadedFile(upload.name, path, upload.bytes))
    return joined


def _check_fields(upload: Upload) -> tuple[str, PackingRequest]:
    known = {"name", "upload", *DEFAULTS}
    for field in upload.fields:
        if field not in known:
            raise InvalidRequest(
                f"form field {field!r} is not known; known are: {', '.join(sorted(known))}, files",
                field=field,
            )
    if "name" not in upload.fields:
        raise InvalidRequest("form field name is missing", field="name")
    check_name(upload.fields["name"], "name")
    packing = PackingRequest.from_json(upload.fields)
    if not upload.files and not upload.fields.get("upload"):
        raise InvalidRequest(
            "no files were sent: send at least one as `files`, or `upload`", field="files"
        )
    return upload.fields["name"], packing


@router.get("")
def list_datasets(database: DatabaseDep, limit: Limit = 50, cursor: Cursor = None) -> DatasetList:
    with database.read() as session:
        page = newest_first(session, select(Dataset), Dataset.number, limit=limit, cursor=cursor)
    return DatasetList(items=[dataset_view(dataset) for dataset in page.items], next=page.next)


@router.get("/{name}")
def get_dataset(name: str, database: DatabaseDep) -> DatasetView:
    with database.read() as session:
        return dataset_view(datasets.find(session, name))


@router.delete(
    "/{name}",
    status_code=204,
    responses=problems(Conflict),
    dependencies=[Depends(release_reserve)],
)
def delete_dataset(name: str, database: DatabaseDep, store: StoreDep) -> Response:
    """Delete the dataset and free its bytes; refused while a job uses it."""
    with database.write() as session:
        dataset = datasets.delete(session, name)
    datasets.delete_objects(store, dataset)
    return Response(status_code=204)


@router.get(
    "/{name}/preview.png",
    response_class=Response,
    responses=file_response("png") | problems(Conflict),
)
def get_dataset_preview(name: str, database: DatabaseDep, store: StoreDep) -> Response:
    """A contact sheet of pictures spread over the whole dataset, as they were packed."""
    with database.read() as session:
        dataset = datasets.find(session, name)
    return Response(dataset_files.read_preview(store, dataset), media_type="image/png")


@router.get(
    "/{name}/doctor.png",
    response_class=Response,
    responses=file_response("png") | problems(Conflict),
)
def get_dataset_findings(name: str, database: DatabaseDep, store: StoreDep) -> Response:
    """A contact sheet of the worst pictures of each finding in the report's `doctor`."""
    with database.read() as session:
        dataset = datasets.find(session, name)
    return Response(dataset_files.read_doctor(store, dataset), media_type="image/png")


@router.get(
    "/{name}/images/{index}.png",
    response_class=Response,
    responses=file_response("png") | NOT_MODIFIED | problems(Conflict),
)
def get_dataset_image(
    name: str,
    index: int,
    request: Request,
    database: DatabaseDep,
    store: StoreDep,
    content_hash: Annotated[
        str | None,
        Query(description="The dataset's `content_hash`: makes the response immutable."),
    ] = None,
) -> Response:
    """One picture as it was packed, by its index in the dataset."""
    with database.read() as session:
        dataset = datasets.find(session, name)
    dataset_files.check_index(dataset, index)
    _check_same(dataset, "content_hash", content_hash, dataset.content_hash)
    read = functools.partial(dataset_files.read_image, store, dataset, index)
    version = f"{dataset.content_hash}-{index}"
    return _picture(request, version, read, is_immutable=content_hash is not None)


@router.get(
    "/{name}/rejected/{index}.png",
    response_class=Response,
    responses=file_response("png") | NOT_MODIFIED | problems(Conflict),
)
def get_rejected_thumbnail(
    name: str,
    index: int,
    request: Request,
    database: DatabaseDep,
    store: StoreDep,
    job: Annotated[
        str | None, Query(description="The dataset's `job`: makes the response immutable.")
    ] = None,
) -> Response:
    """The 64×64 thumbnail of a rejected file, by its `thumbnail` number in the report."""
    with database.read() as session:
        dataset = datasets.find(session, name)
    dataset_files.check_thumbnail(dataset, index)
    _check_same(dataset, "job", job, dataset.job)
    read = functools.partial(dataset_files.read_thumbnail, store, dataset, index)
    version = f"{dataset.job}-{index}"  # the content hash is that of the accepted pictures
    return _picture(request, version, read, is_immutable=job is not None)


def _check_same(dataset: Dataset, field: str, named: str | None, current: str | None) -> None:
    """Raise NotFound if the address names another dataset of this name."""
    if named not in (None, current):
        raise NotFound(
            f"dataset {dataset.name!r} has the {field} {current}, not {named!r}: the dataset was "
            "replaced",
            field=field,
        )


def _picture(
    request: Request, version: str, read: Callable[[], Pixels], *, is_immutable: bool
) -> Response:
    """A PNG of the pixels that `read` returns, unless the client has this version of it."""
    headers = {
        "ETag": f'"{version}-{ENCODER}"',
        "Cache-Control": IMMUTABLE if is_immutable else "no-cache",
    }
    if is_not_modified(request, headers):
        return Response(status_code=304, headers=headers)
    return Response(write_png(read()), headers=headers, media_type="image/png")
