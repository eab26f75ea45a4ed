"""Files that commands send, and those that they write: either complete, with the expected hash, or
not at all."""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from app.cli.client import ServiceClient, segment
from app.cli.console import size
from app.cli.errors import CommandError, WrongUsage
from app.cli.progress import View
from app.cli.uploads import Part


def check_folder(out: Path) -> None:
    """Refuse an `out` that exists and is not a folder, before any request."""
    if out.exists() and not out.is_dir():
        raise WrongUsage(f"{out} is not a folder")


def format_of(out: Path, formats: dict[str, str]) -> str:
    """Return the format of the suffix; raise WrongUsage for an unknown suffix or an unwritable
    path."""
    if out.suffix.lower() not in formats:
        raise WrongUsage(f"{out}: the file's name must end in {', '.join(formats)}")
    if not out.parent.is_dir():
        raise WrongUsage(f"{out}: there is no folder {out.parent}")
    if out.is_dir():
        raise WrongUsage(f"{out} is a folder")
    return formats[out.suffix.lower()]


def write_file(out: Path, chunks: Iterable[bytes]) -> int:
    """Write `chunks` to `out`, which is replaced only when they are complete; return the bytes."""
    from models.durable_files import write_chunks_durably

    try:
        return write_chunks_durably(out, chunks)
    except OSError as exc:
        raise CommandError(f"{out}: {exc.strerror}") from exc


def upload_with_progress(
    client: ServiceClient,
    path: str,
    fields: dict[str, Any],
    parts: list[Part],
    view: View,
    field: str = "files",
) -> Any:
    """Send a multipart form with the parts as `field`, and show how much of it is sent."""
    view.describe("uploading")

    def on_progress(sent: int, total: int) -> None:
        view.update(sent, total, f"{size(sent)} of {size(total)}")

    return client.upload(path, fields, parts, field, on_progress)


def fetch_files(client: ServiceClient, job_id: str, out: Path, view: View) -> list[Path]:
    """Fetch the files of a job that are not in `out` yet; return the paths of all its files.

    Raises CommandError for a file whose hash differs from the service's.
    """
    path = f"jobs/{segment(job_id)}/files"
    files = list(client.items(path))[::-1]  # oldest first: the manifest is the last
    total, done = sum(file["bytes"] for file in files), 0
    out.mkdir(parents=True, exist_ok=True)
    view.describe("downloading")
    for file in files:
        target = out / Path(file["name"]).name
        if not _holds(target, file):
            chunks = client.download(f"{path}/{segment(file['name'])}")
            write_file(target, _verified(chunks, target, file["sha256"]))
        done += file["bytes"]
        view.update(done, total, f"{size(done)} of {size(total)}")
    return [out / Path(file["name"]).name for file in files]


def _holds(target: Path, file: dict[str, Any]) -> bool:
    if not target.is_file() or target.stat().st_size != file["bytes"]:
        return False
    with target.open("rb") as opened:
        sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
    return sha256 == str(file["sha256"])


def _verified(chunks: Iterable[bytes], target: Path, sha256: str) -> Iterator[bytes]:
    """Pass `chunks` on; at their end, before the file gets its name, compare their hash."""
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
        yield chunk
    if digest.hexdigest() != sha256:
        raise CommandError(
            f"{target}: the downloaded file has the sha256 {digest.hexdigest()}, not {sha256}: "
            "run the command again"
        )
