"""The page of the API's document: complete without the web."""

import re
from pathlib import Path

from fastapi.testclient import TestClient

from app.domain.settings import Settings
from app.main import create_app


def test_the_page_loads_nothing_from_elsewhere(client: TestClient) -> None:
    page = client.get("/docs").text
    loaded = re.findall(r"(?:src|href)=\"([^\"]+)\"", page)
    assert len(loaded) == 3  # script, style, icon
    for address in loaded:
        assert address.startswith("/docs/assets/")
        assert client.get(address).status_code == 200
    assert not re.findall(r"(?:https?:)?//[a-z]", re.sub(r"<!--.*?-->", "", page))
    assert '"validatorUrl": null' in page
    assert client.get("/redoc").status_code == 404


def test_the_script_and_the_style_are_what_they_are_called(client: TestClient) -> None:
    script = client.get("/docs/assets/swagger-ui-bundle.js")
    assert "SwaggerUIBundle" in script.text
    assert script.headers["content-type"].startswith("text/javascript")
    style = client.get("/docs/assets/swagger-ui.css")
    assert style.headers["content-type"].startswith("text/css")
    assert client.get("/docs/assets/absent.js").status_code == 404


def test_with_keys_the_page_and_its_parts_are_open_and_nothing_else_is(tmp_path: Path) -> None:
    client = TestClient(create_app(Settings(home=tmp_path, api_keys="secret")))
    for path in ("/docs", "/docs/assets/swagger-ui.css", "/openapi.json"):
        assert client.get(path).status_code == 200, path
    for path in ("/docs/assets/../../v1/jobs", "/docs/assets/..%2f..%2fv1/jobs", "/v1/jobs"):
        assert client.get(path).status_code in (401, 404), path
