"""The OpenAPI document and a page that shows it, whose script and style come from a package: it
works without the web, and below a prefix."""

import functools
from importlib.resources import files
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse, JSONResponse

from app.domain.errors import NotFound
from app.routes.proxies import public_path

PAGE = "/docs"
ASSETS = f"{PAGE}/assets"
DOCUMENT = "/openapi.json"
ASSET_TYPES = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon.png": "image/png",
}
# Swagger UI would show a badge of a validator on the web.
OPTIONS: dict[str, Any] = {"validatorUrl": None}

router = APIRouter(include_in_schema=False)


@router.get(DOCUMENT)
async def get_document(request: Request) -> JSONResponse:  # in no thread: it needs no key
    document: dict[str, Any] = request.app.openapi()
    prefix = public_path("")
    return JSONResponse(document | {"servers": [{"url": prefix}]} if prefix else document)


@router.get(PAGE)
async def show_document() -> HTMLResponse:
    assets = public_path(ASSETS)
    return get_swagger_ui_html(
        openapi_url=public_path(DOCUMENT),
        title="Moggy",
        swagger_js_url=f"{assets}/swagger-ui-bundle.js",
        swagger_css_url=f"{assets}/swagger-ui.css",
        swagger_favicon_url=f"{assets}/favicon.png",
        swagger_ui_parameters=OPTIONS,
    )


@router.get(f"{ASSETS}/{{name}}")
async def get_asset(name: str) -> Response:  # in no thread either: it is held in memory
    if name not in ASSET_TYPES:
        raise NotFound(f"there is no file {name!r} at {ASSETS}")
    headers = {"Cache-Control": "max-age=86400"}
    return Response(_read_asset(name), headers=headers, media_type=ASSET_TYPES[name])


@functools.cache
def _read_asset(name: str) -> bytes:
    return (files("fastapi_offline") / "static" / name).read_bytes()
