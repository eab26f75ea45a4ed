"""Comparing checkpoints and models in Chromium: at equal seeds, with a divider between them."""

import re
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from running_api import LATENT_DIM, running_api

from app.domain.database import Database
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from benchmarks.harness.random_models import register, store_checkpoint

from .browser import DESKTOP, PHONE, Visitor, expect_parameter
from .explore_page import colours, served_colours, tile, wait_for_pictures

pytestmark = pytest.mark.slow

PLAIN = "/v1/models/plain"


@pytest.fixture(scope="module")
def visitor(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory, valkey_url: str
) -> Iterator[Visitor]:
    """A service with two checkpoints of `plain`, and `square`, whose shape is another one."""
    folder = tmp_path_factory.mktemp("compare")
    settings = Settings(home=folder / "home", redis_url=valkey_url)
    with running_api(folder, settings) as running:
        database, store = Database(settings.database), ObjectStore(settings)
        small: dict[str, Any] = {"architecture": "mlp", "latent_dim": LATENT_DIM}
        register(database, store_checkpoint(store, "plain", 2, shape=(28, 40, 3), **small))
        register(database, store_checkpoint(store, "square", shape=(32, 32, 3), **small))
        database.close()
        yield Visitor(browser, running.url)


def bar(page: Page) -> Locator:
    return page.get_by_role("region", name="Comparison")


def wait_for_rivals(page: Page) -> None:
    wait_for_pictures(page)
    page.wait_for_selector(".rival .picture.shown")


def test_two_checkpoints_are_compared_at_equal_seeds(visitor: Visitor) -> None:
    newest, oldest = httpx2.get(f"{visitor.url}{PLAIN}/checkpoints").json()["items"]
    with visitor.visit("/?model=plain") as page:
        page.get_by_role("button", name="Compare with another checkpoint or model").click()
        wait_for_rivals(page)
        expect(bar(page).get_by_text("2,000 images", exact=True)).to_be_visible()
        expect(bar(page).get_by_role("button", name=re.compile("1,000 images"))).to_be_visible()
        canvases = tile(page, 5).locator("canvas")
        for canvas, checkpoint in zip(canvases.all(), (newest, oldest), strict=True):
            path = f"{PLAIN}/images/5.png?checkpoint={checkpoint['id']}"
            assert colours(canvas) == served_colours(visitor, path)

        tile(page, 5).click()
        divider = page.get_by_role("slider", name="Divider of the picture")
        divider.press("ArrowRight")
        page.wait_for_url(re.compile(r"wipe=0\.51"))
        expect(divider).to_have_attribute("aria-valuetext", "51%")
        page.reload()
        wait_for_rivals(page)
        expect(page.get_by_role("slider", name="Divider", exact=True)).to_have_value("0.51")
        right = page.get_by_role("region", name="Right", exact=True)
        expect(right.get_by_text("1,000")).to_be_visible()
        right.get_by_role("button", name="Open this one").click()
        expect(bar(page)).to_have_count(0)
        page.wait_for_url(re.compile(f"checkpoint={oldest['id']}"))
        expect(page.locator(".header").get_by_text("1,000 images seen")).to_be_visible()


def test_dragging_over_a_picture_moves_the_divider_and_opens_nothing(visitor: Visitor) -> None:
    with visitor.visit("/?model=plain&against=plain") as page:
        wait_for_rivals(page)
        box = tile(page, 3).bounding_box()
        assert box is not None
        middle = box["y"] + box["height"] / 2
        page.mouse.move(box["x"] + box["width"] / 2, middle)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] / 4, middle, steps=4)
        page.mouse.up()
        page.wait_for_url(re.compile(r"wipe=0\.25"))
        expect_parameter(page, "show", None)

        bar(page).get_by_text("Whole wall").click()
        divider = page.get_by_role("slider", name="Divider of the wall")
        divider.press("Home")
        page.wait_for_url(re.compile(r"wipe=0&wipe_wall=true"))
        tile(page, 3).click()
        page.wait_for_url(re.compile("show=3"))


def test_a_model_of_another_shape_is_compared_and_the_sides_are_swapped(visitor: Visitor) -> None:
    with visitor.visit("/?model=plain&against=square&show=2") as page:
        wait_for_rivals(page)
        rival = tile(page, 2).locator(".rival canvas")
        assert colours(rival) == served_colours(visitor, "/v1/models/square/images/2.png")
        expect(page.get_by_text("32 × 32", exact=True)).to_be_visible()
        bar(page).get_by_role("button", name="Swap the sides").click()
        expect(page.get_by_role("heading", name="square")).to_be_visible()
        rival = tile(page, 2).locator(".rival canvas")
        wait_for_rivals(page)
        assert colours(rival) == served_colours(visitor, f"{PLAIN}/images/2.png")
        bar(page).get_by_role("button", name=re.compile("Model on the right")).click()
        page.get_by_role("option", name="classes").click()
        page.wait_for_url(re.compile("against=classes"))
        wait_for_rivals(page)
        bar(page).get_by_role("button", name="End the comparison").click()
        expect(page.locator(".rival")).to_have_count(0)


def test_what_the_other_model_does_not_have_is_named(visitor: Visitor) -> None:
    body = {"name": "dark", "seed": 4}
    assert httpx2.post(f"{visitor.url}{PLAIN}/latents", json=body).status_code == 201
    with visitor.visit("/?model=plain&against=square&show=dark") as page:
        expect(page.get_by_text("dark is of plain, and square does not have it")).to_be_visible()
    with visitor.visit("/?model=plain&against=dogs") as page:
        wait_for_pictures(page)
        expect(page.get_by_role("alert")).to_have_text("There is no model dogs with a checkpoint")


@pytest.mark.parametrize(
    "view",
    [
        {"size": DESKTOP, "theme": "dark", "language": "en-US"},
        {"size": PHONE, "theme": "light", "language": "ja-JP"},
    ],
    ids=["desktop-dark-en", "phone-light-ja"],
)
def test_a_comparison_is_accessible(visitor: Visitor, view: dict[str, Any]) -> None:
    options = view | {"reduced_motion": "reduce"}
    for path in ("/?model=plain&against=square", "/?model=plain&against=plain&show=2"):
        with visitor.visit(path, **options) as page:
            wait_for_rivals(page)
            assert page.evaluate("document.body.scrollWidth <= innerWidth")


def test_checkpoints_and_models_are_compared_with_the_keyboard(visitor: Visitor) -> None:
    with visitor.visit_by_keyboard("/?model=plain") as keyboard:
        page = keyboard.page
        keyboard.press("button", "別のチェックポイントやモデルと比べる")
        wait_for_rivals(page)
        keyboard.press("slider", "境界", "ArrowRight", "ArrowRight")
        page.wait_for_url(re.compile(r"wipe=0\.52"))
        keyboard.press("radio", "一覧全体")
        keyboard.press("slider", "一覧全体の境界", "Home")
        page.wait_for_url(re.compile("wipe=0&wipe_wall=true"))
        keyboard.choose(re.compile("右側のモデル"), "square")
        page.wait_for_url(re.compile("against=square"))
        keyboard.press("button", "左右を入れ替える")
        expect(page.get_by_role("heading", name="square")).to_be_visible()
        wait_for_rivals(page)
        keyboard.press("button", "画像 1")
        keyboard.press("slider", "画像の境界", "End")
        page.wait_for_url(re.compile("wipe=1"))
        right = page.get_by_role("region", name="右", exact=True)
        keyboard.press("button", "こちらを開く", within=right)
        page.wait_for_url(lambda url: "against" not in url)
        expect(page.locator(".rival")).to_have_count(0)
        keyboard.keys("Escape")
        keyboard.press("button", "別のチェックポイントやモデルと比べる")
        wait_for_rivals(page)
        comparison = page.get_by_role("region", name="比較")
        keyboard.press("button", "比較を終える", within=comparison)
        expect(page.locator(".rival")).to_have_count(0)
