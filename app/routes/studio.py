"""The pages of a browser: the studio at / and the API reference at /docs, with their files.

Both are built from `studio/` into `app/studio_files`. Their policy allows nothing but this
service: no inline script or style, and no data: address.
"""

import functools
import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path

from fastapi import Request, Response

from app.domain.errors import NotFound, Unavailable
from app.routes.middleware.proxies import public_path
from app.routes.openapi import new_router
from app.routes.protocol.caching import IMMUTABLE, is_not_modified
from app.routes.protocol.negotiation import accepts_coding

STUDIO = "/"
REFERENCE = "/docs"
ASSETS = "/assets"  # the files' names contain a hash of their content
FOLDER = Path(__file__).resolve().parent.parent / "studio_files"
POLICY = {
    "Content-Security-Policy": "default-src 'self'",
    "X-Frame-Options": "SAMEORIGIN",  # default-src does not restrict who may embed the page
    "X-Content-Type-Options": "nosniff",
}
BASE = '<base href="/" />'
COMPRESSED_TYPES = ("text/", "image/svg")
NOT_BUILT = (
    "the pages of the studio are not built: run `make studio` in a checkout, or install a wheel of "
    "Moggy, which has them. The API answers without them"
)

router = new_router(include_in_schema=False)


@dataclass(frozen=True)
class _File:
    content: bytes
    gzipped: bytes | None
    media_type: str


# The routes are async: they must answer without a key, even when no thread is free. Files stay in
# memory until they change, so that pages that are built again are served without a restart.


@router.get(STUDIO)
async def show_studio(request: Request) -> Response:
    return _page(request, "index.html")


@router.get(REFERENCE)
async def show_reference(request: Request) -> Response:
    return _page(request, "docs.html")


@router.get(f"{ASSETS}/{{name}}")
async def get_asset(request: Request, name: str) -> Response:
    folder = FOLDER / ASSETS.removeprefix("/")
    try:
        names = _names(folder, _modified(folder))
        file = _read_asset(folder / name, _modified(folder / name)) if name in names else None
    except OSError:  # the pages are not built, or are being built again
        file = None
    if file is None:
        raise NotFound(f"there is no file {name!r} at {ASSETS}")
    headers = {"Cache-Control": IMMUTABLE, "Vary": "Accept-Encoding"} | POLICY
    accepted = ",".join(request.headers.getlist("accept-encoding"))
    if file.gzipped is not None and accepts_coding(accepted, "gzip"):
        headers["Content-Encoding"] = "gzip"
        return Response(file.gzipped, headers=headers, media_type=file.media_type)
    return Response(file.content, headers=headers, media_type=file.media_type)


def _page(request: Request, name: str) -> Response:
    """A page, whose addresses are relative to the path that its <base> names."""
    try:
        page = _read_page(FOLDER / name, _modified(FOLDER / name))
        page = page.replace(BASE, f'<base href="{public_path("/")}" />')
    except OSError as exc:
        raise Unavailable(NOT_BUILT) from exc
    etag = hashlib.sha256(page.encode()).hexdigest()[:32]
    headers = {"ETag": f'"{etag}"', "Cache-Control": "no-cache"} | POLICY
    if is_not_modified(request, headers):
        return Response(status_code=304, headers=headers)
    return Response(page, headers=headers, media_type="text/html")


def _modified(path: Path) -> int:
    return path.stat().st_mtime_ns


@functools.lru_cache(4)
def _read_page(path: Path, _time: int) -> str:
    return path.read_text("utf-8")


@functools.lru_cache(1)
def _names(folder: Path, _time: int) -> frozenset[str]:
    return frozenset(file.name for file in folder.iterdir())


@functools.lru_cache(256)
def _read_asset(path: Path, _time: int) -> _File:
    content = path.read_bytes()
    media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    gzipped = gzip.compress(content) if media_type.startswith(COMPRESSED_TYPES) else None
    return _File(content, gzipped, media_type)
