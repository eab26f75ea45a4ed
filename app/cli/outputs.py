"""Files that commands write: their format by their suffix, and whole or not at all."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from app.cli.errors import CommandError, WrongUsage

IMAGE_FORMATS = {
    ".png": "png",
    ".jpg": "jpg",
    ".jpeg": "jpg",
    ".webp": "webp",
    ".avif": "avif",
    ".zip": "zip",
}
MORPH_FORMATS = {
    ".webp": "webp",
    ".gif": "gif",
    ".apng": "apng",
    ".mp4": "mp4",
    ".png": "strip",
    ".zip": "zip",
}


def image_format(out: Path, count: int) -> str:
    """What to ask for: `out`'s own format for one image, a grid or a zip for several."""
    chosen = _format(out, IMAGE_FORMATS)
    if count == 1 or chosen == "zip":
        return chosen
    if chosen != "png":
        raise WrongUsage(
            f"{out}: several images are written as one grid in a .png, or one by one in a .zip"
        )
    return "grid"


def morph_format(out: Path) -> str:
    """What to ask for: a .png holds the frames side by side."""
    return _format(out, MORPH_FORMATS)


def _format(out: Path, formats: dict[str, str]) -> str:
    if out.suffix.lower() not in formats:
        raise WrongUsage(f"{out}: the file's name must end in {', '.join(formats)}")
    if not out.parent.is_dir():
        raise WrongUsage(f"{out}: there is no folder {out.parent}")
    if out.is_dir():
        raise WrongUsage(f"{out} is a folder")
    return formats[out.suffix.lower()]


def write_file(out: Path, chunks: Iterable[bytes]) -> int:
    """Write `chunks` so that `out` is never seen half done; the bytes written."""
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        with part.open("xb") as file:
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
            written = file.tell()
        part.replace(out)
    except OSError as exc:
        raise CommandError(f"{out}: {exc.strerror}") from exc
    finally:
        with suppress(OSError):  # gone already where all went well
            part.unlink()
    return written
