"""Access control: by key where MOGGY_API_KEYS is set, else only from this machine.

Without keys, the Host and Origin headers must name this machine. Pages of other sites that are open
in a browser on this machine are refused.
"""

import functools
import hmac
import re

from starlette.types import ASGIApp, Receive, Scope, Send

from app.domain.errors import Forbidden, MoggyError, Unauthorized
from app.domain.owners import acting_for
from app.domain.settings import Settings, is_loopback
from app.routes.openapi import DOCUMENT
from app.routes.protocol.problems import problem
from app.routes.studio import ASSETS, REFERENCE, STUDIO

# Open without a key: load balancers and browsers request these first. They hold no secrets.
OPEN_PATHS = frozenset({STUDIO, "/healthz", "/readyz", REFERENCE, DOCUMENT})
METRICS = "/metrics"  # open too where MOGGY_OPEN_METRICS is set

CACHED_HOSTS = 64
# A name, an IPv4 address, or an IPv6 address in brackets without a zone; then an optional port.
HOST = re.compile(r"([a-z0-9.-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?", re.IGNORECASE)
HTTP_PORT = "80"
HTTPS_PORT = "443"
SITE_HEADERS = (
    *(b"host", b"origin", b"sec-fetch-site", b"sec-fetch-mode"),
    *(b"x-forwarded-host", b"x-forwarded-proto"),
)


class AccessPolicy:
    """Decides by the settings whether a request is allowed."""

    def __init__(self, settings: Settings) -> None:
        self._keys = [(key.key.encode(), key.name) for key in settings.api_keys]
        self._open = OPEN_PATHS | {METRICS} if settings.open_metrics else OPEN_PATHS

    def check(self, scope: Scope) -> str | None:
        """Return the name of the request's key; None if it has none, or needs no key.

        Raises Unauthorized or Forbidden unless the request is allowed.
        """
        if not self._keys:
            _check_site(scope)
        elif scope["path"] not in self._open and not scope["path"].startswith(f"{ASSETS}/"):
            return self._check_key(_authorization(scope))
        return None

    def _check_key(self, authorization: str) -> str | None:
        scheme, _, credentials = authorization.partition(" ")
        sent_key = credentials.strip().encode()
        # All keys are compared, so that the time taken does not depend on which one matches.
        matches = [hmac.compare_digest(sent_key, key) for key, _ in self._keys]
        if scheme.lower() != "bearer" or not sent_key:
            raise Unauthorized("this service requires a key: send `Authorization: Bearer KEY`")
        if not any(matches):
            raise Unauthorized(
                "the key that was sent is none of this service's: send one of MOGGY_API_KEYS, "
                "without the name and the = that may stand before it there"
            )
        return self._keys[matches.index(True)][1]


def _authorization(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"authorization":
            return str(value, "latin-1")
    return ""


class AccessGuard:
    """ASGI middleware that refuses requests before any route, those of streams included.

    An allowed request is handled on behalf of the owner whom its key names.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._policy = AccessPolicy(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        owner = None
        if scope["type"] == "http":
            try:
                owner = self._policy.check(scope)
            except MoggyError as error:
                headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else None
                refusal = problem(
                    error.status, error.title, error.detail, error.kind, headers=headers
                )
                await refusal(scope, receive, send)
                return
        with acting_for(owner):
            await self._app(scope, receive, send)


def _check_site(scope: Scope) -> None:
    """Refuse requests that a page of another site sends through its visitor's browser.

    A foreign Host is DNS rebinding. A foreign Origin is a cross-site request. A request for an
    embedded resource, such as an image, has no Origin; for it browsers send Sec-Fetch-Site. A
    followed link is allowed: the page that holds the link cannot read the response.
    """
    values: dict[bytes, list[str]] = {name: [] for name in SITE_HEADERS}
    for name, value in scope["headers"]:
        if name in values:
            values[name].append(value.decode("latin-1"))
    hosts, origins, sites, modes, forwarded, schemes = values.values()
    if ("cross-site" in sites or "same-site" in sites) and modes != ["navigate"]:
        raise Forbidden("a page of another site may not use this service")
    host = ", ".join(hosts)  # several are invalid: a proxy may have used another one
    site = _local_site(host)
    if site is None:
        raise Forbidden(
            f"Host {host!r} is not this machine: without MOGGY_API_KEYS only localhost is served"
        )
    allowed = {site}
    if forwarded:
        allowed |= _forwarded_sites(", ".join(forwarded), ", ".join(schemes))
    for origin in origins:
        if _without_http_port(origin.lower()) not in allowed:
            raise Forbidden(f"a page of {origin} may not use this service")


def _forwarded_sites(host: str, scheme: str) -> set[str]:
    """Return the origins of pages that reach the service through a proxy on this machine.

    A page of another site cannot send these headers: its browser would send a preflight first.
    """
    site = _local_site(host)
    if site is None:
        raise Forbidden(
            f"a proxy forwards requests for {host!r}, which is not this machine: without "
            "MOGGY_API_KEYS only localhost is served"
        )
    secure = site.replace("http://", "https://").removesuffix(f":{HTTPS_PORT}")
    return {secure if scheme.lower() == "https" else site}


@functools.lru_cache(CACHED_HOSTS)
def _local_site(host: str) -> str | None:
    """Return the origin of a Host header with its port; None unless it names this machine."""
    parts = HOST.fullmatch(host)
    if parts is None or int(parts[2] or HTTP_PORT) > 65535:
        return None
    if not is_loopback(parts[1].strip("[]").lower()):
        return None
    return _without_http_port(f"http://{host.lower()}")


def _without_http_port(origin: str) -> str:
    return origin.removesuffix(f":{HTTP_PORT}")
