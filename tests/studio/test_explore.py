"""The screen Explore in Chromium, against `moggy up` with the starter model."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from playwright.sync_api import Page, expect
from running_service import Service

from .browser import (
    DESKTOP,
    PHONE,
    Visitor,
    axe_findings,
    frame,
    open_browser,
    query,
    stage,
    tile,
    wait_for_pictures,
)

pytestmark = pytest.mark.slow

MODEL = "/v1/models/cats"
MEDIA_TYPES = {
    "PNG": "image/png",
    "WEBP": "image/webp",
    "JPG": "image/jpeg",
    "AVIF": "image/avif",
    "GIF": "image/gif",
    "MP4": "video/mp4",
}


@pytest.fixture(scope="module")
def visitor(cats: Service) -> Iterator[Visitor]:
    with open_browser() as browser:
        yield Visitor(browser, cats.url)


@pytest.fixture(autouse=True)
def nothing_is_logged(visitor: Visitor) -> Iterator[None]:
    """No test leaves an error on the console; violations of the policy are among them."""
    visitor.problems.clear()
    yield
    assert visitor.problems == []


def copied(page: Page) -> str:
    text: str = page.evaluate("navigator.clipboard.readText()")
    return text


def check_downloads(page: Page, *formats: str) -> None:
    """Each link leads to a file of its format."""
    for file_format in formats:
        link = stage(page).get_by_role("link", name=f"Download as {file_format}")
        answer = httpx2.get(str(link.get_attribute("href")), timeout=60)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == MEDIA_TYPES[file_format]


def test_the_first_model_appears_by_itself_with_its_saved_latents(visitor: Visitor) -> None:
    with visitor.visit() as page:
        wait_for_pictures(page)
        expect(page.get_by_role("heading", name="cats")).to_be_visible()
        for name in ("white", "tabby"):
            expect(page.get_by_role("button", name=name, exact=True)).to_be_visible()


def test_the_wall_fills_while_one_scrolls_and_its_link_shows_the_same(visitor: Visitor) -> None:
    with visitor.visit() as page:
        wait_for_pictures(page)
        page.locator(".wall").evaluate("(wall) => wall.scrollTo(0, 40_000)")
        page.wait_for_url(re.compile(r"from=\d{4}"))
        wait_for_pictures(page)
        first = int(parse_qs(urlsplit(page.url).query)["from"][0])
        assert first > 1000
        expect(tile(page, first)).to_be_in_viewport()
        page.reload()
        wait_for_pictures(page)
        expect(tile(page, first)).to_be_in_viewport()
        assert page.locator(".tile").count() < 250  # what is not visible is not rendered


def test_one_click_opens_a_picture_with_its_recipe_and_files(visitor: Visitor) -> None:
    with visitor.visit() as page:
        tile(page, 7).click()
        expect(stage(page).get_by_role("heading", name="Seed 7")).to_be_visible()
        assert query(page) == {"show": "7"}
        recipe = httpx2.get(f"{visitor.url}{MODEL}/images/7.json").json()
        for value in (recipe["checkpoint"], f"{recipe['images_seen']:,}", recipe["sha256"][:16]):
            expect(stage(page).get_by_text(value)).to_be_visible()
        check_downloads(page, "PNG", "WEBP", "JPG", "AVIF")

        stage(page).get_by_role("button", name="URL", exact=True).click()
        expect(stage(page).get_by_role("status").filter(has_text="Copied")).to_have_count(1)
        image = httpx2.get(copied(page))
        assert image.content == httpx2.get(f"{visitor.url}{MODEL}/images/7.png").content
        assert "immutable" in image.headers["cache-control"]
        stage(page).get_by_role("button", name="curl").click()
        assert re.fullmatch("curl -o cats-7.png 'http.*7.png.checkpoint=[0-9a-f]+'", copied(page))
        stage(page).get_by_role("button", name="Python").click()
        compile(copied(page), "copied", "exec")

        stage(page).get_by_role("button", name="Close").click()
        expect(stage(page)).to_have_count(0)
        page.go_back()
        expect(stage(page)).to_be_visible()


def test_a_picture_is_saved_under_a_name_and_deleted(visitor: Visitor) -> None:
    with visitor.visit("/?show=11") as page:
        name = stage(page).get_by_role("textbox", name="Save under a name")
        name.fill("No Name")
        expect(stage(page).get_by_text("Lowercase letters")).to_be_visible()
        name.fill("striped")
        name.press("Enter")
        saved = page.get_by_role("button", name="striped", exact=True)
        saved.click()
        assert httpx2.get(f"{visitor.url}{MODEL}/latents/striped").json()["seed"] == 11
        assert query(page) == {"show": "striped"}
        stage(page).get_by_role("button", name="Delete the name").click()
        expect(saved).to_have_count(0)
        assert httpx2.get(f"{visitor.url}{MODEL}/latents/striped").status_code == 404


def test_two_picked_pictures_play_as_a_morph_that_the_slider_moves(visitor: Visitor) -> None:
    with visitor.visit() as page:
        tile(page, 7).hover()
        page.get_by_role("button", name="Add Seed 7 to a morph").click()
        expect(stage(page).get_by_text("Now pick the picture that it becomes.")).to_be_visible()
        tile(page, 22).click()
        page.wait_for_selector("[data-frame]:not([data-frame='0'])")  # it plays
        assert query(page) == {"morph": "7..22"}

        stage(page).get_by_role("button", name="Pause").click()
        requests: list[str] = []
        page.on("request", lambda request: requests.append(request.url))
        slider = stage(page).get_by_role("slider")
        slider.focus()
        slider.press("Home")
        assert frame(page) == 0
        for index in range(1, 5):
            slider.press("ArrowRight")
            assert frame(page) == index
        slider.press("End")
        assert (frame(page), query(page)["at"]) == (59, "1")
        assert [url for url in requests if "/v1/" in url] == []  # the frames are there

        page.get_by_role("button", name="white", exact=True).click()
        stage(page).get_by_text("Soft").click()
        stage(page).get_by_text("Loop").click()
        assert query(page) == {"morph": "7..22..white", "easing": "smooth", "loop": "true"}
        stage(page).get_by_role("button", name="#7, keyframe 1 of 3").press("Shift+ArrowRight")
        assert query(page)["morph"] == "22..7..white"
        stage(page).get_by_role("button", name="white, keyframe 3 of 3").press("Delete")
        assert query(page)["morph"] == "22..7"
        stage(page).get_by_text("1×").click()
        check_downloads(page, "WEBP", "GIF", "MP4")


def test_a_link_to_a_morph_stands_still_where_it_was_left(visitor: Visitor) -> None:
    with visitor.visit("/?model=cats&morph=7..22&at=0.25&truncation=0.7&from=400") as page:
        wait_for_pictures(page)
        page.wait_for_selector("[data-frame='15']")
        expect(stage(page).get_by_role("button", name="Play")).to_be_visible()
        expect(tile(page, 400)).to_be_in_viewport()
        link = stage(page).get_by_role("link", name="Download as WEBP")
        assert "truncation=0.7" in str(link.get_attribute("href"))


def test_the_wall_shows_what_is_nearest_to_a_colour_and_to_a_picture(visitor: Visitor) -> None:
    with visitor.visit() as page:
        page.get_by_role("button", name="Search", exact=True).click()
        page.get_by_role("button", name="Colour #e0a458").click()
        # The first search has the samples indexed.
        expect(page.get_by_text("64 of 64 samples, nearest first")).to_be_visible()
        wait_for_pictures(page)
        body = {"color": "#e0a458", "k": 64}
        found = httpx2.post(f"{visitor.url}{MODEL}/search", json=body).json()["items"]
        first = page.get_by_role("grid").get_by_role("gridcell").first.get_by_role("button").first
        expect(first).to_have_accessible_name(f"Picture {found[0]['seed']}")
        first.click()
        stage(page).get_by_role("button", name="More like this").click()
        seed = str(found[0]["seed"])
        assert query(page) == {"like": seed, "show": seed}
        expect(first).to_have_accessible_name(f"Picture {seed}")  # it is most like itself
        page.get_by_role("button", name="All pictures").click()
        expect(page.get_by_role("grid", name="Pictures by seed")).to_be_visible()
    (refused,) = visitor.problems  # the search that had the samples indexed
    assert "503" in refused
    visitor.problems.clear()


def test_everything_is_reached_with_the_keyboard_alone(visitor: Visitor) -> None:
    with visitor.visit() as page:
        wait_for_pictures(page)
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")  # skips to the pictures
        expect(tile(page, 0)).to_be_focused()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowDown")
        columns = int(page.get_by_role("grid").get_attribute("aria-colcount") or 0)
        expect(tile(page, columns + 1)).to_be_focused()
        page.keyboard.press("Enter")
        expect(stage(page).get_by_role("heading", name=f"Seed {columns + 1}")).to_be_visible()
        tile(page, columns + 1).focus()
        page.keyboard.press("ArrowRight")
        expect(stage(page).get_by_role("heading", name=f"Seed {columns + 2}")).to_be_visible()
        page.keyboard.press("m")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("m")
        page.wait_for_selector("[data-frame]")
        assert query(page)["morph"] == f"{columns + 2}..{columns + 3}"
        page.keyboard.press("Escape")
        page.keyboard.press("Escape")
        expect(stage(page)).to_have_count(0)


def test_a_seed_a_truncation_and_a_surprise_are_chosen(visitor: Visitor) -> None:
    with visitor.visit() as page:
        seed = page.get_by_role("textbox", name="Go to seed")
        seed.fill("123456789")
        seed.press("Enter")
        wait_for_pictures(page)
        expect(tile(page, 123456789)).to_be_in_viewport()
        page.get_by_role("button", name="Display").click()
        slider = page.get_by_role("slider", name="Truncation")
        slider.press("ArrowLeft")
        assert query(page)["truncation"] == "0.95"
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Surprise me").click()
        page.wait_for_url(lambda url: "from=123456789" not in url)
        wait_for_pictures(page)


def test_theme_and_language_are_chosen_and_kept(visitor: Visitor) -> None:
    with visitor.visit(language="ja-JP") as page:
        expect(page.get_by_role("button", name="検索", exact=True)).to_be_visible()
        page.get_by_role("button", name="言語").click()
        page.get_by_role("menuitemradio", name="English").click()
        page.get_by_role("button", name="Theme").click()
        page.get_by_role("menuitemradio", name="Light").click()
        page.reload()
        expect(page.get_by_role("button", name="Search", exact=True)).to_be_visible()
        background = "getComputedStyle(document.body).backgroundColor"
        assert page.evaluate(background) == "rgb(244, 241, 236)"
        assert page.evaluate("document.documentElement.lang") == "en"


def test_a_service_that_does_not_answer_is_named_and_found_again(visitor: Visitor) -> None:
    with visitor.visit() as page:
        wait_for_pictures(page)
        page.route("**/v1/**", lambda route: route.abort())
        page.reload()
        expect(page.get_by_role("heading", name="The service does not answer")).to_be_visible()
        page.unroute("**/v1/**")
        wait_for_pictures(page)
    assert visitor.problems
    visitor.problems.clear()  # the requests that were broken off


def test_the_api_reference_works_without_a_network(visitor: Visitor) -> None:
    with visitor.visit("/docs") as page:
        expect(page.get_by_role("heading", name="Moggy")).to_be_visible()
        expect(page.get_by_text("/v1/models/{name}/blend", exact=True)).to_be_visible()


@pytest.mark.parametrize(
    "view",
    [
        {"size": DESKTOP, "theme": "dark", "language": "en-US"},
        {"size": DESKTOP, "theme": "light", "language": "ja-JP"},
        {"size": PHONE, "theme": "light", "language": "en-US"},
        {"size": PHONE, "theme": "dark", "language": "ja-JP"},
    ],
    ids=["desktop-dark-en", "desktop-light-ja", "phone-light-en", "phone-dark-ja"],
)
def test_each_state_is_accessible(visitor: Visitor, view: dict[str, Any]) -> None:
    options = view | {"reduced_motion": "reduce", "bypass_csp": True}
    with visitor.visit("/?show=7", **options) as page:
        page.wait_for_selector(".hash")
        assert axe_findings(page) == []
        assert page.evaluate("document.body.scrollWidth <= innerWidth")
    with visitor.visit("/?morph=7..22&at=0.5", **options) as page:
        page.wait_for_selector(".transport")
        assert axe_findings(page) == []


def test_a_picture_is_moved_along_directions_by_slider_and_by_number(visitor: Visitor) -> None:
    with visitor.visit("/?show=22") as page:
        ginger = stage(page).get_by_role("slider", name="ginger")
        for _ in range(3):
            ginger.press("ArrowRight")
        assert query(page) == {"show": "22~ginger:0.3"}
        amount = stage(page).get_by_role("textbox", name="Amount of white")
        amount.fill("-1.5")
        amount.press("Enter")
        assert query(page) == {"show": "22~ginger:0.3~white:-1.5"}
        expect(tile(page, 22)).to_have_attribute("aria-pressed", "true")
        link = str(stage(page).get_by_role("link", name="Download as PNG").get_attribute("href"))
        edits = {"ginger": 0.3, "white": -1.5}
        body = {"latents": [{"seed": 22, "edits": edits}], "format": "png"}
        moved = httpx2.post(f"{visitor.url}{MODEL}/images", json=body)
        assert httpx2.get(link).content == moved.content

        name = stage(page).get_by_role("textbox", name="Save under a name")
        name.fill("sunny")
        name.press("Enter")
        expect(page.get_by_role("button", name="sunny", exact=True)).to_be_visible()
        saved = httpx2.get(f"{visitor.url}{MODEL}/latents/sunny").json()
        assert saved["source"] == {"seed": 22, "edits": edits}
        stage(page).get_by_role("button", name="Reset").click()
        assert query(page) == {"show": "22"}


def test_the_pad_blends_its_corners_where_the_dot_is(visitor: Visitor) -> None:
    with visitor.visit("/?morph=7..white..22..ginger") as page:
        stage(page).get_by_text("Pad", exact=True).click()
        dot = stage(page).get_by_role("slider", name="Pad")
        dot.press("ArrowRight")
        page.wait_for_url(re.compile(r"pad=0\.55"))
        area = stage(page).locator(".pad-area")
        box = area.bounding_box()
        assert box is not None
        area.click(position={"x": box["width"] / 4, "y": box["height"] - 1})
        page.wait_for_url(re.compile(r"pad=0\.25"))
        with page.expect_download() as download:
            stage(page).get_by_role("link", name="Download as PNG").click()
        x, y = (float(value) for value in query(page)["pad"].split(","))
        assert x == pytest.approx(0.25, abs=0.01)
        assert y == pytest.approx(1, abs=0.01)
        saved_file = download.value.path().read_bytes()
        recipe = httpx2.post(f"{visitor.url}/v1/recipes/read", content=saved_file).json()["recipe"]
        assert len(recipe["latent"]) == 100
        name = stage(page).get_by_role("textbox", name="Save under a name")
        name.fill("between")
        name.press("Enter")
        expect(page.get_by_role("button", name="between", exact=True)).to_be_visible()
        stage(page).get_by_text("Path", exact=True).click()
        page.wait_for_selector("[data-frame]")


def test_favourites_make_a_wall_whose_link_shows_it_and_steps_are_undone(visitor: Visitor) -> None:
    with visitor.visit("/?show=22~ginger:1") as page:
        stage(page).get_by_role("button", name="Add to favourites").click()
        page.get_by_role("button", name="white", exact=True).click()
        stage(page).get_by_role("button", name="Add to favourites").click()
        page.get_by_role("button", name="Favourites", exact=True).click()
        assert query(page) == {"only": "white..22~ginger:1", "show": "white"}
        expect(
            page.get_by_role("grid", name="Found pictures").get_by_role("gridcell")
        ).to_have_count(2)
        expect(page.get_by_text("2 chosen pictures")).to_be_visible()
        page.reload()
        expect(stage(page).get_by_role("button", name="Remove from favourites")).to_be_visible()
        page.keyboard.press("Control+z")
        expect(page.get_by_role("grid", name="Pictures by seed")).to_be_visible()
        page.keyboard.press("Control+Shift+z")
        expect(page.get_by_role("grid", name="Found pictures")).to_be_visible()


def test_a_photo_is_found_and_shown_beside_its_picture(visitor: Visitor, tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    photo.write_bytes(httpx2.get(f"{visitor.url}{MODEL}/images/9.png").content)
    with visitor.visit() as page:
        with page.expect_file_chooser() as chooser:
            page.get_by_role("button", name="Find a photo of yours in the model").click()
        chooser.value.set_files(photo)
        expect(stage(page).get_by_text("The model is searched for your photo")).to_be_visible()
        job = query(page)["photo"]
        page.wait_for_url(re.compile(f"show=photo-{job[:6]}"), timeout=90_000)
        section = stage(page).get_by_role("region", name="Photo")
        for picture in ("Your photo", "The model’s picture"):
            expect(section.get_by_role("img", name=picture)).to_be_visible()
        says = httpx2.get(f"{visitor.url}/v1/projections/{job}").json()["says"]
        expect(section.get_by_text(says)).to_be_visible()
        expect(page.get_by_role("button", name=f"photo-{job[:6]}", exact=True)).to_be_visible()
