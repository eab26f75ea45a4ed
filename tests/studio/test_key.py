"""The studio of a service that needs a key."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import Browser, Route, expect
from running_api import running_api

from app.domain.settings import Settings

from .browser import Visitor
from .explore_page import wait_for_pictures

pytestmark = pytest.mark.slow


@pytest.fixture
def visitor(browser: Browser, tmp_path: Path, valkey_url: str) -> Iterator[Visitor]:
    settings = Settings(home=tmp_path / "home", redis_url=valkey_url, api_keys="secret")
    with running_api(tmp_path, settings) as running:
        yield Visitor(browser, running.url, allowed="status of 401")


def test_the_page_asks_for_the_key_and_shows_and_saves_pictures_with_it(
    visitor: Visitor, tmp_path: Path
) -> None:
    with visitor.visit("/?model=plain") as page:
        key = page.get_by_label("Key", exact=True)
        key.fill("wrong")
        key.press("Enter")
        refused = page.get_by_text("The service does not know this key.")
        expect(refused).to_be_visible()
        held: list[Route] = []  # requests with the wrong key, which are under way meanwhile

        def hold_wrong_ones(route: Route) -> None:
            if route.request.headers.get("authorization") == "Bearer wrong":
                held.append(route)
            else:
                route.continue_()

        page.route("**/v1/models?*", hold_wrong_ones)
        with page.expect_request("**/v1/models?*"):
            pass
        key.fill("secret")
        key.press("Enter")
        expect(refused).to_have_count(0)
        with page.expect_response(lambda response: response.status == 401):
            held[0].continue_()
        wait_for_pictures(page)
        page.unroute("**/v1/models?*")
        page.reload()
        wait_for_pictures(page)  # the key is kept
        page.get_by_role("button", name="Picture 7", exact=True).click()
        with page.expect_download() as download:
            page.get_by_role("link", name="Download as PNG").click()
        assert download.value.suggested_filename == "plain-7.png"
        download.value.save_as(tmp_path / "7.png")
        assert (tmp_path / "7.png").read_bytes().startswith(b"\x89PNG")
        page.get_by_role("button", name="curl").click()
        assert "Bearer $MOGGY_KEY" in page.evaluate("navigator.clipboard.readText()")


def test_an_export_is_saved_and_jobs_are_shown_with_the_key(
    visitor: Visitor, tmp_path: Path
) -> None:
    with visitor.visit("/?screen=models&model=plain") as page:
        key = page.get_by_label("Key", exact=True)
        key.fill("secret")
        key.press("Enter")
        page.get_by_role("button", name="Export the checkpoint").click()
        link = page.get_by_role("link", name=re.compile("^ONNX"))
        with page.expect_download() as download:
            page.get_by_role("link", name=re.compile("^ONNX")).click()
        assert download.value.suggested_filename.endswith(".onnx")
        download.value.save_as(tmp_path / "generator.onnx")
        authorised = {"Authorization": "Bearer secret"}
        export = httpx2.get(str(link.get_attribute("href")), headers=authorised)
        assert (tmp_path / "generator.onnx").read_bytes() == export.content
        page.keyboard.press("Escape")
        page.get_by_role("link", name="Jobs").click()
        page.locator(".job-row").first.click()
        expect(page.get_by_role("complementary").get_by_text("Configuration")).to_be_visible()


def test_the_key_is_typed_on_a_phone(visitor: Visitor, tmp_path: Path) -> None:
    with visitor.visit_by_keyboard("/?model=plain") as keyboard:
        page = keyboard.page
        expect(page.get_by_role("heading", name="このサービスにはキーが必要です")).to_be_visible()
        key = page.get_by_label("キー", exact=True)
        expect(key).to_be_focused()
        page.keyboard.type("wrong")
        keyboard.press("button", "開く")
        expect(page.get_by_role("alert")).to_have_text("サービスはこのキーを知りません。")
        expect(key).to_be_focused()
        keyboard.fill("キー", "secret", "Enter")
        wait_for_pictures(page)
        keyboard.press("button", "画像 1")
        with page.expect_download() as download:
            keyboard.press("link", "PNG でダウンロード")
        download.value.save_as(tmp_path / "1.png")
        assert (tmp_path / "1.png").read_bytes().startswith(b"\x89PNG")
