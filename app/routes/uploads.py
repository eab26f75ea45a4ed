"""Uploads in pieces: start one, send its pieces, read how far it is, delete it."""

from typing import Annotated, Any

from anyio import to_thread
from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, Field

from app.domain import partial_uploads
from app.domain.disk import check_room
from app.domain.errors import Conflict, InsufficientStorage, LimitExceeded, NotFound
from app.domain.partial_uploads import PartialUpload
from app.routes.dependencies import (
    DiskDep,
    SettingsDep,
    StoreDep,
    refuse_unknown_parameters,
    release_reserve,
)
from app.routes.openapi import ANY_BINARY, BINARY, new_router, problems
from app.serving.request_bodies import FLOAT_AS_INT, StrictBody

router = new_router(
    prefix="/v1/uploads", tags=["datasets"], dependencies=[Depends(refuse_unknown_parameters)]
)

MAX_OFFSET = 2**53 - 1
PIECE: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "The next bytes of the file, at most 32 MB",
        "content": {ANY_BINARY: {"schema": BINARY}},
    }
}


class UploadRequest(StrictBody):
    """The file that is to be uploaded: its name, which says what kind of file it is, and size."""

    name: Annotated[str, Field(min_length=1, max_length=255)]
    bytes: Annotated[int, Field(strict=True, ge=1, le=MAX_OFFSET), FLOAT_AS_INT]


class UploadView(BaseModel):
    """`received` of the `bytes` have arrived: the next piece begins there. An upload is deleted a
    day after its last piece arrived."""

    id: str
    name: str
    bytes: int
    received: int


@router.post("", status_code=201, responses=problems(InsufficientStorage))
def start_upload(
    body: UploadRequest,
    response: Response,
    settings: SettingsDep,
    store: StoreDep,
    disk: DiskDep,
) -> UploadView:
    """Begin an upload in pieces, which an interruption does not end. Send the pieces in order with
    `PATCH /v1/uploads/{id}?offset=…`; then create the dataset with the form field `upload`."""
    if body.bytes > settings.max_upload_bytes:
        raise LimitExceeded(
            f"the file is {body.bytes:,} bytes; at most {settings.max_upload_bytes:,} bytes are "
            "accepted (MOGGY_MAX_UPLOAD_BYTES)",
            field="bytes",
        )
    disk.check()
    # For a moment, the pieces and the file that is made of them are both on the disk.
    check_room(settings.home, 2 * body.bytes, settings.min_free_bytes, "bytes")
    upload = partial_uploads.start(store, body.name, body.bytes)
    response.headers["Location"] = f"/v1/uploads/{upload.id}"
    return _view(upload)


@router.get("/{upload_id}")
def get_upload(upload_id: str, store: StoreDep) -> UploadView:
    return _view(partial_uploads.find(store, upload_id))


@router.patch(
    "/{upload_id}",
    openapi_extra=PIECE,
    responses=problems(NotFound, Conflict, InsufficientStorage),
)
async def send_piece(
    upload_id: str,
    request: Request,
    settings: SettingsDep,
    store: StoreDep,
    disk: DiskDep,
    offset: Annotated[
        int, Query(ge=0, le=MAX_OFFSET, description="Where the piece begins: `received`.")
    ],
) -> UploadView:
    """Send the piece of the file that begins at `offset`. At another offset than `received` the
    response is 409, and says where to continue."""
    piece = await request.body()

    def store_piece() -> PartialUpload:
        disk.check()
        check_room(settings.home, len(piece), settings.min_free_bytes, "offset")
        return partial_uploads.append(store, upload_id, offset, piece)

    return _view(await to_thread.run_sync(store_piece))


@router.delete("/{upload_id}", status_code=204, dependencies=[Depends(release_reserve)])
def delete_upload(upload_id: str, store: StoreDep) -> Response:
    partial_uploads.delete(store, partial_uploads.find(store, upload_id).id)
    return Response(status_code=204)


def _view(upload: PartialUpload) -> UploadView:
    return UploadView(id=upload.id, name=upload.name, bytes=upload.bytes, received=upload.received)
