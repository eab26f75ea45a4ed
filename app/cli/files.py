"""The files of a job, brought to a folder and compared with their hashes."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app.cli.client import ServiceClient, segment
from app.cli.errors import CommandError, WrongUsage
from app.cli.outputs import write_file
from app.cli.progress import View
from app.cli.tables import size


def check_folder(out: Path) -> None:
    """Refuse what can be no folder, before anything is asked for."""
    if out.exists() and not out.is_dir():
        raise WrongUsage(f"{out} is no folder")


def fetch_files(client: ServiceClient, job_id: str, out: Path, view: View) -> list[Path]:
    """Bring all files of the job to `out`, but for those that are there already; where they are.

    Each is seen whole or not at all. Raises CommandError for one that is not what was stored.
    """
    path = f"jobs/{segment(job_id)}/files"
    files = list(client.items(path))[::-1]  # as they were made, the manifest last
    total, done = sum(file["bytes"] for file in files), 0
    out.mkdir(parents=True, exist_ok=True)
    view.describe("downloading")
    for file in files:
        target = out / Path(file["name"]).name
        if not _is_there(target, file):
            _fetch(client.fetch(f"{path}/{segment(file['name'])}"), target, file)
        done += file["bytes"]
        view.update(done, total, f"{size(done)} of {size(total)}")
    return [out / Path(file["name"]).name for file in files]


def _is_there(target: Path, file: dict[str, Any]) -> bool:
    if not target.is_file() or target.stat().st_size != file["bytes"]:
        return False
    with target.open("rb") as opened:
        found = hashlib.file_digest(opened, "sha256").hexdigest()
    return found == str(file["sha256"])


def _fetch(pieces: Iterator[bytes], target: Path, file: dict[str, Any]) -> None:
    def checked() -> Iterator[bytes]:
        found = hashlib.sha256()
        for piece in pieces:
            found.update(piece)
            yield piece
        if found.hexdigest() != file["sha256"]:  # before it has its name
            raise CommandError(
                f"{target}: what came has the sha256 {found.hexdigest()}, not {file['sha256']}"
            )

    write_file(target, checked())
