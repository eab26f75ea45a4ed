"""The playground of a model: one HTML file with its generator, which works without the service."""

import functools
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from anyio import to_thread
from fastapi import Response
from fastapi.responses import StreamingResponse

from app.domain import directions, named_latents, registry
from app.domain.database import Database
from app.domain.errors import NotFound, QueueFull, Unavailable
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.images.recipes import checkpoint_recipe
from app.domain.lineage import checkpoint_lineage
from app.domain.store import ObjectStore
from app.domain.tables import Direction, NamedLatent
from app.routes import studio
from app.routes.dependencies import StoreDep
from app.routes.generation import GENERATION_DEPENDENCIES, CheckpointParameter, GenerationDep
from app.routes.middleware.head import is_head
from app.routes.openapi import NOT_MODIFIED, Responses, binary_content, new_router, problems
from app.routes.protocol.caching import is_not_modified
from app.serving.playground import page_policy, playground_content, write_playground

TEMPLATE = "playground.html"
HTML = "text/html"
GENERATOR_PIECE_BYTES = 1 << 20  # read at once: each is a request to a bucket
RESPONSES: Responses = {
    200: {"content": binary_content(HTML)},
    **NOT_MODIFIED,
    **problems(Unavailable, QueueFull),
}

router = new_router(prefix="/v1/models", tags=["models"], dependencies=[*GENERATION_DEPENDENCIES])


class Playground(NamedTuple):
    """What the page is written from, except the generator."""

    template: bytes
    content: bytes
    onnx_bytes: int

    def headers(self, checkpoint: GeneratorCheckpoint) -> dict[str, str]:
        digest = hashlib.sha256(self.template)
        digest.update(hashlib.sha256(self.content).digest())
        digest.update((checkpoint.onnx_sha256 or "").encode())
        return {
            "ETag": f'"{digest.hexdigest()[:32]}"',
            "Cache-Control": "no-cache",  # saved latents and directions may change
            "Content-Disposition": f'inline; filename="{checkpoint.model}-playground.html"',
            "Content-Security-Policy": page_policy(self.template),
            "X-Content-Type-Options": "nosniff",
        }


@router.get("/{name}/playground.html", response_class=Response, responses=RESPONSES)
async def get_playground(
    name: str,
    context: GenerationDep,
    store: StoreDep,
    checkpoint: CheckpointParameter = None,
) -> Response:
    """A page to take away: one HTML file with the generator, the saved latents and the directions
    of a model. It works from a disk, without a network and without this service, and its images
    are those of the service, up to 2 levels of 255."""
    found = await context.find(name, checkpoint)
    playground = await to_thread.run_sync(_read, context.database, found)
    headers = playground.headers(found)
    if is_not_modified(context.request, headers):
        return Response(status_code=304, headers=headers)
    if is_head(context.request):
        return Response(headers=headers, media_type=HTML)
    pieces = await to_thread.run_sync(_open, playground, store, found)
    return StreamingResponse(pieces, headers=headers, media_type=HTML)


def _read(database: Database, checkpoint: GeneratorCheckpoint) -> Playground:
    try:
        path = studio.FOLDER / TEMPLATE
        template = _template(path, path.stat().st_mtime_ns)
    except FileNotFoundError as exc:
        raise Unavailable(studio.NOT_BUILT) from exc
    with database.read() as session:
        row = registry.find_checkpoint(session, checkpoint.id)
        lineage = checkpoint_lineage(session, row, checkpoint_recipe(checkpoint)["backend"])
        latents = named_latents.select_all(session, row.model)
        vectors = directions.select_all(session, row.model)
        content = playground_content(
            checkpoint,
            lineage,
            session.scalars(latents.order_by(NamedLatent.number.desc())).all(),
            session.scalars(vectors.order_by(Direction.number.desc())).all(),
        )
        return Playground(template, content, row.onnx_bytes or 0)


@functools.lru_cache(1)
def _template(path: Path, _modified: int) -> bytes:
    """The template, which all downloads share: it has megabytes."""
    return path.read_bytes()


def _open(
    playground: Playground, store: ObjectStore, checkpoint: GeneratorCheckpoint
) -> Iterator[bytes | memoryview]:
    try:
        generator = store.stream(
            checkpoint.onnx_key, 0, playground.onnx_bytes, GENERATOR_PIECE_BYTES
        )
    except FileNotFoundError as exc:
        raise NotFound("the checkpoint is being deleted") from exc
    return write_playground(playground.template, playground.content, generator)
