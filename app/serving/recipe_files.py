"""The recipe that a file of ours carries, read back from its bytes."""

import io
import struct
import zipfile
from typing import Any

from PIL import Image, UnidentifiedImageError
from pydantic_core import from_json

from app.domain.errors import InvalidRequest
from app.domain.images.encoders import EXIF_IFD, RECIPE_KEY, USER_COMMENT
from app.domain.images.recipes import Recipe
from app.serving.sheets import SPRITE_SHEET

FORMATS = {"PNG": "png", "JPEG": "jpg", "WEBP": "webp", "AVIF": "avif", "GIF": "gif"}
MEDIA = (*FORMATS.values(), "mp4", "zip")
ASCII = b"ASCII\0\0\0"  # how EXIF says in what the comment is written
FILM_BRANDS = (b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1")
COMMENT_BOXES = (b"moov", b"udta", b"meta", b"ilst", b"\xa9cmt", b"data")


def read_recipe(data: bytes) -> tuple[Recipe, str]:
    """The recipe inside a file, and the file's format: png, apng, jpg, webp, avif, gif, mp4,
    sprites or zip. That of a zip is {"images": [the recipe of each picture in it]}.

    Raises InvalidRequest where the bytes are none of these, or hold no recipe. No pixel is decoded.
    """
    if data.startswith(b"PK\3\4"):
        return _zip_recipe(data)
    if data[4:8] == b"ftyp" and data[8:12] in FILM_BRANDS:
        return _parsed(_film_comment(data), "mp4"), "mp4"
    return _picture_recipe(data)


def open_entry(archive: zipfile.ZipFile, name: str) -> bytes:
    """A file in a zip as this service writes it. Raises BadZipFile for a compressed one: it could
    unpack to any size."""
    if archive.getinfo(name).compress_type != zipfile.ZIP_STORED:
        raise zipfile.BadZipFile(f"{name} is compressed")
    return archive.read(name)


def _zip_recipe(data: bytes) -> tuple[Recipe, str]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if SPRITE_SHEET in archive.namelist():
                return _picture_recipe(open_entry(archive, SPRITE_SHEET))[0], "sprites"
            names = [name for name in archive.namelist() if name.endswith(".png")]
            if not names:
                raise InvalidRequest("this zip holds no picture, and so no recipe")
            recipes = [_picture_recipe(open_entry(archive, name))[0] for name in names]
            return {"images": recipes}, "zip"
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError) as exc:
        raise InvalidRequest(f"this zip is not as the service wrote it: {exc}") from exc


def _film_comment(data: bytes) -> str | None:
    """The comment of an MP4, found as ISO/IEC 14496-12 and iTunes' metadata lay it out."""
    start, end = 0, len(data)
    for name in COMMENT_BOXES:
        box = _find_box(data, start, end, name)
        if box is None:
            return None
        start, end = box
        start += {b"meta": 4, b"data": 8}.get(name, 0)  # version and flags; type and language
    return data[start:end].decode("utf-8", "replace")


def _find_box(data: bytes, start: int, end: int, name: bytes) -> tuple[int, int] | None:
    """Where the content of the first box of this name begins and ends."""
    while start + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, start)
        if size == 0:  # to the end
            size = end - start
        if size < 8:  # 1: 64 bits follow, of more than any file of ours has
            return None
        if kind == name:
            return start + 8, min(start + size, end)
        start += size
    return None


def _picture_recipe(data: bytes) -> tuple[Recipe, str]:
    try:
        with Image.open(io.BytesIO(data), formats=tuple(FORMATS)) as image:
            text, file_format = _comment(image), FORMATS[str(image.format)]
            if file_format == "png" and getattr(image, "is_animated", False):
                file_format = "apng"
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, RuntimeError) as exc:
        raise InvalidRequest(
            f"the body is no picture: send a file of this service as it is, not in a form (curl's "
            f"--data-binary), which is one of {', '.join(MEDIA)}"
        ) from exc
    except Image.DecompressionBombError as exc:
        raise InvalidRequest(f"the picture is too large: {exc}") from exc
    return _parsed(text, file_format), file_format


def _parsed(text: Any, file_format: str) -> Recipe:
    try:
        # Strict: what is no JSON to others, NaN say, could not be answered as JSON either.
        recipe = from_json(text or "", allow_inf_nan=False)
    except (ValueError, TypeError):
        recipe = None
    if not isinstance(recipe, dict):
        raise InvalidRequest(
            f"this {file_format} holds no recipe: either it was not made here, or a program that "
            "saved it again has dropped it"
        )
    return recipe


def _comment(image: Image.Image) -> Any:
    if image.format == "PNG":
        return image.info.get(RECIPE_KEY)
    if image.format == "GIF":
        return image.info.get("comment")
    comment = image.getexif().get_ifd(EXIF_IFD).get(USER_COMMENT)
    return comment.removeprefix(ASCII) if isinstance(comment, bytes) else None
