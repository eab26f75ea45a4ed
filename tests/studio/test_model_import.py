"""The screen Models in Chromium: models that are imported, renamed and deleted."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx2
import pytest
from bundle_files import bundle
from playwright.sync_api import Browser, Locator, Page, expect
from running_service import Service

from .browser import Visitor, expect_query
from .small_data import add_model, client

pytestmark = pytest.mark.slow


class World(NamedTuple):
    """A service with the model `first`."""

    visitor: Visitor
    api: httpx2.Client


@pytest.fixture(scope="module")
def world(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    home = tmp_path_factory.mktemp("imports") / "home"
    with Service(home) as service:
        service.wait_until_ready()
        with client(service) as api:
            add_model(api, "first")
            # A refused import and a refused name are lines of the browser's own.
            yield World(Visitor(browser, service.url, allowed="status of 4"), api)


def tile(page: Page, name: str) -> Locator:
    return page.locator(".model-tile").filter(has=page.get_by_text(name, exact=True))


def test_a_bundle_is_imported_and_a_taken_name_is_explained(world: World) -> None:
    files = {"name": "Our Cats.zip", "mimeType": "application/zip", "buffer": bundle()}
    with world.visitor.visit("/?screen=models") as page:
        page.locator("input[type=file]").set_input_files(files)  # type: ignore[arg-type]
        name = page.get_by_role("textbox", name="Name of the new model")
        expect(name).to_have_value("our-cats")
        name.fill("No Name")
        expect(page.get_by_text("1 to 64 lowercase letters")).to_be_visible()
        name.fill("first")
        name.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("Give it another name")
        name.fill("second")
        name.press("Enter")
        link = page.get_by_role("link", name="Open second")
        expect(link).to_be_visible()
        assert tile(page, "second").is_visible()  # or it would push the link away later
        link.click()
        expect(page.get_by_role("heading", name="second")).to_be_visible()


def drop(page: Page, zone: Locator, file: Path) -> None:
    """Drop a file as a person does."""
    box = zone.bounding_box()
    assert box is not None
    data = {"items": [], "files": [str(file)], "dragOperationsMask": 1}
    place = {"x": box["x"] + 20, "y": box["y"] + 20}
    session = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, "data": data, **place})


def test_a_file_that_is_dropped_and_is_no_model_is_refused_with_the_reason(
    world: World, tmp_path: Path
) -> None:
    words = tmp_path / "words.safetensors"
    words.write_text("no weights")
    with world.visitor.visit("/?screen=models") as page:
        zone = page.locator(".drop-zone")
        zone.scroll_into_view_if_needed()
        drop(page, zone, words)
        page.get_by_role("button", name="Import", exact=True).click()
        expect(page.get_by_role("alert")).to_contain_text("words.safetensors")


def test_a_model_is_renamed_and_deleted_with_what_it_frees(
    world: World,
) -> None:
    add_model(world.api, "before")
    kilobytes = world.api.get("/v1/models/before").json()["bytes"] / 1000
    with world.visitor.visit("/?screen=models&model=before") as page:
        page.get_by_role("button", name="Rename").click()
        name = page.get_by_role("textbox", name="New name")
        expect(name).to_be_focused()
        name.fill("first")
        name.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("there is a model 'first' already")
        name.fill("after")
        name.press("Enter")
        expect(page.get_by_role("heading", name="after")).to_be_visible()
        expect_query(page, {"screen": "models", "model": "after"})
        for screen in ("", "screen=models&"):  # old links
            page.goto(f"{world.visitor.url}/?{screen}model=before")
            page.wait_for_url(f"{world.visitor.url}/?{screen}model=after")
        expect(page.get_by_role("heading", name="after")).to_be_visible()

        page.get_by_role("button", name="Delete").click()
        question = page.get_by_role("alertdialog")
        expect(question).to_contain_text(f"which frees {kilobytes:.1f} kB")
        page.keyboard.press("Escape")
        expect(question).to_have_count(0)
        page.get_by_role("button", name="Delete").click()
        question.get_by_role("button", name="Delete the model").click()
        expect(tile(page, "first")).to_be_visible()
        expect(tile(page, "after")).to_have_count(0)
    assert world.api.get("/v1/models/after").status_code == 404


def test_by_keyboard_a_model_is_imported_renamed_and_deleted(world: World, tmp_path: Path) -> None:
    words, cats = tmp_path / "words.safetensors", tmp_path / "cats.zip"
    words.write_text("no weights")
    cats.write_bytes(bundle())
    with world.visitor.visit_by_keyboard("/?screen=models") as keyboard:
        page = keyboard.page
        keyboard.give_files("ファイルを選ぶ", words)
        keyboard.press("button", "読み込む")
        expect(page.get_by_role("alert")).to_contain_text("words.safetensors")
        keyboard.give_files("ファイルを選ぶ", cats)
        keyboard.fill("新しいモデルの名前", "first", "Enter")
        expect(page.get_by_role("alert")).to_contain_text("別の名前を付けるか")
        keyboard.fill("新しいモデルの名前", "third", "Enter")
        keyboard.press("link", "third を開く")
        card = page.get_by_role("region", name="モデルカード")
        expect(card).to_contain_text("読み込み(cats として学習)")
        keyboard.press("button", "名前を変更")
        keyboard.fill("新しい名前", "first", "Enter")
        expect(page.get_by_role("alert")).to_be_visible()
        keyboard.fill("新しい名前", "fourth", "Enter")
        expect(page.get_by_role("heading", name="fourth")).to_be_visible()
        kilobytes = world.api.get("/v1/models/fourth").json()["bytes"] / 1000
        keyboard.press("button", "削除")
        question = page.get_by_role("alertdialog")
        expect(question).to_contain_text(f"{kilobytes:.1f} KB を空けます")
        keyboard.press("button", "モデルを削除", within=question)
        expect(tile(page, "first")).to_be_visible()
        expect(tile(page, "fourth")).to_have_count(0)
    assert world.api.get("/v1/models/fourth").status_code == 404
