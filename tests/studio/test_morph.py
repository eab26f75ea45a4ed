"""Morphs in Chromium: along a path of keyframes, and on a pad between corners."""

import re

import httpx2
import pytest
from playwright.sync_api import expect

from .browser import Visitor, expect_parameter, expect_query, query
from .explore_page import check_downloads, expect_frame, stage, tile, wait_for_pictures

pytestmark = pytest.mark.slow

MODEL = "/v1/models/cats"


def test_keyframes_are_dragged_into_another_order(visitor: Visitor) -> None:
    with visitor.visit("/?morph=7..22..white&at=0") as page:
        page.wait_for_selector("[data-frame]")
        boxes = [
            stage(page).get_by_role("button", name=f"{name}, keyframe").bounding_box()
            for name in ("#7", "white")
        ]
        (x, y), (end, _) = [
            (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2) for box in boxes if box
        ]
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(end + 10, y, steps=5)
        page.mouse.up()
        page.wait_for_url(re.compile(re.escape("morph=22..white..7")))
        # With the keys, the focus stays on the keyframe that is moved.
        stage(page).get_by_role("button", name="#7, keyframe 3 of 3").focus()
        page.keyboard.press("Shift+ArrowLeft")
        page.keyboard.press("Shift+ArrowLeft")
        page.wait_for_url(re.compile(re.escape("morph=7..22..white")))


def test_two_picked_pictures_play_as_a_morph_that_the_slider_moves(visitor: Visitor) -> None:
    with visitor.visit() as page:
        tile(page, 7).hover()
        page.get_by_role("button", name="Add Seed 7 to a morph").click()
        expect(stage(page).get_by_text("Now pick the picture that it becomes.")).to_be_visible()
        tile(page, 22).click()
        page.wait_for_selector("[data-frame]:not([data-frame='0'])")  # it plays
        expect_query(page, {"morph": "7..22"})

        stage(page).get_by_role("button", name="Pause").click()
        requests: list[str] = []
        page.on("request", lambda request: requests.append(request.url))
        slider = stage(page).get_by_role("slider")
        slider.focus()
        slider.press("Home")
        expect_frame(page, 0)
        for index in range(1, 5):
            slider.press("ArrowRight")
            expect_frame(page, index)
        slider.press("End")
        expect_frame(page, 59)
        expect_parameter(page, "at", "1")
        assert [url for url in requests if "/v1/" in url] == []  # the frames are there

        page.get_by_role("button", name="white", exact=True).click()
        stage(page).get_by_text("Soft").click()
        stage(page).get_by_text("Loop").click()
        expect_query(page, {"morph": "7..22..white", "easing": "smooth", "loop": "true"})
        stage(page).get_by_role("button", name="#7, keyframe 1 of 3").press("Shift+ArrowRight")
        expect_parameter(page, "morph", "22..7..white")
        stage(page).get_by_role("button", name="white, keyframe 3 of 3").press("Delete")
        expect_parameter(page, "morph", "22..7")
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
