"""The path prefix of a reverse proxy: MOGGY_ROOT_PATH, or X-Forwarded-Prefix where it is trusted.

The proxy may strip the prefix from the path or leave it. Routes receive paths without the prefix;
every address in a response has it.
"""

import re
from contextvars import ContextVar
from ipaddress import ip_address, ip_network

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.domain.settings import ROOT_PATH, Settings

FORWARDED_PREFIX = "x-forwarded-prefix"
ADDRESS_HEADERS = ("Location", "Content-Location")

_prefix: ContextVar[str] = ContextVar("prefix", default="")


def public_path(path: str) -> str:
    """Return the path below the prefix that the client of this request uses."""
    return _prefix.get() + path


class ProxyPrefix:
    """ASGI middleware: strips the prefix from paths, and adds it to the addresses in headers."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._root_path = settings.root_path or ""
        self._trusted = [ip_network(network) for network in settings.trusted_proxies]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        prefix = self._prefix_of(scope) if scope["type"] == "http" else ""
        if not prefix:
            await self._app(scope, receive, send)
            return

        async def send_prefixed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name in ADDRESS_HEADERS:
                    if headers.get(name, "").startswith("/"):
                        headers[name] = prefix + headers[name]
            await send(message)

        token = _prefix.set(prefix)
        try:
            await self._app(_stripped(scope, prefix), receive, send_prefixed)
        finally:
            _prefix.reset(token)

    def _prefix_of(self, scope: Scope) -> str:
        if self._trusted and self._is_trusted(scope):
            forwarded = Headers(scope=scope).get(FORWARDED_PREFIX, "").rstrip("/")
            if re.fullmatch(ROOT_PATH, forwarded):
                return forwarded
        return self._root_path

    def _is_trusted(self, scope: Scope) -> bool:
        try:
            peer = ip_address(scope["client"][0])
        except (TypeError, ValueError):  # a Unix socket
            return False
        return any(peer in network for network in self._trusted)


def _stripped(scope: Scope, prefix: str) -> Scope:
    path: str = scope["path"]
    if path != prefix and not path.startswith(f"{prefix}/"):
        return scope
    raw_path: bytes = scope.get("raw_path", b"")
    return {
        **scope,
        "path": path[len(prefix) :] or "/",
        "raw_path": raw_path.removeprefix(prefix.encode()) or b"/",
    }
