"""The recipe that a file of ours carries, read back from its bytes."""

import io
from typing import Any

from PIL import Image, UnidentifiedImageError
from pydantic_core import from_json

from app.domain.errors import InvalidRequest
from app.domain.pictures.encoders import EXIF_IFD, RECIPE_KEY, USER_COMMENT
from app.domain.pictures.recipes import Recipe

FORMATS = {"PNG": "png", "JPEG": "jpg", "WEBP": "webp", "AVIF": "avif", "GIF": "gif"}
ASCII = b"ASCII\0\0\0"  # how EXIF says in what the comment is written


def read_recipe(data: bytes) -> tuple[Recipe, str]:
    """The recipe inside a file, and the file's format: png, apng, jpg, webp, avif or gif.

    Raises InvalidRequest where the bytes are none of these, or hold no recipe. No pixel is decoded.
    """
    try:
        with Image.open(io.BytesIO(data), formats=tuple(FORMATS)) as image:
            text, file_format = _comment(image), FORMATS[str(image.format)]
            if file_format == "png" and getattr(image, "is_animated", False):
                file_format = "apng"
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, RuntimeError) as exc:
        raise InvalidRequest(
            f"the body is no picture: send a file of this service as it is, not in a form (curl's "
            f"--data-binary), which is one of {', '.join(FORMATS.values())}"
        ) from exc
    except Image.DecompressionBombError as exc:
        raise InvalidRequest(f"the picture is too large: {exc}") from exc
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
    return recipe, file_format


def _comment(image: Image.Image) -> Any:
    if image.format == "PNG":
        return image.info.get(RECIPE_KEY)
    if image.format == "GIF":
        return image.info.get("comment")
    comment = image.getexif().get_ifd(EXIF_IFD).get(USER_COMMENT)
    return comment.removeprefix(ASCII) if isinstance(comment, bytes) else None
