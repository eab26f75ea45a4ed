"""Search by words, colour, class and quality in Chromium, and the class of a conditional model."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect
from running_api import running_api
from sample_index_files import CLASSES, FIRST, SAMPLES, SMALL, add_index, build

from app.domain.database import Database
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from benchmarks.harness.random_models import register, store_checkpoint

from .browser import DESKTOP, PHONE, Visitor, expect_query
from .explore_page import (
    SHARP,
    colours,
    expect_on_stage,
    image_of,
    served_colours,
    stage,
    tile,
    wait_for_pictures,
)
from .page_checks import axe_findings

pytestmark = pytest.mark.slow

CATS, LETTERS = "/v1/models/cats", "/v1/models/letters"


@pytest.fixture(scope="module")
def visitor(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory, valkey_url: str
) -> Iterator[Visitor]:
    """Indexed models: `cats`, and `letters`, which has classes and whose quality is not known."""
    folder = tmp_path_factory.mktemp("search")
    settings = Settings(home=folder / "home", redis_url=valkey_url)
    with running_api(folder, settings) as running:
        database, store = Database(settings.database), ObjectStore(settings)
        for name, config in (("cats", SMALL), ("letters", SMALL | CLASSES)):
            checkpoint = register(database, store_checkpoint(store, name, **config))
            index = build(folder / name, config, with_pictures=name == "cats")
            add_index(database, store, checkpoint, index)
        database.close()
        latent = {"name": "snow", "seed": 4, "note": "a white cat", "tags": ["outdoors"]}
        assert httpx2.post(f"{running.url}{CATS}/latents", json=latent).status_code == 201
        direction = {"name": "night", "positive": [{"seed": 1}, {"seed": 3}]}
        direction["negative"] = [{"seed": 0}, {"seed": 2}]
        taught = httpx2.post(f"{running.url}{CATS}/directions", json=direction, timeout=60)
        assert taught.status_code == 201
        yield Visitor(browser, running.url)


def found_names(page: Page, count: int) -> list[str]:
    grid = page.get_by_role("grid", name="Found pictures")
    tiles = grid.locator("[data-index]")
    expect(tiles.first).to_be_visible()
    return [str(tile.get_attribute("aria-label")) for tile in tiles.all()[:count]]


def search_panel(page: Page) -> Locator:
    page.get_by_role("button", name="Search", exact=True).click()
    return page.get_by_role("dialog", name="Search")


def test_words_name_saved_latents_by_name_note_and_tag(visitor: Visitor) -> None:
    with visitor.visit("/?model=cats") as page:
        words = search_panel(page).get_by_role("textbox", name="Words")
        words.fill("dog")
        expect(page.get_by_text("Nothing is named “dog”")).to_be_visible()
        words.fill("outdoors white")
        expect(page.get_by_role("button", name="snow a white cat · outdoors")).to_be_visible()
        words.press("Enter")
        expect(page.get_by_text(f"{SAMPLES} of {SAMPLES} samples, nearest first")).to_be_visible()
        expect_query(page, {"model": "cats", "like": "snow", "show": "snow"})
        expect(stage(page).get_by_role("heading", name="snow")).to_be_visible()


def test_words_name_a_direction_whose_slider_moves_the_open_picture(visitor: Visitor) -> None:
    with visitor.visit("/?model=cats&show=5", script=SHARP) as page:
        words = search_panel(page).get_by_role("textbox", name="Words")
        words.fill("nig")
        expect(page.get_by_role("button", name="night Direction")).to_be_visible()
        words.press("Enter")
        expect_query(page, {"model": "cats", "show": "5", "direction": "night"})
        strip = stage(page).get_by_role("img", name="Three seeds, moved along night")
        expect(strip).to_be_visible()
        stage(page).get_by_role("slider", name="night", exact=True).press("ArrowLeft")
        expect_query(page, {"model": "cats", "show": "5~night:-0.1", "direction": "night"})
        moved = httpx2.get(f"{visitor.url}{CATS}/images/5.png?edit=night:-0.1")
        expect_on_stage(page, image_of(moved))


def test_words_name_classes_which_are_searched_and_combined_with_a_colour(
    visitor: Visitor,
) -> None:
    with visitor.visit("/?model=letters") as page:
        words = search_panel(page).get_by_role("textbox", name="Words")
        words.fill("b")
        words.press("Enter")
        found = page.locator(".found").filter(has_text="samples, nearest first")
        expect(found).to_contain_text("Class")
        search_panel(page).get_by_role("button", name="Colour #7a4a2b").click()
        expect(found).to_contain_text("#7a4a2b")
        expect_query(page, {"model": "letters", "color": "#7a4a2b", "find_class": "b"})
        body = {"class": "b", "color": "#7a4a2b", "k": 120}
        items = httpx2.post(f"{visitor.url}{LETTERS}/search", json=body).json()["items"]
        expect(found).to_contain_text(f"{len(items)} of {SAMPLES}")
        assert found_names(page, 3) == [f"Picture {item['seed']}" for item in items[:3]]
        page.get_by_role("button", name="Search without “Class”").click()
        expect(found).to_contain_text(f"{SAMPLES} of {SAMPLES}")
        expect_query(page, {"model": "letters", "color": "#7a4a2b"})
        page.get_by_role("button", name="All pictures").click()
        expect(page.get_by_role("grid", name="Pictures by seed")).to_be_visible()


def test_a_class_is_chosen_for_pictures_morphs_and_files(visitor: Visitor) -> None:
    with visitor.visit("/?model=letters") as page:
        wait_for_pictures(page)
        page.get_by_role("button", name=re.compile("Class")).click()
        page.get_by_role("option", name="b", exact=True).click()
        page.wait_for_url(re.compile("class=b"))
        wait_for_pictures(page)
        for seed in range(3):
            path = f"{LETTERS}/images/{seed}.png?class=b"
            assert colours(tile(page, seed).locator("canvas")) == served_colours(visitor, path)
        tile(page, 2).click()
        link = stage(page).get_by_role("link", name="Download as PNG")
        assert "class=b" in str(link.get_attribute("href"))
        expect(stage(page).locator("dd", has_text=re.compile("^b$"))).to_be_visible()
        stage(page).get_by_role("button", name="Morph from here").click()
        tile(page, 3).click()
        page.wait_for_selector("[data-frame]")
        link = stage(page).get_by_role("link", name="Download as GIF")
        assert "class=b" in str(link.get_attribute("href"))
    with visitor.visit("/?model=letters&class=z") as page:
        expect(page.get_by_role("alert")).to_contain_text("letters has no class z")
        page.get_by_role("alert").get_by_role("button", name="Any class").click()
        expect(page.get_by_role("alert")).to_have_count(0)
        expect_query(page, {"model": "letters"})


def test_poor_pictures_are_left_out_of_the_wall_and_of_a_search(visitor: Visitor) -> None:
    body = {"count": 60, "seed": 0, "min_quality": 50, "format": "json"}
    answer = httpx2.post(f"{visitor.url}{CATS}/images", json=body, timeout=60).json()
    good = sorted(image["seed"] for image in answer["items"])
    assert good != list(range(60))
    with visitor.visit("/?model=cats", allowed="status of 500") as page:
        slider = search_panel(page).get_by_role("slider", name="Leave out poor pictures")
        for _ in range(10):
            slider.press("ArrowRight")
        page.wait_for_url(re.compile("min_quality=50"))
        page.keyboard.press("Escape")
        assert found_names(page, 10) == [f"Picture {seed}" for seed in good[:10]]
        # More of them come while one scrolls; after an error only once the user asks for them.
        requests: list[str] = []

        def refuse(route: Route) -> None:
            if "min_quality" in (route.request.post_data or ""):
                requests.append(route.request.url)
                route.fulfill(status=500, json={"detail": "The disk cannot be read."})
            else:
                route.fallback()

        page.route(f"**{CATS}/images", refuse)
        page.locator(".wall").evaluate("(wall) => wall.scrollTo(0, wall.scrollHeight)")
        expect(page.get_by_role("alert")).to_contain_text("The disk cannot be read.")
        page.wait_for_timeout(1000)  # longer than the wall takes to settle
        assert len(requests) == 1
        page.unroute(f"**{CATS}/images")
        page.get_by_role("button", name="Try again").click()
        expect(page.get_by_text(re.compile("120 good ones from seed 0 on"))).to_be_visible()
        search_panel(page).get_by_role("button", name="Colour #7a4a2b").click()
        expect(page.get_by_text(f"of {SAMPLES} samples, nearest first")).to_be_visible()
        query_of_search = {"model": "cats", "color": "#7a4a2b", "min_quality": "50"}
        expect_query(page, query_of_search)
    with visitor.visit("/?model=letters&min_quality=30", allowed="status of 409") as page:
        expect(page.get_by_role("alert")).to_contain_text("quality")  # it is not known


def test_an_uploaded_picture_is_searched_for_and_the_link_shows_what_was_found(
    visitor: Visitor, tmp_path: Path
) -> None:
    sample = FIRST + 5
    picture = tmp_path / "mine.png"
    picture.write_bytes(httpx2.get(f"{visitor.url}{CATS}/images/{sample}.png").content)
    with visitor.visit("/?model=cats") as page:
        panel = search_panel(page)
        with page.expect_file_chooser() as chooser:
            panel.get_by_role("button", name="Nearest to a picture of yours").click()
        chooser.value.set_files(picture)
        page.wait_for_url(re.compile(f"only={sample}"))
        page.reload()
        expect(page.get_by_text(f"{SAMPLES} chosen pictures")).to_be_visible()
        assert found_names(page, 1) == [f"Picture {sample}"]


@pytest.mark.parametrize(
    "view",
    [
        {"size": DESKTOP, "theme": "light", "language": "en-US"},
        {"size": PHONE, "theme": "dark", "language": "en-US"},
    ],
    ids=["desktop-light", "phone-dark"],
)
def test_a_search_is_accessible(visitor: Visitor, view: dict[str, Any]) -> None:
    options = view | {"reduced_motion": "reduce"}
    with visitor.visit("/?model=letters&color=%237a4a2b&find_class=a", **options) as page:
        wait_for_pictures(page)
        assert axe_findings(page) == []
        words = search_panel(page).get_by_role("textbox", name="Words")
        words.fill("a")
        expect(page.get_by_role("list", name="What the words name")).to_be_visible()
        assert page.evaluate("document.body.scrollWidth <= innerWidth")


def test_words_and_classes_are_searched_with_the_keyboard(visitor: Visitor) -> None:
    with visitor.visit_by_keyboard("/?model=cats") as keyboard:
        page = keyboard.page
        keyboard.press("button", "検索")
        keyboard.fill("言葉", "犬")
        expect(page.get_by_text("「犬」という名前のものはありません")).to_be_visible()
        keyboard.fill("言葉", "outdoors white")
        keyboard.press("button", re.compile("^snow .* outdoors"))
        expect(page.get_by_text(f"{SAMPLES} 枚中 {SAMPLES} 枚、近い順")).to_be_visible()
        expect_query(page, {"model": "cats", "like": "snow", "show": "snow"})
        keyboard.keys("Escape")
        keyboard.press("button", "検索")
        keyboard.fill("言葉", "night")
        keyboard.press("button", re.compile("^night 方向"))
        page.wait_for_url(re.compile("direction=night"))
        expect(stage(page).get_by_role("slider", name="night", exact=True)).to_be_visible()
        page.goto(f"{visitor.url}/?model=letters")
        keyboard.press("button", "検索")
        keyboard.choose(re.compile("検索するクラス"), "b")
        page.wait_for_url(re.compile("find_class=b"))
        keyboard.press("button", "色 #7a4a2b")
        page.wait_for_url(re.compile("color=%237a4a2b"))
        expect(page.get_by_role("dialog")).to_have_count(0)
        keyboard.press("button", "「クラス」なしで検索")
        expect(page.get_by_text(f"{SAMPLES} 枚中 {SAMPLES} 枚、近い順")).to_be_visible()
        keyboard.press("button", "すべての画像")
        expect(page.get_by_role("grid", name="シード順の画像")).to_be_visible()


def test_a_class_is_chosen_with_the_keyboard(visitor: Visitor) -> None:
    with visitor.visit_by_keyboard("/?model=letters") as keyboard:
        page = keyboard.page
        wait_for_pictures(page)
        keyboard.choose(re.compile("クラス"), "b")
        page.wait_for_url(re.compile("class=b"))
        wait_for_pictures(page)
        path = f"{LETTERS}/images/1.png?class=b"
        assert colours(tile(page, 1).locator("canvas")) == served_colours(visitor, path)
    with visitor.visit_by_keyboard("/?model=letters&class=z") as keyboard:
        expect(keyboard.page.get_by_role("alert")).to_contain_text(
            "letters にクラス z はありません"
        )
        keyboard.press("button", "すべてのクラス")
        expect(keyboard.page.get_by_role("alert")).to_have_count(0)


def test_poor_pictures_are_left_out_and_a_picture_is_searched_for_with_the_keyboard(
    visitor: Visitor, tmp_path: Path
) -> None:
    sample = FIRST + 5
    picture = tmp_path / "mine.png"
    picture.write_bytes(httpx2.get(f"{visitor.url}{CATS}/images/{sample}.png").content)
    with visitor.visit_by_keyboard("/?model=cats") as keyboard:
        page = keyboard.page
        keyboard.press("button", "検索")
        keyboard.press("slider", "質の低い画像を除く", "PageUp")
        page.wait_for_url(re.compile("min_quality=[1-9]"))
        keyboard.keys("Escape")
        found = page.locator(".found").filter(has_text="シード 0 から質のよい")
        expect(found).to_be_visible()
        keyboard.press("button", "検索")
        keyboard.give_files("手元の画像に近いもの", picture)
        page.wait_for_url(re.compile(r"only=\d"))
        page.reload()
        expect(page.get_by_role("grid", name="見つかった画像")).to_be_visible()
