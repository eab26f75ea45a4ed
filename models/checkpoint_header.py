"""What a checkpoint file declares: its configuration and its tensors, read without torch.

No tensor is read, and nothing is allocated for one. The file may come from anybody.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from safetensors import SafetensorError, safe_open

from models.config import TrainingConfig
from models.ranges import ConfigError

KIND = "checkpoint"
DISCRIMINATOR_PREFIX = "discriminator."  # of the names of the discriminator's tensors
METADATA_KEY = "moggy"
LENGTH_BYTES = 8  # of the header's length, little-endian, in front of the header
MAX_HEADER_BYTES = 8 << 20  # that of a model with 1,000 classes takes 100 kB
MAX_IMAGES_SEEN = 2**53 - 1
MAX_NAME = 255  # characters of a class
MAX_PRESET = 64
ZIP_START, PICKLE_START, ONNX_START = b"PK\x03\x04", b"\x80", b"\x08"


class CheckpointHeaderError(ValueError):
    """The file is not a checkpoint; the message is a predicate."""


class TensorHeader(NamedTuple):
    """The declared type, as safetensors names it, and the shape of a tensor."""

    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class CheckpointHeader:
    config: TrainingConfig
    images_seen: int
    tensors: dict[str, TensorHeader]

    @property
    def has_discriminator(self) -> bool:
        return any(name.startswith(DISCRIMINATOR_PREFIX) for name in self.tensors)


def read_checkpoint_header(path: Path) -> CheckpointHeader:
    """Read and check the header of a checkpoint file. Raises CheckpointHeaderError.

    safetensors checks that the tensors fill the file without gap or overlap, and that the size of
    each one follows from its type and shape.
    """
    _check_start(path)
    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
            tensors = {
                name: TensorHeader(part.get_dtype(), tuple(part.get_shape()))
                for name, part in slices.items()
            }
    except (SafetensorError, OSError) as error:
        raise CheckpointHeaderError(f"is not a valid safetensors file: {error}") from error
    config, images_seen = _describe(metadata)
    return CheckpointHeader(config, images_seen, tensors)


def plain_json(text: str | bytes) -> Any:
    """Parse JSON that can be stored and sent again. Raises ValueError.

    Numbers must be finite. A text must be one that UTF-8 and PostgreSQL can store: without
    surrogates and null characters. Objects and lists must not be nested deeper than Python can go.
    """
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
        if any("\0" in part for part in _texts(value)):
            raise ValueError("contains a null character")
    except RecursionError as error:
        raise ValueError("is nested too deeply") from error
    return value


def _texts(value: Any) -> Iterator[str]:
    """Every text in a JSON value, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, member in value.items():
            yield key
            yield from _texts(member)
    elif isinstance(value, list):
        for member in value:
            yield from _texts(member)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"contains {name}, which JSON does not have")


def _check_start(path: Path) -> None:
    """Raise for a file that is no safetensors file, with what it is instead."""
    with path.open("rb") as file:
        start = file.read(LENGTH_BYTES + 1)
    if len(start) <= LENGTH_BYTES:
        raise CheckpointHeaderError(
            f"has {len(start)} bytes, which is less than the header of a safetensors file"
        )
    if not start.endswith(b"{"):
        raise CheckpointHeaderError(_describe_start(start))
    length = int.from_bytes(start[:LENGTH_BYTES], "little")
    size = path.stat().st_size
    if length > size - LENGTH_BYTES:
        raise CheckpointHeaderError(
            f"declares a header of {length:,} bytes and has {size:,} bytes: it is truncated, or "
            "not a safetensors file"
        )
    if length > MAX_HEADER_BYTES:
        raise CheckpointHeaderError(
            f"declares a header of {length:,} bytes: at most {MAX_HEADER_BYTES:,} are accepted"
        )


def _describe_start(start: bytes) -> str:
    if start.startswith(PICKLE_START):
        return (
            "is a pickle, which can run any program when it is read: nothing is unpickled. Send "
            "the safetensors file or the bundle that Moggy exports"
        )
    if start.startswith(ONNX_START):
        return (
            "is an ONNX file, or another protocol buffer: only weights are imported. Send the "
            "safetensors file or the bundle that Moggy exports; the ONNX file is written anew"
        )
    return (
        "is neither a safetensors file nor a zip: send the safetensors file or the bundle that "
        "Moggy exports"
    )


def _describe(metadata: dict[str, str]) -> tuple[TrainingConfig, int]:
    """The configuration and images_seen in the file's metadata."""
    if METADATA_KEY not in metadata:
        raise CheckpointHeaderError(
            f"has no metadata {METADATA_KEY!r} with a configuration: Moggy did not write it, and "
            "its networks are not known"
        )
    try:
        description = plain_json(metadata[METADATA_KEY])
        if description["kind"] != KIND:
            raise CheckpointHeaderError(
                f"is a {str(description['kind'])[:50]!r} of Moggy, not a {KIND}"
            )
        config = TrainingConfig.from_json(description["config"])
        _check_names(config)
        return config, _images_seen(description["images_seen"])
    except CheckpointHeaderError:
        raise
    except ConfigError as error:
        raise CheckpointHeaderError(f"declares an invalid configuration: {error}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointHeaderError(f"has a broken description: {error!r}") from error


def _check_names(config: TrainingConfig) -> None:
    if not 1 <= len(config.preset) <= MAX_PRESET:
        raise ConfigError("preset", config.preset, f"is not a name of 1 to {MAX_PRESET} characters")
    for name in config.classes:
        if not 1 <= len(name) <= MAX_NAME:
            raise ConfigError("classes", name, f"is not a name of 1 to {MAX_NAME} characters")
    if len(set(config.classes)) != len(config.classes):
        raise ConfigError("classes", list(config.classes), "contain a name twice")


def _images_seen(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_IMAGES_SEEN:
        raise CheckpointHeaderError(
            f"declares images_seen {str(value)[:50]}, which is not a whole number from 0 to "
            f"{MAX_IMAGES_SEEN}"
        )
    return value
