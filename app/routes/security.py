"""Who may ask: a key where keys are set, else only pages and programs of this very machine."""

import functools
import hmac
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.domain.errors import Forbidden, MoggyError, Unauthorized
from app.domain.settings import Settings, is_loopback
from app.routes.problems import problem

# What a load balancer or a scraper asks for; everything else needs a key where there are keys.
OPEN = frozenset({"/", "/healthz", "/readyz", "/metrics", "/docs", "/openapi.json"})


HOSTS_REMEMBERED = 64


class Access:
    """What the settings allow."""

    def __init__(self, settings: Settings) -> None:
        self._keys = [key.encode() for key in settings.api_keys]

    def check(self, scope: Scope) -> None:
        """Raises Unauthorized, Forbidden."""
        headers = Headers(scope=scope)
        if not self._keys:
            _check_site(headers)
        elif scope["path"] not in OPEN:
            self._check_key(headers.get("authorization", ""))

    def _check_key(self, authorization: str) -> None:
        scheme, _, key = authorization.partition(" ")
        given = key.strip().encode()
        # Every key is compared, so that the time taken says nothing about which came close.
        matches = [hmac.compare_digest(given, known) for known in self._keys]
        if scheme.lower() != "bearer" or not any(matches):
            raise Unauthorized("this service needs a key: send `Authorization: Bearer KEY`")


class AccessGuard:
    """ASGI middleware, since it stands before every route, streams included."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._access = Access(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                self._access.check(scope)
            except MoggyError as error:
                headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else None
                refusal = problem(error.status, error.title, error.detail, headers=headers)
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _check_site(headers: Headers) -> None:
    """Refuse what a page of another site sends through its visitor's browser.

    A foreign Host is DNS rebinding; a foreign Origin is a cross-site request; what a page embeds
    (an image, say) has no Origin, but browsers say where it comes from. A link that is followed
    is let through: its answer is the visitor's, not the page's.
    """
    host = headers.get("host", "")
    site, mode = headers.get("sec-fetch-site"), headers.get("sec-fetch-mode")
    if site in ("cross-site", "same-site") and mode != "navigate":
        raise Forbidden("a page of another site may not use this service")
    if not _is_here(host):
        raise Forbidden(
            f"Host {host!r} is not this machine: without MOGGY_API_KEYS only localhost is answered"
        )
    origin = headers.get("origin")
    if origin is not None and origin.lower() != f"http://{host.lower()}":
        raise Forbidden(f"a page of {origin} may not use this service")


@functools.lru_cache(HOSTS_REMEMBERED)
def _is_here(host: str) -> bool:
    """Whether a Host, with its port, names this machine; asked at every request."""
    try:
        return is_loopback((urlsplit(f"//{host}").hostname or "").lower())
    except ValueError:  # an unclosed bracket
        return False
