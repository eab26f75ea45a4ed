"""Moggy's HTTP service as the commands see it: JSON in and out, every failure a CommandError."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self
from urllib.parse import quote, urlsplit

import httpx2

from app.cli.errors import CommandError, ServiceBusy, ServiceUnreachable, WrongUsage
from app.cli.uploads import Part, opened

DEFAULT_URL = "http://127.0.0.1:8000"
LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")
PAGE_SIZE = 200
NOTHING_FOLLOWS = 204  # a stream whose job has ended, after its last event

# Generating a thousand images, or storing a large upload, keeps a client waiting for minutes.
TIMEOUT = httpx2.Timeout(300.0, connect=5.0)
# A stream is never silent for longer: the service sends a comment every few seconds.
STREAM_TIMEOUT = httpx2.Timeout(60.0, connect=5.0)


class ServiceClient:
    """Speaks to the service at `url`; paths are relative to its `/v1`."""

    def __init__(self, url: str = DEFAULT_URL, api_key: str | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise WrongUsage(f"MOGGY_URL {url!r} is not an address like {DEFAULT_URL}")
        self.url = url.rstrip("/")
        self._http = httpx2.Client(
            base_url=f"{self.url}/v1/",
            headers={"Authorization": f"Bearer {api_key}"} if api_key else {},
            timeout=TIMEOUT,
            # A proxy that the environment names for the web cannot reach this machine's loopback.
            trust_env=parts.hostname not in LOCAL_HOSTS,
        )

    @classmethod
    def from_environment(cls) -> Self:
        """The service that MOGGY_URL names, with the key in MOGGY_API_KEY."""
        url = os.environ.get("MOGGY_URL") or DEFAULT_URL
        return cls(url, os.environ.get("MOGGY_API_KEY"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, path: str) -> Any:
        with self._failures():
            return self._json(self._http.get(path))

    def find(self, path: str) -> Any | None:
        """What is at `path`, or None where the service knows nothing by that name."""
        with self._failures():
            response = self._http.get(path)
            return None if response.status_code == 404 else self._json(response)

    def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        with self._failures():
            return self._json(self._http.post(path, json=body))

    def delete(self, path: str) -> None:
        with self._failures():
            _check(self._http.delete(path))

    def items(self, path: str, filters: Mapping[str, str] | None = None) -> Iterator[Any]:
        """Every item of a list that meets the filters, newest first, page after page."""
        cursor: str | None = None
        while True:
            parameters: dict[str, Any] = {"limit": PAGE_SIZE, **(filters or {})}
            if cursor is not None:
                parameters["cursor"] = cursor
            page = self.get(f"{path}?{httpx2.QueryParams(parameters)}")
            yield from page["items"]
            cursor = page["next"]
            if cursor is None:
                return

    def download(self, path: str, body: dict[str, Any]) -> Iterator[bytes]:
        """The bytes that the service makes from `body`, as they come."""
        with self._failures(), self._http.stream("POST", path, json=body) as response:
            _check(response)
            yield from response.iter_bytes()

    def fetch(self, path: str) -> Iterator[bytes]:
        """The bytes of the file at `path`, as they come."""
        with self._failures(), self._http.stream("GET", path) as response:
            _check(response)
            yield from response.iter_bytes()

    def upload(
        self,
        path: str,
        fields: dict[str, str],
        parts: list[Part],
        on_progress: Callable[[int, int], None],
    ) -> Any:
        """Send a multipart form; `on_progress` hears of (bytes sent, bytes in all)."""
        with self._failures(), opened(parts) as files:
            form = self._http.build_request(
                "POST", path, data=fields, files=[("files", file) for file in files]
            )
            assert isinstance(form.stream, httpx2.SyncByteStream)
            total = int(form.headers["Content-Length"])
            response = self._http.post(
                path, content=_counted(form.stream, total, on_progress), headers=form.headers
            )
            return self._json(response)

    def events(self, path: str, last_event_id: str | None) -> Iterator[httpx2.ServerSentEvent]:
        """The server-sent events at `path`, after `last_event_id`, until the stream ends."""
        headers = {"Last-Event-ID": last_event_id} if last_event_id else {}
        with (
            self._failures(),
            self._http.sse(path, headers=headers, timeout=STREAM_TIMEOUT) as source,
        ):
            _check(source.response)
            if source.response.status_code != NOTHING_FOLLOWS:
                yield from source

    def _json(self, response: httpx2.Response) -> Any:
        _check(response)
        try:
            return response.json()
        except ValueError as exc:
            raise CommandError(f"{self.url} is no Moggy service: it answers no JSON") from exc

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except httpx2.ConnectError as exc:
            raise ServiceUnreachable(
                f"No Moggy service answers at {self.url}: start one with `moggy up`, "
                "or set MOGGY_URL."
            ) from exc
        except httpx2.TimeoutException as exc:
            raise ServiceUnreachable(f"The service at {self.url} did not answer in time.") from exc
        except httpx2.HTTPError as exc:
            raise ServiceUnreachable(
                f"The connection to {self.url} broke: {exc or type(exc).__name__}."
            ) from exc


def segment(name: str) -> str:
    """A name as one segment of a path, whatever it holds."""
    return quote(name, safe="", errors="surrogateescape")


def _counted(
    stream: httpx2.SyncByteStream, total: int, on_progress: Callable[[int, int], None]
) -> Iterator[bytes]:
    sent = 0
    for chunk in stream:
        yield chunk
        sent += len(chunk)
        on_progress(sent, total)


def _check(response: httpx2.Response) -> None:
    """Raise what the service says is wrong, as `title: detail (field)`."""
    if response.is_success:
        return
    response.read()
    try:
        problem = response.json()
        title, detail = problem["title"], problem["detail"]
    except (ValueError, KeyError, TypeError) as exc:
        reason = f"{response.status_code} {response.reason_phrase}".strip()
        raise CommandError(f"{response.request.url} answered {reason}") from exc
    field = problem.get("field")
    place = f" ({field})" if field and field not in detail else ""
    refusal = ServiceBusy if response.status_code == 503 else CommandError
    raise refusal(f"{title}: {detail}{place}")
