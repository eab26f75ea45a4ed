"""Exports: a checkpoint as its ONNX file, its weights, or a bundle with both and a model card."""

import hashlib
import json
from collections.abc import Iterator
from typing import Annotated, Any, Literal, NamedTuple

from anyio import to_thread
from fastapi import Query, Response
from fastapi.responses import StreamingResponse

from app.domain import directions, named_latents, registry
from app.domain.checkpoint_files import REFERENCE_FILE, find_file
from app.domain.database import Database
from app.domain.errors import InvalidRequest, NotFound, QueueFull, RangeNotSatisfiable, Unavailable
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.images.encoders import ENCODER, MEDIA_TYPES, encode_grid
from app.domain.images.recipes import checkpoint_recipe, grid_recipe
from app.domain.lineage import checkpoint_lineage, scores
from app.domain.store import ObjectStore
from app.domain.tables import CheckpointFile
from app.routes.dependencies import StoreDep
from app.routes.generation import GENERATION_DEPENDENCIES, GenerationContext, GenerationDep
from app.routes.middleware.head import is_head
from app.routes.openapi import (
    ANY_BINARY,
    NOT_MODIFIED,
    Responses,
    binary_content,
    new_router,
    partial_response,
    problems,
)
from app.routes.protocol.byte_ranges import parse_range
from app.routes.protocol.caching import IMMUTABLE, is_not_modified
from app.routes.protocol.deadlines import while_connected
from app.serving.bundle_parts import latent_and_direction_files
from app.serving.bundle_writer import bundle_documents, sample_count, write_bundle
from app.serving.display import square_columns
from app.serving.embedding_thread import NotComparable
from app.serving.samples import to_samples
from models.config import TrainingConfig
from models.scoring.reference_file import reference_bytes

router = new_router(
    prefix="/v1/checkpoints", tags=["models"], dependencies=[*GENERATION_DEPENDENCIES]
)

ExportFormat = Literal["onnx", "safetensors", "bundle"]
SUFFIXES: dict[ExportFormat, str] = {
    "onnx": "onnx",
    "safetensors": "safetensors",
    "bundle": "zip",
}
RESPONSES: Responses = {
    200: {"content": binary_content(MEDIA_TYPES["zip"])},
    **partial_response(),
    **NOT_MODIFIED,
    **problems(RangeNotSatisfiable, Unavailable, QueueFull),
}


Documents = dict[str, bytes]


class StoredExport(NamedTuple):
    """A checkpoint with what its exports contain, read in one transaction."""

    checkpoint: GeneratorCheckpoint
    bytes: int
    onnx_bytes: int
    lineage: dict[str, Any]
    metrics: dict[str, Any] | None
    names: Documents  # the files of the model's latents and directions
    reference: CheckpointFile | None  # the quality reference that came with the checkpoint

    def file_name(self, export_format: ExportFormat) -> str:
        return f"{self.checkpoint.model}-{self.checkpoint.id}.{SUFFIXES[export_format]}"


class StoredFile(NamedTuple):
    key: str
    sha256: str
    bytes: int


@router.get("/{checkpoint_id}/export", response_class=Response, responses=RESPONSES)
async def export_checkpoint(
    checkpoint_id: str,
    export_format: Annotated[
        ExportFormat,
        Query(
            alias="format",
            description="The ONNX file, the weights, or a zip of both with a model card.",
            examples=["bundle"],
        ),
    ],
    context: GenerationDep,
    store: StoreDep,
    reference: Annotated[
        bool,
        Query(
            description="Whether a bundle contains the embeddings of training images by which the "
            "quality of an image is measured.",
        ),
    ] = True,
) -> Response:
    """A checkpoint to take away. `onnx` is the file that is served: it maps latents to images and
    needs only ONNX Runtime. `safetensors` has the weights of both networks and the configuration.
    `bundle` is a zip of both with scores, lineage, sample images, a model card, an example, the
    latents and directions that are saved for the model, and the quality reference, where it is
    known and not left out by `reference=false`.
    `POST /v1/models` imports the last two. The first two can be fetched in parts, with `Range`."""
    if not reference and export_format != "bundle":
        raise InvalidRequest(
            f"only a bundle contains the quality reference, not {export_format}: leave reference "
            "out",
            field="reference",
        )
    export = await to_thread.run_sync(_read, context.database, checkpoint_id)
    if export_format != "safetensors" and export.checkpoint.onnx_sha256 is None:
        await while_connected(context.request, context.exports.exported(export.checkpoint))
        export = await to_thread.run_sync(_read, context.database, checkpoint_id)
    if export_format == "bundle":
        stored = await _quality_reference(export, context, store) if reference else None
        return await _bundle(export, stored, context, store)
    file = _weights(export) if export_format == "safetensors" else _onnx(export)
    headers = {
        "ETag": f'"{file.sha256}"',
        "Cache-Control": IMMUTABLE,
        "Accept-Ranges": "bytes",
        "Content-Disposition": f'attachment; filename="{export.file_name(export_format)}"',
    }
    if is_not_modified(context.request, headers):
        return Response(status_code=304, headers=headers)
    sent = context.request.headers
    part = parse_range(sent.get("range"), sent.get("if-range"), headers["ETag"], file.bytes)
    start, stop = part or (0, file.bytes)
    headers |= part.headers(file.bytes) if part else {}
    headers["Content-Length"] = str(stop - start)
    if is_head(context.request):
        return Response(headers=headers, media_type=ANY_BINARY)
    return StreamingResponse(
        await to_thread.run_sync(_stream, store, file.key, start, stop),
        status_code=206 if part else 200,
        headers=headers,
        media_type=ANY_BINARY,
    )


async def _quality_reference(
    export: StoredExport, context: GenerationContext, store: ObjectStore
) -> bytes | None:
    """The content of the quality reference that was imported with the checkpoint, or else of the
    one in its sample index; None if there is neither."""
    if export.reference is not None:
        try:
            return await to_thread.run_sync(store.get_bytes, export.reference.key)
        except FileNotFoundError as exc:
            raise NotFound("the checkpoint is being deleted") from exc
    try:
        embedding = await context.engine.embedding_thread.embedding()
    except NotComparable:
        return None
    opened = await to_thread.run_sync(context.indexes.find, export.checkpoint, embedding)
    if opened is None or opened.index.reference is None:
        return None
    return await to_thread.run_sync(reference_bytes, opened.index.reference, embedding)


async def _bundle(
    export: StoredExport, reference: bytes | None, context: GenerationContext, store: ObjectStore
) -> Response:
    name = export.file_name("bundle")
    documents = bundle_documents(export.lineage, export.metrics, name, reference) | export.names
    headers = {
        "ETag": _bundle_etag(export, documents),
        "Cache-Control": "no-cache",
        "Content-Disposition": f'attachment; filename="{name}"',
    }
    if is_not_modified(context.request, headers):
        return Response(status_code=304, headers=headers)
    if is_head(context.request):
        return Response(headers=headers, media_type=MEDIA_TYPES["zip"])
    samples = await _sample_grid(export, context)

    def open_bundle() -> Iterator[bytes]:
        weights, onnx = _weights(export), _onnx(export)
        return write_bundle(
            documents,
            samples,
            _stream(store, weights.key, 0, weights.bytes),
            _stream(store, onnx.key, 0, onnx.bytes),
        )

    pieces = await to_thread.run_sync(open_bundle)
    return StreamingResponse(pieces, headers=headers, media_type=MEDIA_TYPES["zip"])


async def _sample_grid(export: StoredExport, context: GenerationContext) -> bytes:
    """The PNG of the images of the seeds from 0 on; a conditional model's draw their classes."""
    seeds = range(sample_count(TrainingConfig.from_json(export.lineage["config"])))
    samples = to_samples(export.checkpoint, None, list(seeds))
    pixels = await context.render(export.checkpoint, samples)
    columns = square_columns(len(samples))
    recipe = grid_recipe(export.checkpoint, samples, columns)
    return await to_thread.run_sync(encode_grid, pixels, columns, recipe)


def _bundle_etag(export: StoredExport, documents: dict[str, bytes]) -> str:
    """A hash of all that determines the bundle's bytes."""
    digest = hashlib.sha256()
    for data in documents.values():
        digest.update(hashlib.sha256(data).digest())
    identity = [
        checkpoint_recipe(export.checkpoint),
        export.checkpoint.onnx_sha256,
        ENCODER,
        digest.hexdigest(),
    ]
    return f'"{hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:32]}"'


def _read(database: Database, checkpoint_id: str) -> StoredExport:
    with database.read() as session:
        row = registry.find_checkpoint(session, checkpoint_id)
        checkpoint = GeneratorCheckpoint.of(row)
        backend = checkpoint_recipe(checkpoint)["backend"]
        lineage = checkpoint_lineage(session, row, backend)
        names = latent_and_direction_files(
            session.scalars(named_latents.select_all(session, row.model)).all(),
            session.scalars(directions.select_all(session, row.model)).all(),
            row.model,
        )
        reference = find_file(session, row.id, REFERENCE_FILE)
        return StoredExport(
            checkpoint, row.bytes, row.onnx_bytes or 0, lineage, scores(row), names, reference
        )


def _weights(export: StoredExport) -> StoredFile:
    return StoredFile(export.checkpoint.key, export.checkpoint.sha256, export.bytes)


def _onnx(export: StoredExport) -> StoredFile:
    checkpoint = export.checkpoint
    return StoredFile(checkpoint.onnx_key, checkpoint.onnx_sha256 or "", export.onnx_bytes)


def _stream(store: ObjectStore, key: str, start: int, stop: int) -> Iterator[bytes]:
    try:
        return store.stream(key, start, stop)
    except FileNotFoundError as exc:
        raise NotFound("the checkpoint is being deleted") from exc
