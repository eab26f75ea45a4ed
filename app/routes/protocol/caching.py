"""Caching headers: ETag, Cache-Control and If-None-Match (RFC 9110 and 9111)."""

import hashlib

from fastapi import Request

from app.domain.images.encoders import ENCODER
from app.serving.video import VIDEO_ENCODER

IMMUTABLE = "max-age=31536000, immutable"  # one year


def cache_headers(recipe: str, file_format: str, checkpoint_id: str | None) -> dict[str, str]:
    """Return the ETag and Cache-Control of a file made from a recipe, given as text.

    The ETag is a hash of all that determines the bytes: the recipe, the format and the encoder.
    Only a URL that names its checkpoint is immutable: a model may serve another one later.
    """
    encoder = f"{ENCODER}+{VIDEO_ENCODER}" if file_format == "mp4" else ENCODER
    identity = f"{recipe} {file_format} {encoder}"
    return {
        "ETag": f'"{hashlib.sha256(identity.encode()).hexdigest()[:32]}"',
        "Cache-Control": "no-cache" if checkpoint_id is None else IMMUTABLE,
    }


def is_not_modified(request: Request, headers: dict[str, str]) -> bool:
    """Whether the client already has the response with these headers, by its `If-None-Match`."""
    return matches_etag(request.headers.get("if-none-match"), headers)


def matches_etag(if_none_match: str | None, headers: dict[str, str]) -> bool:
    """Whether `If-None-Match` lists the ETag in `headers`, strong or weak, or is `*`."""
    if if_none_match is None:
        return False
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return headers["ETag"] in tags or "*" in tags
