"""Checkpoint files to import, sound ones and broken ones, written byte by byte."""

import json
import math
from typing import Any

import numpy as np
from sqlalchemy import update

from app.domain.database import Database
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.store import ObjectStore
from app.domain.tables import Checkpoint
from benchmarks.harness.random_models import (
    checkpoint_bytes,
    onnx_bytes,
    register,
    store_checkpoint,
)
from models.checkpoint_header import KIND
from models.config import TrainingConfig

TINY = TrainingConfig(architecture="mlp", width=8, latent_dim=8, shape=(28, 28, 1))
ITEM_BYTES = {"F64": 8, "I64": 8, "F32": 4, "I32": 4, "F16": 2, "BF16": 2}

Header = dict[str, Any]


def tiny_checkpoint(config: TrainingConfig = TINY) -> bytes:
    """A checkpoint as a training writes it."""
    return checkpoint_bytes(config, 1)


def split(file: bytes) -> tuple[Header, bytes]:
    """The header and the data of a safetensors file."""
    length = int.from_bytes(file[:8], "little")
    header: Header = json.loads(file[8 : 8 + length])
    return header, file[8 + length :]


def join(header: Header | bytes, data: bytes, length: int | None = None) -> bytes:
    """A safetensors file; `length` is what it declares for its header."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


def with_description(file: bytes, **changes: Any) -> bytes:
    """The file with changes to what Moggy wrote into its metadata."""
    header, data = split(file)
    description = json.loads(header["__metadata__"]["moggy"]) | changes
    return join(header | {"__metadata__": {"moggy": json.dumps(description)}}, data)


def with_tensor(file: bytes, name: str, dtype: str, shape: list[int], value: float = 0) -> bytes:
    """The file with a tensor added at its end, or replaced by one of another type or shape."""
    header, data = split(file)
    header.pop(name, None)
    # Written anew, so that the tensors fill the file without a gap.
    tensors, kept = {}, b""
    for other, tensor in header.items():
        if other == "__metadata__":
            continue
        start, stop = tensor["data_offsets"]
        offsets = [len(kept), len(kept) + stop - start]
        kept += data[start:stop]
        tensors[other] = tensor | {"data_offsets": offsets}
    size = ITEM_BYTES[dtype] * math.prod(shape)
    added = np.full(size // 4, value, np.float32).tobytes().ljust(size, b"\0")
    tensors[name] = {
        "dtype": dtype,
        "shape": shape,
        "data_offsets": [len(kept), len(kept) + size],
    }
    return join({"__metadata__": header["__metadata__"], **tensors}, kept + added)


def without(file: bytes, prefix: str) -> bytes:
    """The file without the tensors whose names begin with `prefix`."""
    header, data = split(file)
    tensors, kept = {}, b""
    for name, tensor in header.items():
        if name == "__metadata__" or name.startswith(prefix):
            continue
        start, stop = tensor["data_offsets"]
        tensors[name] = tensor | {"data_offsets": [len(kept), len(kept) + stop - start]}
        kept += data[start:stop]
    return join({"__metadata__": header["__metadata__"], **tensors}, kept)


def declaring(config: dict[str, Any], tensors: Header | None = None) -> bytes:
    """A file without data that declares a configuration."""
    description = {"kind": KIND, "config": config, "images_seen": 1}
    return join({"__metadata__": {"moggy": json.dumps(description)}, **(tensors or {})}, b"")


def register_tiny(database: Database, store: ObjectStore, **columns: Any) -> GeneratorCheckpoint:
    """Store and register a checkpoint of the model `cats`, with its sizes and other columns."""
    fields: dict[str, Any] = {"shape": TINY.shape, "latent_dim": TINY.latent_dim}
    stored = store_checkpoint(store, architecture=TINY.architecture, **fields)
    register(database, stored)
    columns |= {"bytes": len(tiny_checkpoint()), "onnx_bytes": len(onnx_bytes(TINY, 1))}
    with database.write() as session:
        row = update(Checkpoint).where(Checkpoint.id == stored.id)
        session.execute(row.values(columns | {"config": TINY.to_json()}))
    return stored
