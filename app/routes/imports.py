"""Imports: an uploaded bundle or safetensors file becomes a new model."""

import shutil

from anyio import to_thread
from fastapi import Depends, Request, Response

from app.domain import jobs
from app.domain.database import Database
from app.domain.errors import Conflict, InsufficientStorage, InvalidRequest, QueueFull
from app.domain.imports import FILE_FIELD, queue_import, read_weights
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.domain.tables import Job
from app.domain.validation import NAME_PATTERN
from app.routes.dependencies import (
    DatabaseDep,
    DiskDep,
    PublisherDep,
    SettingsDep,
    StoreDep,
    refuse_unknown_parameters,
)
from app.routes.fields import check_name
from app.routes.jobs import JobView, job_view
from app.routes.openapi import new_router, problems
from app.routes.protocol.uploads import (
    Upload,
    UploadedFile,
    UploadRules,
    receive_upload,
)
from app.serving.bundle_parts import check_parts

router = new_router(
    prefix="/v1/models", tags=["models"], dependencies=[Depends(refuse_unknown_parameters)]
)

MAX_FILE_NAME = 255  # characters that are kept of it
BUNDLE_FACTOR = 2  # a bundle has the weights twice: the ONNX file has those of the generator
IMPORT_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["name", FILE_FIELD],
                    "additionalProperties": False,
                    "properties": {
                        "name": {
                            "type": "string",
                            "pattern": NAME_PATTERN,
                            "description": "The name of the new model",
                            "examples": ["cats-2"],
                        },
                        FILE_FIELD: {
                            "type": "string",
                            "format": "binary",
                            "description": (
                                "A bundle or a safetensors file that "
                                "GET /v1/checkpoints/{id}/export returned"
                            ),
                        },
                    },
                }
            }
        },
    }
}


@router.post(
    "",
    status_code=202,
    openapi_extra=IMPORT_FORM,
    responses=problems(Conflict, QueueFull, InsufficientStorage),
)
async def import_model(
    request: Request,
    response: Response,
    settings: SettingsDep,
    database: DatabaseDep,
    store: StoreDep,
    publisher: PublisherDep,
    disk: DiskDep,
) -> JobView:
    """Import an exported checkpoint as a new model. What the file declares is checked at once; the
    returned job of kind `import` checks the weights and writes the ONNX file anew. Only weights are
    imported: an ONNX file is refused, and the one in a bundle is not read."""
    folder = settings.home / "incoming" / jobs.new_id()
    rules = UploadRules(
        FILE_FIELD, 1, BUNDLE_FACTOR * settings.max_model_bytes, "twice MOGGY_MAX_MODEL_BYTES"
    )
    disk.check()
    try:
        upload = await receive_upload(request, folder, settings, rules)
        name, file = _check_fields(upload)
        job = await to_thread.run_sync(_queue, settings, database, store, name, file)
    finally:
        await to_thread.run_sync(shutil.rmtree, folder, True)
    publisher.wake(job.queue)
    response.headers["Location"] = f"/v1/jobs/{job.id}"

    def view() -> JobView:
        with database.read() as session:
            return job_view(session, job)

    return await to_thread.run_sync(view)


def _check_fields(upload: Upload) -> tuple[str, UploadedFile]:
    for field in upload.fields:
        if field != "name":
            raise InvalidRequest(
                f"form field {field!r} is not known; known are: name, {FILE_FIELD}", field=field
            )
    if "name" not in upload.fields:
        raise InvalidRequest("form field name is missing", field="name")
    if not upload.files:
        raise InvalidRequest(
            f"no file was sent: send a bundle or a safetensors file as `{FILE_FIELD}`",
            field=FILE_FIELD,
        )
    return check_name(upload.fields["name"], "name"), upload.files[0]


def _queue(
    settings: Settings, database: Database, store: ObjectStore, name: str, file: UploadedFile
) -> Job:
    weights = read_weights(file.path, file.name, settings)
    check_parts(weights, name)
    return queue_import(
        database,
        store,
        model=name,
        # As text that can be stored and sent again: the name is a part of the request.
        file_name=file.name[:MAX_FILE_NAME].encode("utf-8", "replace").decode(),
        weights=weights,
        max_queued=settings.max_queued_jobs,
    )
