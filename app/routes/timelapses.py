"""Timelapses: the film of a training's sample grids."""

import functools
import json
import threading
from typing import Annotated, Any, Literal, get_args

from anyio import to_thread
from fastapi import Path, Query, Request, Response

from app.domain import events, jobs
from app.domain.errors import NotFound, RangeNotSatisfiable, Unavailable
from app.domain.images.encoders import MEDIA_TYPES
from app.domain.images.recipes import Recipe
from app.domain.job_objects import read_sample
from app.domain.job_states import ENDED, JobKind
from app.domain.settings import Settings
from app.domain.tables import Event, Job
from app.routes.dependencies import DatabaseDep, StoreDep
from app.routes.generation import GENERATION_DEPENDENCIES, ResampleParameter, ScaleParameter
from app.routes.openapi import (
    NOT_MODIFIED,
    Responses,
    file_response,
    new_router,
    partial_response,
    problems,
)
from app.routes.protocol.byte_ranges import select_range
from app.routes.protocol.caching import IMMUTABLE, cache_headers, is_not_modified
from app.routes.protocol.deadlines import while_connected
from app.serving.animations import MAX_FPS
from app.serving.display import Display
from app.serving.timelapse import Timelapse

router = new_router(
    prefix="/v1/jobs/{job_id}", tags=["jobs"], dependencies=[*GENERATION_DEPENDENCIES]
)

FilmFormat = Literal["webp", "mp4"]
FILM_FORMATS: tuple[FilmFormat, ...] = get_args(FilmFormat)
DEFAULT_FPS = 12.0
FRAMES_HEADER, SAMPLES_HEADER = "Moggy-Frames", "Moggy-Samples"
COUNT = {"schema": {"type": "integer"}}
RESPONSES: Responses = {
    200: file_response(*FILM_FORMATS)[200]
    | {
        "headers": {
            FRAMES_HEADER: COUNT | {"description": "The grids that the film shows"},
            SAMPLES_HEADER: COUNT | {"description": "The grids that the training has drawn"},
        }
    },
    **partial_response(*(MEDIA_TYPES[file_format] for file_format in FILM_FORMATS)),
    **NOT_MODIFIED,
    **problems(RangeNotSatisfiable, Unavailable),
}


@router.get("/timelapse.{format}", response_class=Response, responses=RESPONSES)
async def get_job_timelapse(
    job_id: str,
    file_format: Annotated[FilmFormat, Path(alias="format")],
    request: Request,
    database: DatabaseDep,
    store: StoreDep,
    fps: Annotated[float, Query(ge=1, le=MAX_FPS, allow_inf_nan=False)] = DEFAULT_FPS,
    scale: ScaleParameter = 1,
    resample: ResampleParameter = "lanczos",
) -> Response:
    """The film of a training's sample grids, oldest first, one frame each; the last one is held for
    a second. A WebP is lossless and plays for ever. While the training runs, the film shows the
    grids drawn so far. Of more grids than MOGGY_MAX_FRAMES and MOGGY_MAX_RESPONSE_PIXELS allow, it
    shows the first, the last, and others evenly spaced between them."""

    def read_records() -> tuple[Job, list[Event]]:
        with database.read() as session:
            # Before its samples: if the job has ended by now, no sample follows.
            job = jobs.find(session, job_id)
            drawn = events.of_type(session, job_id, "sample")
        return job, events.without_repeats(drawn)

    job, drawn = await to_thread.run_sync(read_records)
    _check_samples(job, drawn)
    settings: Settings = request.app.state.settings
    display = Display(scale, resample)
    headers = _headers(job, drawn, file_format, {"fps": fps} | display.recipe(), settings)
    if is_not_modified(request, headers):
        return Response(status_code=304, headers=headers)
    images_seen = [event.data["images_seen"] for event in drawn]
    read = functools.partial(read_sample, store, job_id)
    timelapse = await to_thread.run_sync(Timelapse, images_seen, read, display, settings)
    recipe = _recipe(job, timelapse.images_seen, len(drawn), fps) | display.recipe()
    encoding = _encode(request, timelapse, file_format, recipe, fps)
    data = await while_connected(request, encoding)
    headers[FRAMES_HEADER] = str(len(timelapse.images_seen))
    headers[SAMPLES_HEADER] = str(len(drawn))
    headers["Content-Disposition"] = f'inline; filename="{job.model}-{job_id}.{file_format}"'
    response = Response(data, headers=headers, media_type=MEDIA_TYPES[file_format])
    return select_range(request, response)


def _check_samples(job: Job, drawn: list[Event]) -> None:
    """Raise NotFound for a job without sample grids."""
    if job.kind != JobKind.TRAIN:
        raise NotFound(
            f"job {job.id} is of kind {job.kind} and has no timelapse: only jobs of kind train do"
        )
    if not drawn:
        raise NotFound(
            f"job {job.id} is {job.status} and has drawn no sample grid"
            f"{'' if job.status in ENDED else ' yet: the first is drawn when the training starts'}"
        )


def _headers(
    job: Job,
    drawn: list[Event],
    file_format: FilmFormat,
    options: dict[str, Any],
    settings: Settings,
) -> dict[str, str]:
    """Return the ETag and Cache-Control.

    A rollback replaces grids under the same number of images, but not their events.
    """
    identity = {
        "job": job.id,
        "samples": [event.id for event in drawn],
        "limits": [settings.max_frames, settings.max_response_pixels],
    }
    headers = cache_headers(json.dumps(identity | options), file_format, None)
    if job.status in ENDED:
        headers["Cache-Control"] = IMMUTABLE
    return headers


def _recipe(job: Job, images_seen: list[int], samples: int, fps: float) -> Recipe:
    return {
        "job": job.id,
        "model": job.model,
        "dataset": job.dataset,
        "samples": samples,
        "images_seen": images_seen,
        "fps": fps,
    }


async def _encode(
    request: Request, timelapse: Timelapse, file_format: FilmFormat, recipe: Recipe, fps: float
) -> bytes:
    """Encode in a thread, which ends after its current frame if the client leaves. One film is
    encoded at a time."""
    cancelled = threading.Event()
    try:
        return await to_thread.run_sync(
            timelapse.encode,
            *(file_format, recipe, fps, cancelled),
            abandon_on_cancel=True,
            limiter=request.app.state.film_encoding,
        )
    finally:
        cancelled.set()
