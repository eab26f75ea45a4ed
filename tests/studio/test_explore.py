"""The screen Explore in Chromium, against `moggy up` with the starter model."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from playwright.sync_api import expect

from .browser import DESKTOP, PHONE, Visitor, drop, expect_parameter, expect_query, query
from .explore_page import check_downloads, copied, stage, tile, wait_for_pictures

pytestmark = pytest.mark.slow

MODEL = "/v1/models/cats"


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
        expect_query(page, {"show": "7"})
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
        name.evaluate(
            "(field) => field.dispatchEvent(new KeyboardEvent('keydown',"
            " {key: 'Escape', bubbles: true, isComposing: true}))"
        )
        name.fill("No Name")
        name.press("Escape")  # neither an Escape of an input method nor one while writing closes
        expect(stage(page).get_by_text("Lowercase letters")).to_be_visible()
        name.fill("striped")
        name.press("Enter")
        saved = page.get_by_role("button", name="striped", exact=True)
        saved.click()
        assert httpx2.get(f"{visitor.url}{MODEL}/latents/striped").json()["seed"] == 11
        expect_query(page, {"show": "striped"})
        stage(page).get_by_role("button", name="Delete the name").click()
        expect(saved).to_have_count(0)
        assert httpx2.get(f"{visitor.url}{MODEL}/latents/striped").status_code == 404


def test_a_deleted_latent_is_saved_again_as_it_was(visitor: Visitor) -> None:
    body = {"name": "pale", "seed": 11, "edits": {"white": 1.5}, "note": "a note", "tags": ["fur"]}
    with visitor.visit(allowed="status of 409") as page:
        wait_for_pictures(page)
        saved = httpx2.post(f"{visitor.url}{MODEL}/latents", json=body).json()
        page.goto(f"{visitor.url}/?show=pale")
        chip = page.get_by_role("button", name="pale", exact=True)
        for by_key in (False, True):
            stage(page).get_by_role("button", name="Delete the name").click()
            expect(page.get_by_text("Deleted pale.")).to_be_visible()
            expect(chip).to_have_count(0)
            if by_key:
                page.keyboard.press("Control+z")
            else:
                page.get_by_role("button", name="Undo").click()
            expect(chip).to_be_visible()
            expect(stage(page).get_by_role("heading", name="pale")).to_be_visible()
            again = httpx2.get(f"{visitor.url}{MODEL}/latents/pale").json()
            assert again | {"created_at": None} == saved | {"created_at": None}
        stage(page).get_by_role("button", name="Delete the name").click()
        expect(page.get_by_text("Deleted pale.")).to_be_visible()
        other = httpx2.post(f"{visitor.url}{MODEL}/latents", json={"name": "pale", "seed": 1})
        assert other.status_code == 201
        page.get_by_role("button", name="Undo").click()
        expect(page.get_by_role("alert")).to_contain_text("pale")  # the name is in use


def test_the_wall_shows_what_is_nearest_to_a_colour_and_to_a_picture(visitor: Visitor) -> None:
    with visitor.visit(allowed="status of 503") as page:
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
        expect_query(page, {"like": seed, "show": seed})
        expect(first).to_have_accessible_name(f"Picture {seed}")  # it is most like itself
        page.get_by_role("button", name="All pictures").click()
        expect(page.get_by_role("grid", name="Pictures by seed")).to_be_visible()


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
        expect_parameter(page, "morph", f"{columns + 2}..{columns + 3}")
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
        expect_parameter(page, "truncation", "0.95")
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
    with visitor.visit(allowed="net::ERR_FAILED") as page:
        wait_for_pictures(page)
        page.route("**/v1/**", lambda route: route.abort())
        page.reload()
        expect(page.get_by_role("heading", name="The service does not answer")).to_be_visible()
        page.unroute("**/v1/**")
        wait_for_pictures(page)


def test_an_error_is_said_until_the_button_repeats_the_request(visitor: Visitor) -> None:
    error = {"detail": "The disk cannot be read.", "kind": "internal_error"}
    with visitor.visit(allowed="status of 500") as page:
        wait_for_pictures(page)
        page.route("**/v1/models?*", lambda route: route.fulfill(status=500, json=error))
        page.reload()
        expect(page.get_by_role("heading", name="Something went wrong")).to_be_visible()
        expect(page.get_by_role("main")).to_contain_text("The disk cannot be read.")
        retry = page.get_by_role("button", name="Try again")
        retry.focus()
        for _ in range(2):  # the page repeats the request by itself too
            with page.expect_response("**/v1/models?*"):
                pass
        expect(retry).to_be_focused()  # rather than made anew with each request

        page.unroute("**/v1/models?*")
        page.add_init_script("window.setInterval = () => 0")  # from here on only the button does
        page.route("**/v1/models?*", lambda route: route.fulfill(status=500, json=error), times=1)
        page.reload()
        retry.click()
        wait_for_pictures(page)


def test_the_api_reference_works_without_a_network(visitor: Visitor) -> None:
    with visitor.visit("/docs", check_axe=False) as page:
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
    options = view | {"reduced_motion": "reduce"}
    with visitor.visit("/?show=7", **options) as page:
        page.wait_for_selector(".hash")
        assert page.evaluate("document.body.scrollWidth <= innerWidth")
    with visitor.visit("/?morph=7..22&at=0.5", **options) as page:
        page.wait_for_selector(".transport")


def test_a_picture_is_moved_along_directions_by_slider_and_by_number(visitor: Visitor) -> None:
    with visitor.visit("/?show=22") as page:
        ginger = stage(page).get_by_role("slider", name="ginger")
        for _ in range(3):
            ginger.press("ArrowRight")
        expect_query(page, {"show": "22~ginger:0.3"})
        amount = stage(page).get_by_role("textbox", name="Amount of white")
        amount.fill("-1.5")
        amount.press("Enter")
        expect_query(page, {"show": "22~ginger:0.3~white:-1.5"})
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
        expect_query(page, {"show": "22"})
        stage(page).get_by_role("heading", name="Seed 22").click()  # the focus leaves the fields
        for shown in ("22~ginger:0.3~white:-1.5", "22~ginger:0.3"):
            page.keyboard.press("Control+z")
            expect_query(page, {"show": shown})
        expect_query(page, {"show": "22~ginger:0.3"})
        expect(stage(page).get_by_role("textbox", name="Amount of ginger")).to_have_value("0.3")
        page.get_by_role("button", name="Picture 23", exact=True).click()
        expect_query(page, {"show": "23"})
        page.keyboard.press("Control+z")
        expect_query(page, {"show": "22~ginger:0.3"})


def test_favourites_make_a_wall_whose_link_shows_it_and_steps_are_undone(visitor: Visitor) -> None:
    with visitor.visit("/?show=22~ginger:1") as page:
        page.get_by_role("button", name="Favourites", exact=True).click()
        expect(page.get_by_text("No picture is chosen.")).to_be_visible()
        page.get_by_role("button", name="All pictures").click()
        stage(page).get_by_role("button", name="Add to favourites").click()
        page.get_by_role("button", name="white", exact=True).click()
        stage(page).get_by_role("button", name="Add to favourites").click()
        page.get_by_role("button", name="Favourites", exact=True).click()
        expect_query(page, {"only": "white..22~ginger:1", "show": "white"})
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


def test_favourites_of_two_tabs_are_kept_together(visitor: Visitor) -> None:
    with visitor.visit("/?show=1") as page:
        expect(stage(page).get_by_role("button", name="Add to favourites")).to_be_visible()
        other = page.context.new_page()
        other.goto(f"{visitor.url}/?show=2")
        stage(other).get_by_role("button", name="Add to favourites").click()
        stage(page).get_by_role("button", name="Add to favourites").click()
        page.get_by_role("button", name="Favourites", exact=True).click()
        expect_query(page, {"only": "1..2", "show": "1"})
        other.goto(f"{visitor.url}/?show=1")
        stage(other).get_by_role("button", name="Remove from favourites").click()
        expect(stage(page).get_by_role("button", name="Add to favourites")).to_be_visible()


def test_a_deleted_checkpoint_is_named_and_left_for_the_served_one(visitor: Visitor) -> None:
    with visitor.visit("/?checkpoint=dead&show=7", allowed="status of 404") as page:
        wall, picture = page.get_by_role("main"), stage(page)
        for part in (wall, picture):
            expect(part.get_by_role("alert").first).to_contain_text("no checkpoint 'dead'")
        wall.get_by_role("button", name="Show the served checkpoint").click()
        wait_for_pictures(page)
        expect_query(page, {"show": "7"})
        for part in (wall, picture):
            expect(part.get_by_role("alert")).to_have_count(0)


def test_a_deleted_latent_takes_no_other_picture_with_it(visitor: Visitor) -> None:
    with visitor.visit("/?only=7..gone..8&show=gone", allowed="status of 404") as page:
        expect(stage(page).get_by_role("alert")).to_contain_text("gone")
        expect(page.locator(".tile .picture.shown")).to_have_count(2)
        expect(page.locator(".tile .picture.failed")).to_have_count(1)
        expect(page.get_by_role("main").get_by_role("alert")).to_have_count(0)


def test_errors_of_directions_and_of_a_blend_are_said(visitor: Visitor) -> None:
    error = {"detail": "The disk cannot be read.", "kind": "internal_error"}
    with visitor.visit(allowed="status of 500") as page:
        wait_for_pictures(page)
        alert = stage(page).get_by_role("alert").filter(has_text="The disk cannot be read.")
        directions = f"**{MODEL}/directions?*"
        page.route(directions, lambda route: route.fulfill(status=500, json=error))
        page.goto(f"{visitor.url}/?show=7")
        expect(alert).to_be_visible()
        page.unroute(directions)
        page.route(directions, lambda route: route.fulfill(json={"items": [], "next": None}))
        page.route("**/find-directions?*", lambda route: route.fulfill(status=500, json=error))
        page.reload()
        stage(page).get_by_role("button", name="Find directions").click()
        expect(alert).to_be_visible()

        page.route(f"**{MODEL}/blend", lambda route: route.fulfill(status=500, json=error))
        page.goto(f"{visitor.url}/?morph=1..2..3&pad=0.5,0.5")
        expect(alert).to_be_visible()
        name = stage(page).get_by_role("textbox", name="Save under a name")
        name.fill("between")
        name.press("Enter")
        expect(name).to_have_accessible_description(re.compile("The disk cannot be read."))


def test_a_dropped_photo_is_shown_beside_its_picture_and_becomes_another(
    visitor: Visitor, tmp_path: Path
) -> None:
    photo = tmp_path / "photo.png"
    photo.write_bytes(httpx2.get(f"{visitor.url}{MODEL}/images/9.png").content)
    with visitor.visit() as page:
        wait_for_pictures(page)
        drop(page.get_by_role("main"), photo)
        expect(stage(page).get_by_text("The model is searched for your photo")).to_be_visible()
        job = query(page)["photo"]
        page.wait_for_url(re.compile(f"show=photo-{job[:6]}"), timeout=90_000)
        section = stage(page).get_by_role("region", name="Photo")
        for picture in ("Your photo", "The model’s picture"):
            expect(section.get_by_role("img", name=picture)).to_be_visible()
        says = httpx2.get(f"{visitor.url}/v1/projections/{job}").json()["says"]
        expect(section.get_by_text(says)).to_be_visible()
        expect(page.get_by_role("button", name=f"photo-{job[:6]}", exact=True)).to_be_visible()
        stage(page).get_by_role("button", name="Morph from here").click()
        tile(page, 22).click()
        page.wait_for_selector("[data-frame]:not([data-frame='0'])")  # it plays
        expect_parameter(page, "morph", f"photo-{job[:6]}..22")
