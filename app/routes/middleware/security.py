"""Who may ask: a key where keys are set, else only pages and programs of this very machine."""

import functools
import hmac
import re

from starlette.types import ASGIApp, Receive, Scope, Send

from app.domain.errors import Forbidden, MoggyError, Unauthorized
from app.domain.settings import Settings, is_loopback
from app.routes.openapi import ASSETS, DOCUMENT, PAGE
from app.routes.protocol.problems import problem

# What a load balancer or a browser asks for first, and holds no secret; everything else needs a
# key where there are keys.
OPEN = frozenset({"/", "/healthz", "/readyz", PAGE, DOCUMENT})
METRICS = "/metrics"  # open as well where MOGGY_OPEN_METRICS says so

HOSTS_REMEMBERED = 64
# A name or an IPv4 address, or an IPv6 address in brackets without a zone; then perhaps a port.
HOST = re.compile(r"([a-z0-9.-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?", re.IGNORECASE)
HTTP_PORT = "80"
HTTPS_PORT = "443"
SITE_HEADERS = (
    *(b"host", b"origin", b"sec-fetch-site", b"sec-fetch-mode"),
    *(b"x-forwarded-host", b"x-forwarded-proto"),
)


class Access:
    """What the settings allow."""

    def __init__(self, settings: Settings) -> None:
        self._keys = [key.encode() for key in settings.api_keys]
        self._open = OPEN | {METRICS} if settings.open_metrics else OPEN

    def check(self, scope: Scope) -> None:
        """Raises Unauthorized, Forbidden."""
        if not self._keys:
            _check_site(scope)
        elif scope["path"] not in self._open and not scope["path"].startswith(f"{ASSETS}/"):
            self._check_key(_authorization(scope))

    def _check_key(self, authorization: str) -> None:
        scheme, _, key = authorization.partition(" ")
        given = key.strip().encode()
        # Every key is compared, so that the time taken says nothing about which came close.
        matches = [hmac.compare_digest(given, known) for known in self._keys]
        if scheme.lower() != "bearer" or not any(matches):
            raise Unauthorized("this service needs a key: send `Authorization: Bearer KEY`")


def _authorization(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"authorization":
            return str(value, "latin-1")
    return ""


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


def _check_site(scope: Scope) -> None:
    """Refuse what a page of another site sends through its visitor's browser.

    A foreign Host is DNS rebinding; a foreign Origin is a cross-site request; what a page embeds
    (an image, say) has no Origin, but browsers say where it comes from. A link that is followed
    is let through: its answer is the visitor's, not the page's.
    """
    given: dict[bytes, list[str]] = {name: [] for name in SITE_HEADERS}
    for name, value in scope["headers"]:
        if name in given:
            given[name].append(value.decode("latin-1"))
    hosts, origins, sites, modes, forwarded, schemes = given.values()
    if ("cross-site" in sites or "same-site" in sites) and modes != ["navigate"]:
        raise Forbidden("a page of another site may not use this service")
    host = ", ".join(hosts)  # of several none is believed: a proxy may have read another of them
    site = _local_site(host)
    if site is None:
        raise Forbidden(
            f"Host {host!r} is not this machine: without MOGGY_API_KEYS only localhost is answered"
        )
    allowed = {site}
    if forwarded:
        allowed |= _forwarded_sites(", ".join(forwarded), ", ".join(schemes))
    for origin in origins:
        if _without_http_port(origin.lower()) not in allowed:
            raise Forbidden(f"a page of {origin} may not use this service")


def _forwarded_sites(host: str, scheme: str) -> set[str]:
    """The origins of a page that reaches the service through a proxy on this machine.

    No page of another site can send these headers: its browser would ask for leave first.
    """
    site = _local_site(host)
    if site is None:
        raise Forbidden(
            f"a proxy passes on requests for {host!r}, which is not this machine: without "
            "MOGGY_API_KEYS only localhost is answered"
        )
    secure = site.replace("http://", "https://").removesuffix(f":{HTTPS_PORT}")
    return {secure if scheme.lower() == "https" else site}


@functools.lru_cache(HOSTS_REMEMBERED)
def _local_site(host: str) -> str | None:
    """The origin that a Host, with its port, stands for; None unless it names this machine."""
    parts = HOST.fullmatch(host)
    if parts is None or int(parts[2] or HTTP_PORT) > 65535:
        return None
    if not is_loopback(parts[1].strip("[]").lower()):
        return None
    return _without_http_port(f"http://{host.lower()}")


def _without_http_port(origin: str) -> str:
    return origin.removesuffix(f":{HTTP_PORT}")
