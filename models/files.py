"""Files that are whole or absent, and tensors with a description in one such file."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from models.disk import NoRoom, is_disk_full


class TensorFileError(ValueError):
    """The file is broken, or another kind of file than was asked for."""


def write_tensors(
    path: Path, kind: str, description: dict[str, Any], tensors: dict[str, Tensor]
) -> None:
    """Write a safetensors file, atomically; the same content is the same bytes.

    One key of metadata only: safetensors writes several in an order that changes.
    """
    metadata = {"moggy": json.dumps({"kind": kind} | description)}
    stored = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write_atomically(path, save(stored, metadata))


def read_tensors(
    path: Path, kind: str, wanted: Callable[[str], bool] = lambda _: True
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The description and the `wanted` tensors of a file that `write_tensors` wrote as `kind`."""
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            metadata = file.metadata() or {}
            names = [name for name in file.keys() if wanted(name)]  # noqa: SIM118  # it is no mapping
            # Copies: the file is mapped, and may be deleted or lie askew for the kernels.
            tensors = {name: file.get_tensor(name).clone() for name in names}
    except (SafetensorError, FileNotFoundError) as error:
        raise TensorFileError(f"{path.name} cannot be read as a {kind}: {error}") from error
    try:
        description = json.loads(metadata["moggy"])
        if description["kind"] != kind:
            raise TensorFileError(f"{path.name} is a {description['kind']}, not a {kind}")
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise TensorFileError(f"{path.name} is not a {kind} of this program") from error
    return description, tensors


def write_atomically(path: Path, data: bytes) -> None:
    """Write `data` to `path` so that no reader and no crash ever sees a part of it.

    Raises NoRoom on a full disk; an older file of that name is then kept.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        if is_disk_full(error):
            raise NoRoom(path, len(data)) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)
    # The rename itself is durable only once the folder is.
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
