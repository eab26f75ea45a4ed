"""A bundle: the zip in which a checkpoint travels, with its weights, scores and lineage.

A bundle may come from anybody. Only the weights, the quality reference and small JSON files are
read from it, no file is written under a name that it gives, and each size is counted while it is
unpacked.
"""

import hashlib
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from models.checkpoint_header import ZIP_START, plain_json

WEIGHTS, ONNX = "generator.safetensors", "generator.onnx"
METRICS, LINEAGE = "metrics.json", "lineage.json"
CARD, EXAMPLE, SAMPLES = "README.md", "example.py", "samples.png"
LATENTS, DIRECTIONS = "latents.json", "directions.json"  # only where the model has some
REFERENCE = "reference.safetensors"  # of `models.scoring.reference_file`, where it is known
MEMBERS = (
    *(CARD, EXAMPLE, SAMPLES, METRICS, LINEAGE, LATENTS, DIRECTIONS, REFERENCE, WEIGHTS, ONNX),
)
OPTIONAL = (LATENTS, DIRECTIONS, REFERENCE, ONNX)  # the import writes the ONNX file anew

MAX_JSON_BYTES = 1 << 20
MAX_NAMED_BYTES = 128 << 20  # of 10,000 latents of 1,000 values
MAX_REFERENCE_BYTES = 2 << 20
MEMBER_LIMITS = {
    METRICS: MAX_JSON_BYTES,
    LINEAGE: MAX_JSON_BYTES,
    LATENTS: MAX_NAMED_BYTES,
    DIRECTIONS: MAX_NAMED_BYTES,
    REFERENCE: MAX_REFERENCE_BYTES,
}
MAX_DIRECTORY_BYTES = 64 << 10  # that of a bundle takes less than a kilobyte
COPY_BYTES = 1 << 20
END = struct.Struct("<4s4H2LH")  # the end of the central directory, without a comment
END_START, ZIP64_LOCATOR_START, ZIP64_LOCATOR_BYTES = b"PK\x05\x06", b"PK\x06\x07", 20
ENCRYPTED = 1  # a flag of a member
# What `zipfile` raises for a broken zip: an offset in it may be negative or beyond all files.
BROKEN = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, OverflowError),
    *(NotImplementedError, RuntimeError, ValueError),
)
MAX_EMBEDDING = 64  # characters of its name
MAX_SCORE = 1e9


class BundleError(ValueError):
    """The file is not a bundle that Moggy wrote; the message is a predicate."""


@dataclass(frozen=True)
class ImportedRecord:
    """What came with imported weights; a safetensors file has nothing of it.

    `latents` and `directions` are the contents of LATENTS and DIRECTIONS, which
    `app.serving.bundle_parts` writes and checks. `reference` has the `sha256` and the `bytes` of
    the file REFERENCE.
    """

    metrics: dict[str, Any] | None = None
    lineage: dict[str, Any] | None = None
    latents: dict[str, Any] | None = None
    directions: dict[str, Any] | None = None
    reference: dict[str, Any] | None = None


def is_zip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(ZIP_START)) == ZIP_START


def unpacked_bytes(path: Path, max_bytes: int) -> int:
    """The declared size of the weights. Raises BundleError if it is more than `max_bytes`."""
    with path.open("rb") as file:
        _, members = _members(file)
    size = members[WEIGHTS].file_size
    if size > max_bytes:
        raise BundleError(
            f"contains weights of {size:,} bytes: at most {max_bytes:,} are accepted "
            "(MOGGY_MAX_MODEL_BYTES)"
        )
    return size


def unpack_bundle(path: Path, weights: Path, reference: Path) -> ImportedRecord:
    """Write the weights of the bundle at `path` to the file `weights`; return what came with them.

    If the bundle has a quality reference, it is written to the file `reference`, unchecked. No more
    than `unpacked_bytes` are written, and MAX_REFERENCE_BYTES. The ONNX file is not read: a new one
    is written from the weights. Raises BundleError.
    """
    with path.open("rb") as file:
        archive, members = _members(file)
        metrics = _read_json(archive, members[METRICS])
        lineage = _read_json(archive, members[LINEAGE])
        if metrics is not None:
            _check_metrics(metrics)
        latents, directions = (
            _read_json(archive, members[name]) if name in members else None
            for name in (LATENTS, DIRECTIONS)
        )
        sha256 = _unpack(archive, members[WEIGHTS], weights)
        described = None
        if REFERENCE in members:
            described = {
                "sha256": _unpack(archive, members[REFERENCE], reference),
                "bytes": members[REFERENCE].file_size,
            }
    if not isinstance(lineage, dict) or lineage.get("sha256") != sha256:
        raise BundleError(
            f"has weights with the sha256 {sha256}, which is not the one in {LINEAGE}: the bundle "
            "was changed. To import changed weights, send the safetensors file alone"
        )
    return ImportedRecord(metrics, lineage, latents, directions, described)


def _members(file: IO[bytes]) -> tuple[zipfile.ZipFile, dict[str, zipfile.ZipInfo]]:
    """The archive, and its members by name, which are exactly those of a bundle."""
    _check_directory(file)
    try:
        archive = zipfile.ZipFile(file)
    except BROKEN as error:
        raise BundleError(f"is a broken zip: {error}") from error
    names = [member.filename for member in archive.infolist()]
    if any(name.endswith(".pkl") for name in names):
        raise BundleError(
            "is a PyTorch file with a pickle, which can run any program when it is read: nothing "
            "is unpickled. Send the safetensors file or the bundle that Moggy exports"
        )
    present = set(names)
    is_complete = present <= set(MEMBERS) and present >= set(MEMBERS) - set(OPTIONAL)
    if not is_complete or len(present) < len(names):
        raise BundleError(_describe_names(names))
    for member in archive.infolist():
        _check_member(member)
    return archive, {member.filename: member for member in archive.infolist()}


def _check_directory(file: IO[bytes]) -> None:
    """Raise BundleError for a directory too large to be read, before `zipfile` reads it whole."""
    size = file.seek(0, 2)
    file.seek(max(0, size - END.size - ZIP64_LOCATOR_BYTES))
    end = file.read()
    if len(end) < END.size or not end[-END.size :].startswith(END_START):
        raise BundleError("is a zip without an end: it is truncated, or has a comment")
    directory_bytes = END.unpack(end[-END.size :])[5]
    if end.startswith(ZIP64_LOCATOR_START) or directory_bytes > MAX_DIRECTORY_BYTES:
        raise BundleError(
            f"is a zip with the directory of too many files: a bundle has {len(MEMBERS)}"
        )


def _describe_names(names: list[str]) -> str:
    unknown = sorted(set(names) - set(MEMBERS))
    missing = sorted(set(MEMBERS) - set(OPTIONAL) - set(names))
    if unknown:
        reason = f"contains {unknown[0][:100]!r}"
    elif missing:
        reason = f"lacks {missing[0]}"
    else:
        reason = "contains a file twice"
    if WEIGHTS in missing and any(name.endswith(".onnx") for name in names):
        reason += ", and has an ONNX file, which is not imported: only weights are"
    return (
        f"{reason}: a bundle contains exactly {', '.join(MEMBERS)}, in no folder; only "
        f"{', '.join(OPTIONAL)} may be missing"
    )


def _check_member(member: zipfile.ZipInfo) -> None:
    mode = member.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        raise BundleError(f"contains {member.filename} as a link or another special file")
    if member.flag_bits & ENCRYPTED:
        raise BundleError(f"contains {member.filename} encrypted: send it without a password")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise BundleError(f"contains {member.filename} in a compression other than deflate")
    limit = MEMBER_LIMITS.get(member.filename, member.file_size)
    if member.file_size > limit:
        raise BundleError(
            f"contains {member.filename} with {member.file_size:,} bytes: at most {limit:,} are "
            "accepted"
        )


def _unpack(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> str:
    """Write the member to `target`; return its sha256."""
    digest = hashlib.sha256()
    with target.open("xb") as file:
        for chunk in _read(archive, member):
            digest.update(chunk)
            file.write(chunk)
    return digest.hexdigest()


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[bytes]:
    """Yield the member's bytes, never more than it declares. Raises BundleError."""
    read = 0
    try:
        with archive.open(member) as file:
            while chunk := file.read(COPY_BYTES):
                read += len(chunk)
                yield chunk
    except BROKEN as error:
        raise BundleError(f"contains {member.filename} damaged: {error}") from error
    if read != member.file_size:
        raise BundleError(
            f"contains {member.filename} with {read:,} bytes, and declares {member.file_size:,}"
        )


def _read_json(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Any:
    text = b"".join(_read(archive, member))
    try:
        return plain_json(text)
    except ValueError as error:
        problem = f"contains {member.filename}, which is not valid JSON: {error}"
        raise BundleError(problem) from error


def _check_metrics(metrics: Any) -> None:
    """Raise BundleError unless the scores that are compared have the types that Moggy writes."""
    if not isinstance(metrics, dict):
        raise BundleError(f"contains {METRICS}, which is neither null nor an object")
    numbers = [metrics.get("kid"), *_as_list(metrics.get("kid_interval", [0, 0]), 2)]
    embedding = metrics.get("embedding")
    is_name = isinstance(embedding, str) and len(embedding) <= MAX_EMBEDDING
    if not (is_name and all(_is_number(number) for number in numbers)):
        raise BundleError(
            f"contains {METRICS} without the number kid, the two numbers kid_interval or the name "
            "embedding, which the scores of a checkpoint have"
        )


def _as_list(value: Any, length: int) -> list[Any]:
    """The list, or one of None in its place if it has another length or is none."""
    return value if isinstance(value, list) and len(value) == length else [None]


def _is_number(value: Any) -> bool:
    """Whether it is a number that a column of floats can hold."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and abs(value) <= MAX_SCORE
