"""Writes a model into the template of the playground, the page that needs no service.

The build of the studio makes the template, `studio/build/oneFile.ts`, with a blank for the model as
JSON and one for its ONNX file, compressed and in base64.
"""

import base64
import html
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from isal import isal_zlib

from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.named_latents import point_of
from app.domain.tables import Direction, NamedLatent
from models.config import TrainingConfig
from models.onnx_generator import LICENCE
from models.samples import Vector, pack_vector, unpack_vector

CONTENT_BLANK, GENERATOR_BLANK = b"%moggy-content%", b"%moggy-generator%"
POLICY = re.compile(rb'<meta http-equiv="Content-Security-Policy" content="([^"]+)"')
POLICY_BYTES = 2048  # of the beginning of the template, in which its policy stands
# What a policy inside a page cannot say. A sandboxed page has an origin of its own: its script
# cannot use the service, although the service serves it.
ISOLATION = "sandbox allow-scripts allow-downloads; frame-ancestors 'self'"
COMPRESSION = 2  # of isal's 0 to 3: as small as zlib's 9, at a twentieth of its time
GZIP = 31  # the window bits that stand for a gzip header
PIECE_BYTES = 256 * 1024  # of the template that a client is sent at once
BASE64_UNIT = 3  # bytes that become whole characters


def page_policy(template: bytes) -> str:
    """The Content-Security-Policy of the page: the one that it contains, and its isolation."""
    policy = POLICY.search(template, 0, POLICY_BYTES)
    if policy is None:
        raise ValueError("the template of the playground has no policy")
    return f"{ISOLATION}; {html.unescape(policy[1].decode())}"


def playground_content(
    checkpoint: GeneratorCheckpoint,
    lineage: dict[str, Any],
    latents: Sequence[NamedLatent],
    directions: Sequence[Direction],
) -> bytes:
    """What the page knows of the model, as JSON that may stand within an HTML element.

    Latents and directions that belong to checkpoints with other latents or classes are left out,
    and counted.
    """
    config = TrainingConfig.from_json(lineage["config"])
    fitting_latents = [row for row in latents if _fits(row, checkpoint)]
    vectors = {row.name: unpack_vector(row.vector) for row in directions}
    fitting_vectors = {
        name: vector for name, vector in vectors.items() if len(vector) == checkpoint.latent_dim
    }
    content = {
        "model": checkpoint.model,
        "checkpoint": checkpoint.id,
        "sha256": checkpoint.sha256,
        "images_seen": checkpoint.images_seen,
        "created_at": lineage["created_at"],
        "shape": checkpoint.shape,
        "latent_dim": checkpoint.latent_dim,
        "classes": checkpoint.classes,
        "preset": config.preset,
        "architecture": config.architecture,
        "dataset": _dataset(lineage["dataset"]),
        "latents": [_latent(row) for row in fitting_latents],
        "directions": [
            {"name": name, "vector": _base64(vector)} for name, vector in fitting_vectors.items()
        ],
        "left_out": {
            "latents": len(latents) - len(fitting_latents),
            "directions": len(vectors) - len(fitting_vectors),
        },
        "licence": LICENCE,
        "moggy": lineage["versions"]["moggy"],
    }
    # Without < nothing in the JSON can end the element.
    return json.dumps(content, separators=(",", ":")).replace("<", "\\u003c").encode()


def write_playground(
    template: bytes, content: bytes, generator: Iterator[bytes]
) -> Iterator[bytes | memoryview]:
    """Yield the page in pieces. Equal contents give equal bytes. Neither the generator nor a copy
    of the template is in memory whole, however many clients download at once.

    Raises ValueError for a template without its blanks.
    """
    content_at = template.find(CONTENT_BLANK)
    generator_at = template.find(GENERATOR_BLANK, content_at)
    if content_at < 0 or generator_at < 0:
        raise ValueError("the template of the playground has no blanks")
    view = memoryview(template)
    yield from _pieces(view[:content_at])
    yield from _pieces(memoryview(content))
    yield from _pieces(view[content_at + len(CONTENT_BLANK) : generator_at])
    yield from _in_base64(_compressed(generator))
    yield from _pieces(view[generator_at + len(GENERATOR_BLANK) :])


def _pieces(text: memoryview) -> Iterator[memoryview]:
    for start in range(0, len(text), PIECE_BYTES):
        yield text[start : start + PIECE_BYTES]


def _fits(row: NamedLatent, checkpoint: GeneratorCheckpoint) -> bool:
    if row.class_name is not None and row.class_name not in checkpoint.classes:
        return False
    point = point_of(row)
    if isinstance(point, int):
        return True
    has_class = row.class_name is not None or not checkpoint.classes
    return has_class and len(point) == checkpoint.latent_dim


def _latent(row: NamedLatent) -> dict[str, Any]:
    point = point_of(row)
    return {
        "name": row.name,
        "seed": point if isinstance(point, int) else None,
        "vector": None if isinstance(point, int) else _base64(point),
        "class": row.class_name,
        "note": row.note,
    }


def _dataset(dataset: Any) -> dict[str, Any] | None:
    """The name and the size of the training's dataset, which an import may have named."""
    if not isinstance(dataset, dict) or not isinstance(dataset.get("name"), str):
        return None
    images = dataset.get("images")
    return {"name": dataset["name"], "images": images if isinstance(images, int) else None}


def _base64(vector: Vector) -> str:
    return base64.b64encode(pack_vector(vector)).decode()


def _compressed(chunks: Iterator[bytes]) -> Iterator[bytes]:
    compressor = isal_zlib.compressobj(COMPRESSION, wbits=GZIP)
    for chunk in chunks:
        yield compressor.compress(chunk)
    yield compressor.flush()


def _in_base64(chunks: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        data = rest + chunk
        whole = len(data) - len(data) % BASE64_UNIT
        yield base64.b64encode(data[:whole])
        rest = data[whole:]
    yield base64.b64encode(rest)
