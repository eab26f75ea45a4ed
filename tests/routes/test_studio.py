"""The pages of the studio over HTTP: their policy, their caching, and their absence."""

import gzip
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from api import Api
from fastapi.testclient import TestClient
from studio_pages import FONT_PATH, PAGE, SCRIPT, SCRIPT_PATH, pages, served_from

from app.domain.settings import Settings
from app.main import create_app

PAGES = ("/", "/docs")


@pytest.fixture(scope="module")
def client(shared_api: Api, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with pages(tmp_path_factory.mktemp("pages") / "files"):
        yield shared_api.client


@pytest.mark.parametrize("path", PAGES)
def test_a_page_may_load_only_from_the_service_and_be_embedded_only_by_it(
    client: TestClient, path: str
) -> None:
    page = client.get(path)
    assert (page.status_code, page.text) == (200, PAGE)
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["content-security-policy"] == "default-src 'self'"
    assert page.headers["x-frame-options"] == "SAMEORIGIN"


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_checked_at_each_visit_and_sent_only_if_it_changed(
    client: TestClient, path: str
) -> None:
    page = client.get(path)
    assert page.headers["cache-control"] == "no-cache"
    again = client.get(path, headers={"If-None-Match": page.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("path", [SCRIPT_PATH, FONT_PATH])
def test_the_files_of_a_page_are_kept_for_ever(client: TestClient, path: str) -> None:
    file = client.get(path)
    assert file.status_code == 200
    assert file.headers["cache-control"] == "max-age=31536000, immutable"
    assert file.headers["x-content-type-options"] == "nosniff"


def test_text_is_compressed_where_gzip_is_accepted(client: TestClient) -> None:
    with client.stream("GET", SCRIPT_PATH, headers={"Accept-Encoding": "gzip"}) as script:
        raw = b"".join(script.iter_raw())
    assert script.headers["content-encoding"] == "gzip"
    assert script.headers["content-type"].startswith("text/javascript")
    assert gzip.decompress(raw).decode() == SCRIPT
    plain = client.get(SCRIPT_PATH, headers={"Accept-Encoding": "identity"})
    assert ("content-encoding" in plain.headers, plain.text) == (False, SCRIPT)
    assert plain.headers["vary"] == "Accept-Encoding"
    assert "content-encoding" not in client.get(FONT_PATH).headers


@pytest.mark.parametrize("name", ["absent.js", "..%2findex.html", "%2e%2e%2findex.html"])
def test_only_the_files_of_the_pages_are_served(client: TestClient, name: str) -> None:
    assert client.get(f"/assets/{name}").status_code == 404


def test_pages_and_their_files_need_no_key_and_calls_do(client: TestClient, tmp_path: Path) -> None:
    keyed = TestClient(create_app(Settings(home=tmp_path, api_keys="secret")))
    for path in (*PAGES, SCRIPT_PATH, "/openapi.json"):
        assert keyed.get(path).status_code == 200, path
    for path in ("/assets/../v1/jobs", "/assets/..%2fv1/jobs", "/v1/jobs"):
        assert keyed.get(path).status_code in (401, 404), path


def test_pages_that_are_not_built_are_named_and_the_api_answers_without_them(
    shared_api: Api, tmp_path: Path
) -> None:
    with served_from(tmp_path / "absent"):
        page = shared_api.client.get("/")
        assert page.status_code == 503
        assert "run `make studio`" in page.json()["detail"]
        assert shared_api.client.get(SCRIPT_PATH).status_code == 404
        assert shared_api.client.get("/v1/models").status_code == 200


def test_pages_that_are_built_again_are_served_without_a_restart(
    shared_api: Api, tmp_path: Path
) -> None:
    client, folder = shared_api.client, tmp_path / "files"
    with pages(folder):
        before = client.get("/").headers["etag"]
        assert client.get("/assets/page-new.js").status_code == 404
        (folder / "assets" / "page-new.js").write_text("new")
        (folder / "index.html").write_text(f"{PAGE}<p>new</p>")
        for changed in (folder / "index.html", folder / "assets"):
            os.utime(changed, (1, 1))  # surely another time than before
        page = client.get("/", headers={"If-None-Match": before})
        assert (page.status_code, page.text) == (200, f"{PAGE}<p>new</p>")
        assert client.get("/assets/page-new.js").text == "new"
        (folder / "assets" / "page-new.js").unlink()
        assert client.get("/assets/page-new.js").status_code == 404
