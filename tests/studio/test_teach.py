"""Teaching a direction by marked pictures in Chromium; renaming and deleting directions."""

from typing import Any

import httpx2
import pytest
from playwright.sync_api import Page, expect
from running_service import wait_until

from .browser import DESKTOP, PHONE, Visitor, expect_parameter, expect_query
from .explore_page import stage, tile, wait_for_pictures

pytestmark = pytest.mark.slow

DIRECTIONS = "/v1/models/cats/directions"


def teach(page: Page, name: str) -> None:
    stage(page).get_by_role("textbox", name="Name of the direction").fill(name)
    stage(page).get_by_role("button", name="Teach", exact=True).click()
    expect(stage(page).get_by_role("slider", name=name, exact=True)).to_be_visible()


def test_pictures_of_two_sides_teach_a_direction_that_moves_at_once(visitor: Visitor) -> None:
    # Where no search came before, the first lesson has the samples indexed.
    with visitor.visit(allowed="status of (409|503)") as page:
        wait_for_pictures(page)
        page.get_by_role("button", name="Teach a direction").click()
        tile(page, 6).click()
        tile(page, 12).click()
        stage(page).get_by_role("radio", name="Less of this").click()
        tile(page, 0).click()
        expect(stage(page).get_by_text("Mark at least 1 more.")).to_be_visible()
        expect(stage(page).get_by_role("button", name="Teach", exact=True)).to_be_disabled()
        saved = page.get_by_role("region", name="Saved latents")
        saved.get_by_role("button", name="white", exact=True).click()
        expect_query(page, {"teach": "less", "more": "6..12", "less": "0..white"})

        stage(page).get_by_role("button", name="Swap both sides").click()
        expect_parameter(page, "more", "0..white")
        page.keyboard.press("Control+z")
        page.wait_for_url("**more=6..12**")
        page.reload()
        name = stage(page).get_by_role("textbox", name="Name of the direction")
        name.fill("No Name")
        expect(stage(page).get_by_text("a letter or a digit at the beginning")).to_be_visible()
        name.fill("white")
        stage(page).get_by_role("button", name="Teach", exact=True).click()
        expect(stage(page).get_by_role("alert")).to_contain_text("white")  # the name is in use
        stage(page).get_by_role("button", name="ginger", exact=True).click()
        page.reload()
        expect(name).to_have_value("white")
        ginger = stage(page).get_by_role("button", name="ginger", exact=True)
        expect(ginger).to_have_attribute("aria-pressed", "true")
        teach(page, "striped")

        taught = httpx2.get(f"{visitor.url}{DIRECTIONS}/striped").json()
        assert (taught["positive"], taught["negative"]) == (2, 2)
        assert taught["orthogonal_to"] == ["ginger"]
        accuracy = round(100 * taught["accuracy"]["value"])
        shown = f"{accuracy} % of 4 held-out examples are on their side (95 % interval:"
        expect(stage(page).get_by_text(shown)).to_be_visible()
        expect_query(page, {"direction": "striped", "show": "6"})
        stage(page).get_by_role("slider", name="striped", exact=True).press("ArrowRight")
        expect_parameter(page, "show", "6~striped:0.1")
        expect(
            stage(page).get_by_role("img", name="Three seeds, moved along striped")
        ).to_be_visible()


def test_a_direction_is_renamed_and_deleted(visitor: Visitor) -> None:
    body = {"name": "dim", "positive": [{"seed": 1}, {"seed": 3}]}
    body["negative"] = [{"seed": 0}, {"seed": 2}]
    with httpx2.Client(base_url=visitor.url, timeout=60) as client:
        wait_until(client, "/v1/models/cats", lambda model: model["checkpoint"] is not None)
        answer = client.post(DIRECTIONS, json=body)
        if answer.status_code == 503:  # the index that directions are fitted to is being built
            job = answer.json()["job"]
            wait_until(client, f"/v1/jobs/{job}", lambda view: view["status"] == "succeeded")
            answer = client.post(DIRECTIONS, json=body)
        assert answer.status_code == 201
    with visitor.visit("/?show=7~dim:1.5") as page:
        stage(page).get_by_role("button", name="More of dim").click()
        page.get_by_role("menuitem", name="Rename").click()
        name = stage(page).get_by_role("textbox", name="Name of the direction")
        name.fill("darker")
        name.press("Enter")
        expect(stage(page).get_by_role("slider", name="darker")).to_be_visible()
        expect_parameter(page, "show", "7~darker:1.5")
        stage(page).get_by_role("button", name="More of darker").click()
        page.get_by_role("menuitem", name="Delete").click()
        stage(page).get_by_role("button", name="Delete", exact=True).click()
        expect(stage(page).get_by_role("slider", name="darker")).to_have_count(0)
        expect_parameter(page, "show", "7")
    assert httpx2.get(f"{visitor.url}{DIRECTIONS}/darker").status_code == 404


def test_pictures_are_marked_with_the_keyboard_alone(visitor: Visitor) -> None:
    with visitor.visit("/?teach=more") as page:
        wait_for_pictures(page)
        tile(page, 0).focus()
        page.keyboard.press("+")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("-")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
        expect_query(page, {"teach": "more", "more": "0..2", "less": "1"})
        page.keyboard.press("Enter")
        expect_parameter(page, "more", "0")
        stage(page).get_by_role("button", name="Take #0 out of").press("Enter")
        expect_parameter(page, "more", None)
        page.keyboard.press("Escape")
        expect(stage(page)).to_have_count(0)


@pytest.mark.parametrize(
    "view",
    [
        {"size": DESKTOP, "theme": "light", "language": "ja-JP"},
        {"size": PHONE, "theme": "dark", "language": "en-US"},
    ],
    ids=["desktop-light-ja", "phone-dark-en"],
)
def test_teaching_is_accessible(visitor: Visitor, view: dict[str, Any]) -> None:
    options = view | {"reduced_motion": "reduce"}
    for path in ("/?teach=more&more=1..2&less=white", "/?show=7&direction=white"):
        with visitor.visit(path, **options) as page:
            page.wait_for_selector(".direction-details .picture, .tray .picture.shown")
            assert page.evaluate("document.body.scrollWidth <= innerWidth")
