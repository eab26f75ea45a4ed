"""Projections: a picture is uploaded, and a job finds the latent whose image is most like it."""

from datetime import datetime
from typing import Annotated, Any, Literal

import numpy as np
from anyio import to_thread
from fastapi import Depends, Request, Response
from pydantic import BaseModel, Field

from app.domain.errors import Conflict, InsufficientStorage, InvalidRequest, NotFound, QueueFull
from app.domain.images.checkpoint import find_label
from app.domain.images.encoders import MEDIA_TYPES
from app.domain.job_errors import JobError, read_job_error
from app.domain.job_objects import file_url
from app.domain.job_states import Status
from app.domain.projections import (
    PICTURE_FILE,
    PreparedPicture,
    find_projection,
    projection_result,
    queue_projection,
)
from app.domain.tables import Job
from app.routes.dependencies import (
    DatabaseDep,
    DiskDep,
    EngineDep,
    PublisherDep,
    SettingsDep,
    StoreDep,
    refuse_unknown_parameters,
)
from app.routes.fields import to_datetime
from app.routes.generation import GENERATION_DEPENDENCIES, GenerationDep
from app.routes.jobs import Progress
from app.routes.middleware.proxies import public_path
from app.routes.openapi import NOT_MODIFIED, file_response, new_router, problems
from app.routes.protocol.caching import cache_headers, is_not_modified
from app.routes.protocol.deadlines import while_connected
from app.routes.protocol.pictures import PICTURE, decode_in_thread, receive_picture
from app.serving.image_files import ImageFile
from app.serving.pictures import FITS, Fit, check_fit
from models.samples import Sample, png

router = new_router(prefix="/v1", tags=["latents"])

MAX_FILE_NAME = 255  # characters that are kept of it
FIELDS = ("checkpoint", "class", "fit")
FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": [PICTURE],
                    "additionalProperties": False,
                    "properties": {
                        PICTURE: {
                            "type": "string",
                            "format": "binary",
                            "description": (
                                "PNG, JPEG, WebP, AVIF, HEIC, TIFF, BMP or GIF, at most 32 MB"
                            ),
                        },
                        "checkpoint": {
                            "type": "string",
                            "description": "A checkpoint's id; by default the served one",
                        },
                        "class": {
                            "type": "string",
                            "description": "Of a conditional model; by default found as well",
                        },
                        "fit": {
                            "type": "string",
                            "enum": list(FITS),
                            "default": "crop",
                            "description": "How the picture is fitted to the model's shape",
                        },
                    },
                }
            }
        },
    }
}


class CalibrationView(BaseModel):
    """What the distance was compared with: `pictures` projections of pictures that the training
    held out, or of generated images where the dataset is not here. `median` is their median
    distance; `unrelated` the distance that 99 % of pairs of the model's images exceed."""

    pictures: int
    source: Literal["held_out", "generated"]
    median: float
    unrelated: float


class ProjectionSeconds(BaseModel):
    """How long it took to load or train the encoder, and to find the latent."""

    encoder: float
    projection: float


class ProjectionView(BaseModel):
    """A projection; its job has the same id. The fields from `latent` on are null until it has
    succeeded.

    `picture` is the picture as it was prepared, `reconstruction` the image of `latent`. `distance`
    is the distance of their embeddings, 0 to 2, and `pixel_error` the root of their mean squared
    difference, 0 to 255. `percentile`: the share of the calibration's pictures, 0 to 100, whose
    distances are smaller. `inside`: whether the model can make this picture; `says` explains it,
    and `verdict` is the kind of that sentence, null in projections of older versions.
    `class` is the one that was requested or found. `phase` is what its job is doing.
    """

    id: str
    status: Status
    model: str
    checkpoint: str
    file: str
    fit: Fit
    class_name: Annotated[str | None, Field(alias="class")]
    picture: str
    phase: str | None
    progress: Progress
    error: str | None
    error_facts: JobError | None
    created_at: datetime
    finished_at: datetime | None
    latent: list[float] | None
    reconstruction: str | None
    distance: float | None
    pixel_error: float | None
    percentile: float | None
    inside: bool | None
    verdict: Literal["unrelated", "not_compared", "outside", "inside"] | None
    says: str | None
    calibration: CalibrationView | None
    seconds: ProjectionSeconds | None


@router.post(
    "/models/{name}/projections",
    status_code=202,
    openapi_extra=FORM,
    responses=problems(NotFound, QueueFull, InsufficientStorage),
    dependencies=[Depends(refuse_unknown_parameters)],
)
async def create_projection(
    name: str,
    request: Request,
    response: Response,
    settings: SettingsDep,
    database: DatabaseDep,
    store: StoreDep,
    engine: EngineDep,
    publisher: PublisherDep,
    disk: DiskDep,
) -> ProjectionView:
    """Find the latent whose image is most like an uploaded picture. Where the checkpoint has no
    encoder yet, the projection waits for the job of kind `encoder` that trains it."""
    disk.check()
    form = await receive_picture(request, settings, FIELDS)
    if form.picture is None:
        raise InvalidRequest(f"no file was sent: send a picture as `{PICTURE}`", field=PICTURE)
    fit = check_fit(form.fields.get("fit", "crop"))
    checkpoint = await engine.checkpoints.find(database, name, form.fields.get("checkpoint"))
    pixels = await decode_in_thread(request, form.picture, checkpoint.shape, fit)
    # As text that can be stored and sent again.
    file = form.picture.name[:MAX_FILE_NAME].encode("utf-8", "replace").decode()
    picture = PreparedPicture(file, fit, png(pixels))

    def queue() -> list[Job]:
        class_name = form.fields.get("class")
        return queue_projection(database, settings, store, checkpoint, class_name, picture)

    queued = await to_thread.run_sync(queue)
    for job in queued:
        publisher.wake(job.queue)
    response.headers["Location"] = f"/v1/projections/{queued[-1].id}"
    return _view(queued[-1])


@router.get(
    "/projections/{projection_id}.png",
    response_class=Response,
    responses=file_response("png") | NOT_MODIFIED | problems(Conflict, QueueFull),
    dependencies=list(GENERATION_DEPENDENCIES),
)
async def get_reconstruction(projection_id: str, context: GenerationDep) -> Response:
    """The image of the latent that was found, of the checkpoint for which it was found."""

    def find() -> tuple[Job, dict[str, Any]]:
        with context.database.read() as session:
            job = find_projection(session, projection_id)
            return job, projection_result(job)

    job, result = await to_thread.run_sync(find)
    checkpoint = await context.find(job.model or "", job.checkpoint)
    name = result["class"]
    label = None if name is None else find_label(checkpoint, name)
    sample = Sample(np.array(result["latent"], np.float32), label)
    file = ImageFile(checkpoint, sample, "png")
    headers = cache_headers(file.recipe_text, "png", checkpoint.id)
    if is_not_modified(context.request, headers):
        return Response(status_code=304, headers=headers)
    data = await while_connected(context.request, context.engine.file(file))
    disposition = f'inline; filename="{checkpoint.model}-{job.id}.png"'
    headers = {**headers, "Content-Disposition": disposition}
    return Response(data, headers=headers, media_type=MEDIA_TYPES["png"])


@router.get("/projections/{projection_id}", dependencies=[Depends(refuse_unknown_parameters)])
def get_projection(projection_id: str, database: DatabaseDep) -> ProjectionView:
    with database.read() as session:
        return _view(find_projection(session, projection_id))


def _view(job: Job) -> ProjectionView:
    result = job.result or {}
    reconstruction = public_path(f"/v1/projections/{job.id}.png") if job.result else None
    found = ("latent", "distance", "pixel_error", "percentile", "inside", "verdict", "says")
    return ProjectionView.model_validate(
        {
            "id": job.id,
            "status": job.status,
            "model": job.model,
            "checkpoint": job.checkpoint,
            "file": job.config["file"],
            "fit": job.config["fit"],
            "class": result.get("class", job.config["class"]),
            "picture": public_path(file_url(job.id, PICTURE_FILE)),
            "phase": job.progress.get("phase"),
            "progress": job.progress,
            "error": job.error,
            "error_facts": read_job_error(job.error_facts),
            "created_at": to_datetime(job.created_at),
            "finished_at": to_datetime(job.finished_at),
            "reconstruction": reconstruction,
            "calibration": result.get("calibration"),
            "seconds": result.get("seconds"),
        }
        | {name: result.get(name) for name in found}
    )
