"""Tensors with a description in one safetensors file: checkpoints, states, embedding weights."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from models.durable_files import write_durably


class TensorFileError(ValueError):
    """The file is broken, or is another kind of file than the expected one."""


def write_tensors(
    path: Path, kind: str, description: dict[str, Any], tensors: dict[str, Tensor]
) -> None:
    """Write a safetensors file, whole or not at all; the same content gives the same bytes.

    All metadata is in one key: safetensors writes several keys in an order that varies.
    """
    metadata = {"moggy": json.dumps({"kind": kind} | description)}
    stored = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write_durably(path, save(stored, metadata))


def read_tensors(
    path: Path, kind: str, is_wanted: Callable[[str], bool] = lambda _: True
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read the description and the wanted tensors, by name, of a file of this `kind`."""
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            metadata = file.metadata() or {}
            names = [name for name in file.keys() if is_wanted(name)]  # noqa: SIM118  # no mapping
            # Copies: the file is memory-mapped, and may be deleted or be misaligned for kernels.
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
