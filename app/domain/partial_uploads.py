"""Uploads in pieces: a large file arrives by several requests, and continues where it was left.

Each piece is an object whose key names its offset, so that every API of a bucket can receive the
next one. No piece replaces another: both of two that arrive at once for the same offset are kept,
so bytes that were acknowledged stay. An upload is deleted a day after its last piece arrived.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from app.domain.datasets import upload_prefix
from app.domain.errors import Conflict, InvalidRequest, NotFound
from app.domain.jobs import new_id
from app.domain.store import ObjectStore

ID = re.compile(r"[0-9a-f]{1,32}")
DESCRIPTION = "upload.json"
OFFSET_DIGITS = 16  # so that the order of the keys is that of the offsets


@dataclass(frozen=True)
class PartialUpload:
    """`name` comes from the client: it must never become part of a path. `received` counts the
    bytes from the beginning on; `pieces` are the keys that hold them, in order."""

    id: str
    name: str
    bytes: int
    received: int
    pieces: list[str]


def start(store: ObjectStore, name: str, size: int) -> PartialUpload:
    """Begin the upload of a file of `size` bytes."""
    upload_id = new_id()
    description = json.dumps({"name": name, "bytes": size}).encode()
    store.put_bytes(f"{upload_prefix(upload_id)}/{DESCRIPTION}", description)
    return PartialUpload(upload_id, name, size, 0, [])


def find(store: ObjectStore, upload_id: str) -> PartialUpload:
    """Return an upload with what has been received of it. Raises NotFound."""
    prefix = upload_prefix(upload_id)
    try:
        if not ID.fullmatch(upload_id):
            raise FileNotFoundError
        description = json.loads(store.get_bytes(f"{prefix}/{DESCRIPTION}"))
    except FileNotFoundError as exc:
        raise _not_found(upload_id) from exc
    received, pieces = _join_longest(store.sizes(prefix))
    return PartialUpload(upload_id, description["name"], description["bytes"], received, pieces)


def _join_longest(sizes: dict[str, int]) -> tuple[int, list[str]]:
    """Return the length of the longest gapless sequence of pieces from offset 0, and the keys of
    its pieces. An additional piece never shortens it.
    """
    last_piece: dict[int, tuple[int, str]] = {}  # where a piece ends: where it begins, and its key
    for key, size in sorted(sizes.items()):
        offset = key.rpartition("/")[2].partition("-")[0]
        if offset.isdigit() and (int(offset) == 0 or int(offset) in last_piece) and size > 0:
            last_piece.setdefault(int(offset) + size, (int(offset), key))
    end = received = max(last_piece, default=0)
    pieces = []
    while end > 0:
        end, key = last_piece[end]
        pieces.append(key)
    return received, pieces[::-1]


def append(store: ObjectStore, upload_id: str, offset: int, piece: bytes) -> PartialUpload:
    """Store the piece that begins at `offset`, which must be where the received bytes end."""
    upload = find(store, upload_id)
    if offset != upload.received:
        raise Conflict(
            f"upload {upload.id} has {upload.received} of {upload.bytes} bytes: continue at offset "
            f"{upload.received}, not {offset}",
            field="offset",
        )
    if not piece:
        raise InvalidRequest("the body is empty: send the next bytes of the file")
    if offset + len(piece) > upload.bytes:
        raise InvalidRequest(
            f"upload {upload.id} has {upload.bytes} bytes, and this piece ends at "
            f"{offset + len(piece)}: start an upload of the right size",
            field="offset",
        )
    key = f"{upload_prefix(upload.id)}/{offset:0{OFFSET_DIGITS}d}-{new_id()}"
    try:
        store.put_bytes(key, piece)
        return find(store, upload_id)
    except (FileNotFoundError, NotFound) as exc:  # the upload was deleted meanwhile
        store.delete(key)
        raise _not_found(upload_id) from exc


def join(store: ObjectStore, upload: PartialUpload, path: Path) -> None:
    """Write the whole file to `path`.

    Raises Conflict if a part of it is missing, NotFound if the upload is deleted meanwhile.
    """
    if upload.received < upload.bytes:
        raise Conflict(
            f"upload {upload.id} has {upload.received} of {upload.bytes} bytes: send the rest "
            "first",
            field="upload",
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for key in upload.pieces:
            try:
                file.write(store.get_bytes(key))
            except FileNotFoundError as exc:
                raise _not_found(upload.id) from exc


def delete(store: ObjectStore, upload_id: str) -> None:
    """Delete an upload and its bytes, if it exists."""
    store.delete_prefix(upload_prefix(upload_id))


def _not_found(upload_id: str) -> NotFound:
    return NotFound(
        f"there is no upload {upload_id[:50]!r}: it was used, deleted, or not continued for a day; "
        "start a new one",
        field="upload",
    )
