"""CORS: the pages of other sites that may call the service, by MOGGY_CORS_ORIGINS."""

from collections.abc import Collection

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.routes.protocol.deadlines import DEADLINE_HEADER
from app.routes.protocol.problems import METHODS, problem

ALLOWED_HEADERS = (
    *("Authorization", "Content-Type", "Idempotency-Key", "If-None-Match", "If-Range"),
    *("Last-Event-ID", "Range", DEADLINE_HEADER),
)
EXPOSED_HEADERS = (
    *("Accept-Ranges", "Content-Disposition", "Content-Location", "Content-Range", "ETag"),
    *("Location", "Moggy-Frames", "Moggy-Samples", "Moggy-Seed", "Retry-After"),
    "WWW-Authenticate",
)
PREFLIGHT_SECONDS = 600


class Cors(CORSMiddleware):
    """Starlette's CORSMiddleware, with problem documents, and `Vary: Origin` on every response.

    Without `Vary` a cache could give a page the response to a request without an Origin, which
    lacks the CORS headers.
    """

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        super().__init__(
            app,
            allow_origins=origins,
            allow_methods=METHODS,
            allow_headers=ALLOWED_HEADERS,
            expose_headers=EXPOSED_HEADERS,
            allow_private_network=True,
            max_age=PREFLIGHT_SECONDS,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_varying(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if "origin" not in headers.get("vary", "").lower():
                    headers.add_vary_header("Origin")
            await send(message)

        await super().__call__(scope, receive, send_varying)

    def preflight_response(self, request_headers: Headers) -> Response:
        response = super().preflight_response(request_headers)
        if response.status_code == 200:
            return response
        detail = (
            f"a page of {request_headers['origin']} may not send this request: "
            f"{bytes(response.body).decode()} (MOGGY_CORS_ORIGINS names the pages that may)"
        )
        kept = {name: value for name, value in response.headers.items() if "content" not in name}
        return problem(403, "Forbidden", detail, "forbidden", headers=kept)
