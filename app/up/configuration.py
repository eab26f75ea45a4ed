"""Settings from the environment and the command line, with errors as sentences."""

import errno
import socket
from typing import Any

from app.domain import startup
from app.domain.settings import Settings
from app.domain.startup import StartError


def load_settings(given: dict[str, Any]) -> Settings:
    """All settings of the environment, with those `given` on the command line above them."""
    return startup.load_settings(Settings, given)


def refuse_taken_port(settings: Settings) -> None:
    """Raise StartError where the service could not bind its address."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as uvicorn binds
            probe.bind(address)
    except OSError as exc:
        if exc.errno == errno.EADDRINUSE:
            raise StartError(
                f"Port {settings.port} of {settings.host} is in use by another program: "
                "stop it, or choose another with --port."
            ) from exc
        raise StartError(f"Cannot bind {settings.host} port {settings.port}: {exc}") from exc


def address(settings: Settings) -> str:
    """Where a browser on this machine finds the service."""
    return f"http://{url_host(settings)}:{settings.port}"


def url_host(settings: Settings) -> str:
    """The host as a URL has it; an address that means every interface is reached by loopback."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
    return f"[{host}]" if ":" in host else host
