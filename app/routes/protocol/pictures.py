"""Requests with one picture: a multipart form, read into memory, and the picture decoded."""

import shutil
from collections.abc import Collection
from typing import NamedTuple

from anyio import to_thread
from fastapi import Request

from app.domain.errors import InvalidRequest
from app.domain.jobs import new_id
from app.domain.settings import Settings
from app.routes.middleware.body_limit import MAX_LARGE_BYTES
from app.routes.protocol.uploads import UploadRules, receive_upload
from app.serving.pictures import Fit, decode_picture
from models.samples import Pixels

PICTURE = "picture"  # the form field of the file
RULES = UploadRules(PICTURE, 1, MAX_LARGE_BYTES, "the limit for one picture")


class Picture(NamedTuple):
    """A file that may be a picture: the name that its sender gave it, and its bytes."""

    name: str
    data: bytes


class PictureForm(NamedTuple):
    """The text fields of a form, and its picture, None without one."""

    fields: dict[str, str]
    picture: Picture | None


async def receive_picture(
    request: Request, settings: Settings, known_fields: Collection[str]
) -> PictureForm:
    """Receive a form with at most one picture.

    Raises InvalidRequest for a text field that is not in `known_fields`, and what
    `receive_upload` raises.
    """
    folder = settings.home / "incoming" / new_id()
    try:
        upload = await receive_upload(request, folder, settings, RULES)
        for field in upload.fields:
            if field not in known_fields:
                names = ", ".join((PICTURE, *known_fields))
                raise InvalidRequest(
                    f"form field {field[:50]!r} is not known; known are: {names}", field=field[:50]
                )
        if not upload.files:
            return PictureForm(upload.fields, None)
        file = upload.files[0]
        data = await to_thread.run_sync(file.path.read_bytes)
        return PictureForm(upload.fields, Picture(file.name, data))
    finally:
        await to_thread.run_sync(shutil.rmtree, folder, True)


async def decode_in_thread(
    request: Request,
    picture: Picture,
    shape: tuple[int, int, int],
    fit: Fit,
    field: str = PICTURE,
) -> Pixels:
    """Decode a picture to (H, W, C) of `shape`; one at a time, because it takes memory."""
    max_pixels = request.app.state.settings.max_pixels

    def decode() -> Pixels:
        return decode_picture(
            picture.data, picture.name, shape, fit, max_pixels=max_pixels, field=field
        )

    return await to_thread.run_sync(decode, limiter=request.app.state.picture_decoding)
