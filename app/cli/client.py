"""A client of Moggy's HTTP API. Every failure is a CommandError.

Every command imports this module. It imports httpx2 inside functions, so that `--help` is quick.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Self
from urllib.parse import quote, urlencode, urlsplit

from app.cli.errors import CommandError, IndexMissing, ServiceBusy, ServiceUnreachable, WrongUsage

if TYPE_CHECKING:
    import httpx2

    from app.cli.uploads import Part

DEFAULT_URL = "http://127.0.0.1:8000"
LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")
PAGE_SIZE = 200

CONNECT_SECONDS = 5.0
# Generating a thousand images, or storing a large upload, takes minutes.
RESPONSE_SECONDS = 300.0
# The service sends a comment into an event stream every few seconds.
STREAM_SECONDS = 60.0


class ServiceObject(dict[str, Any]):
    """A JSON object in a response. A service of another version may lack a field of it."""

    def __missing__(self, field: str) -> NoReturn:
        raise CommandError(
            f"The service's response lacks the field {field!r}: the service and this command line "
            "are of different versions. Install the same version of Moggy for both."
        )


class ServiceClient:
    """Sends requests to the service at `url`; paths are relative to its `/v1`."""

    def __init__(self, url: str = DEFAULT_URL, api_key: str | None = None) -> None:
        import httpx2

        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise WrongUsage(
                f"MOGGY_URL {url!r} is not an http or https address: use one like {DEFAULT_URL}"
            )
        self.url = url.rstrip("/")
        is_local = parts.hostname in LOCAL_HOSTS
        self._http = httpx2.Client(
            base_url=f"{self.url}/v1/",
            headers={"Authorization": f"Bearer {api_key}"} if api_key else {},
            timeout=httpx2.Timeout(RESPONSE_SECONDS, connect=CONNECT_SECONDS),
            # A web proxy in the environment cannot reach the loopback of this machine.
            trust_env=not is_local,
            # Reading the certificates of all authorities takes 60 ms.
            verify=not (is_local and parts.scheme == "http"),
        )

    @classmethod
    def from_environment(cls) -> Self:
        """A client of the service that MOGGY_URL names, with the key in MOGGY_API_KEY."""
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
        """Return the JSON at `path`, or None for a 404."""
        with self._failures():
            response = self._http.get(path)
            return None if response.status_code == 404 else self._json(response)

    def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        with self._failures():
            return self._json(self._http.post(path, json=body))

    def patch(self, path: str, body: dict[str, Any]) -> Any:
        with self._failures():
            return self._json(self._http.patch(path, json=body))

    def post_file(self, path: str, data: bytes, *, is_json: bool) -> Any:
        """Send the bytes of a file as the body."""
        media_type = "application/json" if is_json else "application/octet-stream"
        with self._failures():
            return self._json(
                self._http.post(path, content=data, headers={"Content-Type": media_type})
            )

    def delete(self, path: str) -> None:
        with self._failures():
            _raise_for_problem(self._http.delete(path))

    def items(self, path: str, filters: Mapping[str, str] | None = None) -> Iterator[Any]:
        """Yield every item of a list that meets the filters, page after page."""
        cursor: str | None = None
        while True:
            parameters: dict[str, Any] = {"limit": PAGE_SIZE, **(filters or {})}
            if cursor is not None:
                parameters["cursor"] = cursor
            page = self.get(f"{path}?{urlencode(parameters)}")
            yield from page["items"]
            cursor = page["next"]
            if cursor is None:
                return

    def download(self, path: str, body: dict[str, Any] | None = None) -> Iterator[bytes]:
        """Yield the bytes of the response: to a POST of `body`, or to a GET without one."""
        method = "GET" if body is None else "POST"
        with self._failures(), self._http.stream(method, path, json=body) as response:
            _raise_for_problem(response)
            yield from response.iter_bytes()

    def upload(
        self,
        path: str,
        fields: dict[str, Any],
        parts: list[Part],
        field: str = "files",
        on_progress: Callable[[int, int], None] | None = None,
    ) -> Any:
        """Send a multipart form with the parts as `field`; `on_progress` is called with (bytes
        sent, total bytes)."""
        import httpx2

        from app.cli.uploads import opened

        with self._failures(), opened(parts) as files:
            form = self._http.build_request(
                "POST",
                path,
                data=_form_fields(fields),
                files=[(field, file) for file in files],
            )
            assert isinstance(form.stream, httpx2.SyncByteStream)
            total = int(form.headers["Content-Length"])
            response = self._http.post(
                path,
                content=_report_progress(form.stream, total, on_progress),
                headers=form.headers,
            )
            return self._json(response)

    def send_form(self, path: str, fields: dict[str, Any], files: dict[str, list[Path]]) -> Any:
        """Send a multipart form with a few small files in each field."""
        parts = [
            (field, (file.name, file.read_bytes(), "application/octet-stream"))
            for field, of_field in files.items()
            for file in of_field
        ]
        with self._failures():
            return self._json(self._http.post(path, data=_form_fields(fields), files=parts))

    def events(self, path: str, last_event_id: str | None) -> Iterator[httpx2.ServerSentEvent]:
        """Yield the server-sent events at `path` after `last_event_id` until the stream ends."""
        import httpx2

        headers = {"Last-Event-ID": last_event_id} if last_event_id else {}
        timeout = httpx2.Timeout(STREAM_SECONDS, connect=CONNECT_SECONDS)
        with (
            self._failures(),
            self._http.sse(path, headers=headers, timeout=timeout) as source,
        ):
            _raise_for_problem(source.response)
            if source.response.status_code != 204:  # the job has ended, and no event follows
                yield from source

    def _json(self, response: httpx2.Response) -> Any:
        _raise_for_problem(response)
        try:
            return response.json(object_hook=ServiceObject)
        except ValueError as exc:
            raise CommandError(
                f"{self.url} is not a Moggy service, because its response is not JSON: set "
                "MOGGY_URL to the address of a Moggy service"
            ) from exc

    @contextmanager
    def _failures(self) -> Iterator[None]:
        """Turn the errors of httpx2 into ServiceUnreachable."""
        import httpx2

        try:
            yield
        except httpx2.ConnectError as exc:
            raise ServiceUnreachable(
                f"No Moggy service answers at {self.url}: start one with `moggy up`, "
                "or set MOGGY_URL."
            ) from exc
        except httpx2.TimeoutException as exc:
            raise ServiceUnreachable(
                f"The service at {self.url} did not respond in time: try again, or read the "
                "service's log."
            ) from exc
        except httpx2.HTTPError as exc:
            raise ServiceUnreachable(
                f"The connection to {self.url} broke: {exc or type(exc).__name__}. Try again."
            ) from exc


def segment(name: str) -> str:
    """Quote `name` as one segment of a path."""
    return quote(name, safe="", errors="surrogateescape")


def _form_fields(fields: dict[str, Any]) -> dict[str, str]:
    """The fields as a form has them: text as it is, other values as JSON."""
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in fields.items()
    }


def _report_progress(
    stream: httpx2.SyncByteStream, total: int, on_progress: Callable[[int, int], None] | None
) -> Iterator[bytes]:
    sent = 0
    for chunk in stream:
        yield chunk
        sent += len(chunk)
        if on_progress is not None:
            on_progress(sent, total)


def _raise_for_problem(response: httpx2.Response) -> None:
    """Raise the problem that the service reports as `title: detail (field)`."""
    if response.is_success:
        return
    response.read()
    try:
        problem = response.json()
        title, detail = problem["title"], problem["detail"]
    except (ValueError, KeyError, TypeError) as exc:
        reason = f"{response.status_code} {response.reason_phrase}".strip()
        raise CommandError(
            f"{response.request.url} returned HTTP {reason} without an error description: check "
            "MOGGY_URL and the service's log"
        ) from exc
    field = problem.get("field")
    suffix = f" ({field})" if field and field not in detail else _list_hint(detail)
    message = f"{title}: {detail}{suffix}"
    if isinstance(problem.get("job"), str):
        raise IndexMissing(message, problem["job"])
    error = ServiceBusy if response.status_code == 503 else CommandError
    raise error(message)


def _list_hint(detail: str) -> str:
    """The command that lists what exists, for a name that does not."""
    for noun in ("dataset", "model", "job"):
        if detail.startswith(f"there is no {noun} "):
            return f": `moggy {noun}s` lists the {noun}s"
    return ""
