"""Datasets: uploads, reports, previews."""

import functools
import shutil
from datetime import datetime
from typing import Annotated, Literal

import numpy as np
from anyio import to_thread
from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel
from sqlalchemy import select

from app.domain import datasets, jobs
from app.domain.code_pages import USUAL
from app.domain.errors import (
    Conflict,
    InsufficientStorage,
    InvalidRequest,
    NotFound,
    QueueFull,
)
from app.domain.images.png import ENCODER, write_png
from app.domain.pagination import newest_first
from app.domain.queue import Queue
from app.domain.tables import Dataset
from app.routes.dependencies import (
    CourierDep,
    Cursor,
    DatabaseDep,
    DiskDep,
    Limit,
    SettingsDep,
    StoreDep,
    refuse_unknown_parameters,
    release_reserve,
)
from app.routes.document import problems
from app.routes.generation import FOR_EVER, NOT_MODIFIED, content, is_known
from app.routes.names import NAME_PATTERN, check_name
from app.routes.times import moment
from app.routes.uploads import Upload, receive_upload

router = APIRouter(
    prefix="/datasets", tags=["datasets"], dependencies=[Depends(refuse_unknown_parameters)]
)

DEFAULTS = datasets.PackingRequest().to_json()
UPLOAD_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["name", "files"],
                    "additionalProperties": False,
                    "properties": {
                        "name": {"type": "string", "pattern": NAME_PATTERN},
                        "files": {
                            "type": "array",
                            "minItems": 1,
                            "items": {"type": "string", "format": "binary"},
                            "description": (
                                "zip, tar, tar.gz; PNG, JPEG, WebP, AVIF, HEIC, TIFF, BMP, GIF; "
                                "IDX (gzipped or not), .npy, .npz; Parquet; label files"
                            ),
                        },
                        "size": {
                            "type": "string",
                            "pattern": f"^{datasets.SIZE.pattern}$",
                            "default": DEFAULTS["size"],
                            "description": "a side in pixels like 64, or WIDTHxHEIGHT like 96x64",
                        },
                        "names": {
                            "type": "string",
                            "enum": [DEFAULTS["names"], *USUAL],
                            "default": DEFAULTS["names"],
                            "description": (
                                "the code page of names in zips and tars that are not UTF-8; any "
                                "other that Python knows is taken too"
                            ),
                        },
                    }
                    | {
                        field: {"type": "string", "enum": list(values), "default": DEFAULTS[field]}
                        for field, values in datasets.CHOICES.items()
                    },
                }
            }
        },
    }
}


class Rejection(BaseModel):
    file: str
    reason: str


class Reference(BaseModel):
    """A picture by its place in the dataset, null where it was left out, and its file."""

    index: int | None
    file: str


class Example(Reference):
    """`value` is what the picture was judged by; `like` is the picture that it repeats."""

    value: float
    like: Reference | None


class Finding(BaseModel):
    """One kind of fault, what it means and what to do. `limit` is the value beyond which a picture
    has it, null where there are too few pictures to tell; `share` is of the pictures examined."""

    kind: Literal["near_duplicates", "outliers", "letterboxed", "blurred", "blank", "levels"]
    count: int
    share: float
    limit: float | None
    says: str
    suggests: str | None
    examples: list[Example]


class ClassBalance(BaseModel):
    """`counts` is in the order of `classes`; `effective` is what they amount to."""

    counts: list[int]
    effective: float
    says: str
    suggests: str | None


class EffectiveImages(BaseModel):
    """How many pictures with nothing in common a random `sample` amounts to."""

    value: float
    sample: int
    share: float
    says: str
    suggests: str | None


class Doctor(BaseModel):
    """What was found when the accepted pictures were examined; `embedding` names by which eye."""

    embedding: str
    findings: list[Finding]
    class_balance: ClassBalance | None
    effective_images: EffectiveImages


class Unclassified(BaseModel):
    """Pictures without a class where others have one, and the first ten of their files.

    `left_out` says whether they are in the dataset; if they are, it has no classes.
    """

    count: int
    files: list[str]
    left_out: bool


class LabelFile(BaseModel):
    """A label file that was used, or all sidecars of one ending in one archive, and how many of its
    `rows` name no picture; `without_picture` lists the first of these."""

    file: str
    files: int
    rows: int
    pictures: int
    without_picture_count: int
    without_picture: list[str]


class LabelSource(BaseModel):
    """Where the classes come from: label files, or the recipes inside generated images; null where
    label files gave no picture a class. `without_class` lists the first pictures that label files
    left without one; `contradicted` counts those that rows give different classes."""

    source: Literal["files", "recipes"] | None
    says: str
    files: list[LabelFile]
    contradicted: int
    without_class_count: int
    without_class: list[str]


class Report(BaseModel):
    """received = accepted + duplicates + rejected_count; `rejected` lists the first of them.

    Near-duplicates that were dropped count as duplicates. Label files that were used are not
    received. `notes` are sentences about the upload beside its files, like names that could not be
    decoded, and about what was done to pictures, like conversions from colour profiles. `labels` is
    null where folders alone, or the pictures' own files, tell the classes. `doctor` is null where
    the dataset was
    packed before pictures were examined.
    """

    received: int
    accepted: int
    duplicates: int
    rejected_count: int
    rejected: list[Rejection]
    notes: list[str] = []
    unclassified: Unclassified | None = None
    labels: LabelSource | None = None
    doctor: Doctor | None = None


class DatasetView(BaseModel):
    """`shape` is [height, width, channels]; `job` is the ingest, whose events tell its progress.

    `size` is a side, or WIDTHxHEIGHT. `horizontal_flip`: a mirrored picture is as good as the
    picture; null until that is known.
    """

    name: str
    status: Literal["ingesting", "ready", "failed"]
    job: str
    size: int | str
    fit: Literal["crop", "pad", "stretch"]
    channels: Literal["auto", "rgb", "grey", "rgba"]
    horizontal_flip: bool | None
    images: int | None
    shape: list[int] | None
    classes: list[str] | None
    report: Report | None
    content_hash: str | None
    bytes: int | None
    error: str | None
    created_at: datetime


class DatasetList(BaseModel):
    items: list[DatasetView]
    next: str | None


@router.post(
    "",
    status_code=202,
    openapi_extra=UPLOAD_FORM,
    responses=problems(Conflict, QueueFull, InsufficientStorage),
)
async def create_dataset(
    request: Request,
    response: Response,
    settings: SettingsDep,
    database: DatabaseDep,
    store: StoreDep,
    courier: CourierDep,
    disk: DiskDep,
) -> DatasetView:
    """Upload archives, pictures, arrays or Parquet; their ingest is queued: follow its `job`. A
    dataset of this name that failed is replaced; any other is a conflict."""
    dataset_id = jobs.new_id()
    folder = settings.home / "incoming" / dataset_id
    disk.check()
    try:
        upload = await receive_upload(request, folder, settings)
        name, packing = _check_fields(upload)
        register = functools.partial(
            datasets.register_upload,
            database,
            store,
            dataset_id=dataset_id,
            name=name,
            request=packing,
            files=[(file.name, file.path) for file in upload.files],
            max_queued=settings.max_queued_jobs,
        )
        dataset = await to_thread.run_sync(register)
    finally:
        await to_thread.run_sync(shutil.rmtree, folder, True)
    courier.wake(Queue.LIGHT)
    response.headers["Location"] = f"/v1/datasets/{dataset.name}"
    return _view(dataset)


def _check_fields(upload: Upload) -> tuple[str, datasets.PackingRequest]:
    known = {"name", *DEFAULTS}
    for field in upload.fields:
        if field not in known:
            raise InvalidRequest(
                f"form field {field!r} is not known; there are: {', '.join(sorted(known))}, files",
                field=field,
            )
    if "name" not in upload.fields:
        raise InvalidRequest("form field name is missing", field="name")
    check_name(upload.fields["name"], "name")
    packing = datasets.PackingRequest.from_json(upload.fields)
    if not upload.files:
        raise InvalidRequest("no files were sent: send at least one as `files`", field="files")
    return upload.fields["name"], packing


@router.get("")
def list_datasets(database: DatabaseDep, limit: Limit = 50, cursor: Cursor = None) -> DatasetList:
    with database.read() as session:
        page = newest_first(session, select(Dataset), Dataset.number, limit=limit, cursor=cursor)
    return DatasetList(items=[_view(dataset) for dataset in page.items], next=page.next)


@router.get("/{name}")
def get_dataset(name: str, database: DatabaseDep) -> DatasetView:
    with database.read() as session:
        return _view(datasets.find(session, name))


@router.delete(
    "/{name}",
    status_code=204,
    responses=problems(Conflict),
    dependencies=[Depends(release_reserve)],
)
def delete_dataset(name: str, database: DatabaseDep, store: StoreDep) -> Response:
    """Forget the dataset and free its bytes; refused while a job uses it."""
    with database.write() as session:
        dataset = datasets.delete(session, name)
    datasets.delete_objects(store, dataset)
    return Response(status_code=204)


@router.get(
    "/{name}/preview.png",
    response_class=Response,
    responses=content("png") | problems(Conflict),
)
def get_dataset_preview(name: str, database: DatabaseDep, store: StoreDep) -> Response:
    """A contact sheet of pictures from all over it, as they were packed."""
    with database.read() as session:
        dataset = datasets.find(session, name)
    return Response(datasets.read_preview(store, dataset), media_type="image/png")


@router.get(
    "/{name}/doctor.png",
    response_class=Response,
    responses=content("png") | problems(Conflict),
)
def get_dataset_findings(name: str, database: DatabaseDep, store: StoreDep) -> Response:
    """The worst pictures of each kind that the report's `doctor` tells of."""
    with database.read() as session:
        dataset = datasets.find(session, name)
    return Response(datasets.read_doctor(store, dataset), media_type="image/png")


@router.get(
    "/{name}/images/{index}.png",
    response_class=Response,
    responses=content("png") | NOT_MODIFIED | problems(Conflict),
)
def get_dataset_image(
    name: str,
    index: int,
    request: Request,
    database: DatabaseDep,
    store: StoreDep,
    content_hash: Annotated[
        str | None, Query(description="The dataset's own: then the answer never changes.")
    ] = None,
) -> Response:
    """One picture as it was packed, by its place in the dataset."""
    with database.read() as session:
        dataset = datasets.find(session, name)
    datasets.refuse_absent(dataset, index)
    if content_hash not in (None, dataset.content_hash):
        raise NotFound(
            f"dataset {name!r} has the content hash {dataset.content_hash}, not "
            f"{content_hash!r}: it was made anew",
            field="content_hash",
        )
    headers = {
        "ETag": f'"{dataset.content_hash}-{index}-{ENCODER}"',
        "Cache-Control": "no-cache" if content_hash is None else FOR_EVER,
    }
    if is_known(request, headers):
        return Response(status_code=304, headers=headers)
    pixels = datasets.read_image(store, dataset, index)
    assert dataset.shape is not None
    picture = write_png(np.frombuffer(pixels, np.uint8).reshape(dataset.shape))
    return Response(picture, headers=headers, media_type="image/png")


def _view(dataset: Dataset) -> DatasetView:
    request = datasets.PackingRequest.from_json(dataset.request)
    width, height = request.sides
    return DatasetView(
        name=dataset.name,
        status=dataset.status,
        job=dataset.job,
        size=width if width == height else request.size,
        fit=request.fit,
        channels=request.channels,
        horizontal_flip=dataset.horizontal_flip,
        images=dataset.images,
        shape=dataset.shape,
        classes=dataset.classes,
        report=Report.model_validate(dataset.report) if dataset.report else None,
        content_hash=dataset.content_hash,
        bytes=dataset.bytes,
        error=dataset.error,
        created_at=moment(dataset.created_at),
    )
