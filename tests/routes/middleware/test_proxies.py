"""The service below a path prefix, behind a real reverse proxy."""

import http.client
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest
from pydantic import ValidationError
from running_api import running_api
from studio_pages import pages

from app.domain.settings import Settings

PREFIX = "/pictures/moggy"


def handler(port: int, *, strips: bool, adds: dict[str, str]) -> type[BaseHTTPRequestHandler]:
    """Return the handler of a proxy for the service at `port` below PREFIX."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the standard library's name
            path = self.path.removeprefix(PREFIX) if strips else self.path
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            connection.request(self.command, path, body, dict(self.headers) | adds)
            answer = connection.getresponse()
            data = answer.read()
            connection.close()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("transfer-encoding", "content-length", "server", "date"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: Any) -> None:
            return

    return Handler


@contextmanager
def proxy(url: str, *, strips: bool, **adds: str) -> Iterator[str]:
    port = int(url.rpartition(":")[2])
    headers = {name.replace("_", "-"): value for name, value in adds.items()}
    served = handler(port, strips=strips, adds=headers)
    server = ThreadingHTTPServer(("127.0.0.1", 0), served)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory, valkey_url: str) -> Iterator[Any]:
    """The API with a prefix of its own, which trusts the prefixes of local proxies."""
    folder = tmp_path_factory.mktemp("api")
    settings = Settings(
        home=folder / "home",
        redis_url=valkey_url,
        root_path=f"{PREFIX}/",
        trusted_proxies="127.0.0.0/8",
    )
    with pages(folder / "pages"), running_api(folder, settings) as running:
        yield running


@pytest.mark.parametrize("strips", [True, False])
def test_every_address_in_an_answer_leads_back_through_the_proxy(api: Any, strips: bool) -> None:
    with ExitStack() as stack:
        base = stack.enter_context(proxy(api.url, strips=strips))
        client = stack.enter_context(httpx2.Client(base_url=base, timeout=60))
        for page in ("", "/", "/docs"):
            assert f'<base href="{PREFIX}/" />' in client.get(f"{PREFIX}{page}").text
        document = client.get(f"{PREFIX}/openapi.json").json()
        assert document["servers"] == [{"url": PREFIX}]
        assert client.get(f"{PREFIX}/v1/jobs").status_code == 200
        assert client.get(f"{PREFIX}/v1/jobs/").status_code == 200

        body = {"kind": "evaluate", "dataset": "noise", "model": "plain"}
        created = client.post(f"{PREFIX}/v1/jobs", json=body)
        assert created.status_code == 202, created.text
        assert created.headers["Location"] == f"{PREFIX}/v1/jobs/{created.json()['id']}"
        assert client.get(created.headers["Location"]).json()["id"] == created.json()["id"]
        random = client.get(f"{PREFIX}/v1/models/plain/random.png")
        assert client.get(random.headers["Content-Location"]).content == random.content
        for _ in range(2):  # the second on the fast path
            assert client.get(f"{PREFIX}/v1/models/plain/images/7.png").status_code == 200
        (sample,) = client.get(f"{PREFIX}/v1/jobs/{api.jobs[0]}/samples").json()["items"]
        assert sample["url"].startswith(f"{PREFIX}/")


def test_a_valid_prefix_of_a_trusted_proxy_is_used(api: Any) -> None:
    for header, used in [("/other", "/other"), ("//evil.example", PREFIX), ("/a b", PREFIX)]:
        page = httpx2.get(api.url, headers={"X-Forwarded-Prefix": header}).text
        assert f'<base href="{used}/" />' in page


def test_the_service_answers_without_the_prefix_as_well(api: Any) -> None:
    assert httpx2.get(f"{api.url}/healthz").status_code == 200


def test_the_prefix_of_an_untrusted_proxy_is_ignored(tmp_path: Path, valkey_url: str) -> None:
    settings = Settings(home=tmp_path / "home", redis_url=valkey_url, trusted_proxies="10.0.0.7")
    with running_api(tmp_path, settings) as running:
        headers = {"X-Forwarded-Prefix": "/other"}
        document = httpx2.get(f"{running.url}/openapi.json", headers=headers).json()
        assert "servers" not in document


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("root_path", "moggy"),
        ("root_path", "//evil.example"),
        ("root_path", "/a b"),
        ("root_path", "https://a.example/moggy"),
        ("trusted_proxies", "nginx"),
        ("trusted_proxies", "10.0.0.1/8"),
    ],
)
def test_an_invalid_setting_is_named(setting: str, value: str) -> None:
    with pytest.raises(ValidationError, match=f"MOGGY_{setting.upper()}"):
        Settings.model_validate({setting: value})


def test_a_root_path_of_one_slash_is_no_prefix() -> None:
    assert Settings(root_path="/").root_path is None
