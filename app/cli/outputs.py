"""Files that commands write: their format by their suffix, and whole or not at all."""

from collections.abc import Iterable
from pathlib import Path

from app.cli.errors import CommandError, WrongUsage
from models.durable_files import write_chunks_durably

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
    try:
        return write_chunks_durably(out, chunks)
    except OSError as exc:
        raise CommandError(f"{out}: {exc.strerror}") from exc
