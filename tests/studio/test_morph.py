"""Morphs in Chromium: along a path of keyframes, and on a pad between corners."""

import io
import re

import httpx2
import pytest
from PIL import Image
from playwright.sync_api import expect

from .browser import Visitor, drag, expect_parameter, expect_query, query, size_of
from .explore_page import (
    SHARP,
    check_downloads,
    check_morph_file,
    expect_frame,
    expect_on_stage,
    image_of,
    stage,
    tile,
    wait_for_pictures,
)

pytestmark = pytest.mark.slow

MODEL = "/v1/models/cats"


def test_keyframes_are_dragged_into_another_order(visitor: Visitor) -> None:
    with visitor.visit("/?morph=7..22..white&at=0") as page:
        page.wait_for_selector("[data-frame]")
        boxes = [
            stage(page).get_by_role("button", name=f"{name}, keyframe").bounding_box()
            for name in ("#7", "white")
        ]
        start, end = [box["x"] + box["width"] / 2 for box in boxes if box]
        drag(stage(page).get_by_role("button", name="#7, keyframe"), end + 10 - start)
        page.wait_for_url(re.compile(re.escape("morph=22..white..7")))
        # With the keys, the focus stays on the keyframe that is moved.
        stage(page).get_by_role("button", name="#7, keyframe 3 of 3").focus()
        page.keyboard.press("Shift+ArrowLeft")
        page.keyboard.press("Shift+ArrowLeft")
        page.wait_for_url(re.compile(re.escape("morph=7..22..white")))


def test_two_picked_pictures_play_as_a_morph_that_the_slider_moves(visitor: Visitor) -> None:
    def frame(index: int, easing: str) -> Image.Image:
        """A frame of the morph from 7 to 22."""
        body = {"keyframes": [{"seed": 7}, {"seed": 22}], "easing": easing}
        frames = {"frames": 60, "format": "strip"}
        strip = image_of(httpx2.post(f"{visitor.url}{MODEL}/interpolations", json=body | frames))
        return strip.crop((64 * index, 0, 64 * (index + 1), 64))

    with visitor.visit(script=SHARP) as page:
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
        frame_width = size_of(stage(page).locator(".scrubber .track"))[0] / 59
        drag(stage(page).locator(".scrubber .thumb"), -20 * frame_width)
        expect_frame(page, 39)
        expect_parameter(page, "at", "0.661")  # 39 / 59
        assert [url for url in requests if "/v1/" in url] == []  # the frames are there

        expect_on_stage(page, frame(39, "linear"))
        stage(page).get_by_text("Soft").click()
        expect_on_stage(page, frame(39, "smooth"))
        page.get_by_role("button", name="white", exact=True).click()
        expect(stage(page).get_by_text("/ 80")).to_be_visible()
        stage(page).get_by_text("Loop").click()
        expect(stage(page).get_by_text("/ 120")).to_be_visible()  # the way back too
        expect_query(page, {"morph": "7..22..white", "easing": "smooth", "loop": "true"})
        stage(page).get_by_role("button", name="#7, keyframe 1 of 3").press("Shift+ArrowRight")
        expect_parameter(page, "morph", "22..7..white")
        stage(page).get_by_role("button", name="white, keyframe 3 of 3").press("Delete")
        expect_parameter(page, "morph", "22..7")
        stage(page).get_by_text("1×").click()
        check_downloads(page, "WEBP", "GIF", "MP4")
        with page.expect_download() as download:
            stage(page).get_by_role("link", name="Download as WEBP").click()
        keyframes = [{"seed": 22}, {"seed": 7}]
        file = download.value.path().read_bytes()
        check_morph_file(visitor, file, keyframes=keyframes, frames=80, easing="smooth", loop=True)


def test_a_moved_picture_is_exported_as_a_keyframe(visitor: Visitor) -> None:
    with visitor.visit("/?show=22~ginger:1") as page:
        stage(page).get_by_role("button", name="Morph from here").click()
        tile(page, 7).click()
        page.wait_for_selector("[data-frame]")
        expect_parameter(page, "morph", "22~ginger:1..7")
        stage(page).get_by_text("Even", exact=True).click()
        stage(page).get_by_text("1×").click()
        with page.expect_download() as download:
            stage(page).get_by_role("link", name="Download as WEBP").click()
        keyframes = [{"seed": 22, "edits": {"ginger": 1}}, {"seed": 7}]
        file = download.value.path().read_bytes()
        check_morph_file(visitor, file, keyframes=keyframes, frames=60, easing="even")


def test_a_link_to_a_morph_stands_still_where_it_was_left(visitor: Visitor) -> None:
    with visitor.visit("/?model=cats&morph=7..22&at=0.25&truncation=0.7&from=400") as page:
        wait_for_pictures(page)
        page.wait_for_selector("[data-frame='15']")
        expect(stage(page).get_by_role("button", name="Play")).to_be_visible()
        expect(tile(page, 400)).to_be_in_viewport()
        link = stage(page).get_by_role("link", name="Download as WEBP")
        assert "truncation=0.7" in str(link.get_attribute("href"))


def test_the_pad_blends_its_corners_where_the_dot_is(visitor: Visitor) -> None:
    with visitor.visit("/?morph=7..white..22..ginger", script=SHARP) as page:
        stage(page).get_by_text("Pad", exact=True).click()
        dot = stage(page).get_by_role("slider", name="Pad")
        dot.press("ArrowRight")
        page.wait_for_url(re.compile(r"pad=0\.55"))
        area = stage(page).locator(".pad-area")
        box = area.bounding_box()
        assert box is not None
        area.click(position={"x": box["width"] / 4, "y": box["height"] - 1})
        page.wait_for_url(re.compile(r"pad=0\.25"))
        drag(dot, box["width"] / 2, -box["height"] / 4)
        page.wait_for_url(re.compile(r"pad=0\.7[45]"))
        # More digits than in the address.
        right, down = dot.evaluate("({ style }) => [style.left, style.top].map(Number.parseFloat)")
        corners = [{"seed": 7}, {"name": "white"}, {"seed": 22}, {"name": "ginger"}]
        body = {"corners": corners, "x": right / 100, "y": down / 100, "format": "png"}
        blend = image_of(httpx2.post(f"{visitor.url}{MODEL}/blend", json=body))
        expect_on_stage(page, blend)
        with page.expect_download() as download:
            stage(page).get_by_role("link", name="Download as PNG").click()
        x, y = (float(value) for value in query(page)["pad"].split(","))
        assert x == pytest.approx(0.75, abs=0.01)
        assert y == pytest.approx(0.75, abs=0.01)
        saved_file = download.value.path().read_bytes()
        assert Image.open(io.BytesIO(saved_file)).tobytes() == blend.tobytes()
        recipe = httpx2.post(f"{visitor.url}/v1/recipes/read", content=saved_file).json()["recipe"]
        assert len(recipe["latent"]) == 100
        name = stage(page).get_by_role("textbox", name="Save under a name")
        name.fill("between")
        name.press("Enter")
        expect(page.get_by_role("button", name="between", exact=True)).to_be_visible()
        stage(page).get_by_text("Path", exact=True).click()
        page.wait_for_selector("[data-frame]")
