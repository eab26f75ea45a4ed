"""Morphs with the keyboard alone, on a phone, light and in Japanese."""

import re

import pytest
from playwright.sync_api import expect

from .browser import Visitor, expect_parameter, expect_query
from .explore_page import check_downloads, expect_frame, stage, tile, wait_for_pictures

pytestmark = pytest.mark.slow


def test_two_picked_pictures_play_as_a_morph_that_the_slider_moves(visitor: Visitor) -> None:
    with visitor.visit_by_keyboard() as keyboard:
        page = keyboard.page
        wait_for_pictures(page)
        keyboard.press("button", "画像 1", "m")
        expect(stage(page).get_by_text("次に、変化した先の画像を選んでください。")).to_be_visible()
        keyboard.keys("ArrowRight")
        expect(tile(page, 2)).to_be_focused()
        keyboard.keys("m")
        page.wait_for_selector("[data-frame]:not([data-frame='0'])")  # it plays
        expect_query(page, {"morph": "1..2"})

        keyboard.press("button", "一時停止")
        keyboard.press("slider", "位置", "Home")
        expect_frame(page, 0)
        for index in (1, 2):
            keyboard.keys("ArrowRight")
            expect_frame(page, index)
        keyboard.keys("End")
        expect_frame(page, 59)
        expect_parameter(page, "at", "1")

        keyboard.press("button", "white")
        expect_query(page, {"morph": "1..2..white"})
        keyboard.press("radio", "緩急")
        keyboard.press("switch", "ループ", "Space")
        expect_query(page, {"morph": "1..2..white", "easing": "smooth", "loop": "true"})
        expect(stage(page).get_by_text("各キーフレームで遅くなります")).to_be_visible()
        keyboard.press("radio", "1×")
        check_downloads(page, "WEBP", "GIF", "MP4")


def test_keyframes_are_moved_and_removed(visitor: Visitor) -> None:
    with visitor.visit_by_keyboard("/?morph=7..22..white&at=0") as keyboard:
        page = keyboard.page
        page.wait_for_selector("[data-frame]")
        keyboard.press("button", "#7、3 個中 1 番目のキーフレーム", "Shift+ArrowRight")
        page.wait_for_url(re.compile(re.escape("morph=22..7..white")))
        expect(stage(page).get_by_role("button", name="#7、3 個中 2 番目")).to_be_focused()
        keyboard.press("button", "後に移す")
        page.wait_for_url(re.compile(re.escape("morph=22..white..7")))
        keyboard.press("button", "逆順にする")
        page.wait_for_url(re.compile(re.escape("morph=7..white..22")))
        keyboard.press("button", "#7、3 個中 1 番目のキーフレーム", "Delete")
        page.wait_for_url(lambda url: "morph=white..22" in url)
        keyboard.press("button", "white、2 個中 1 番目のキーフレーム")
        keyboard.press("button", "外す")
        expect(stage(page).get_by_text("次に、変化した先の画像を選んでください。")).to_be_visible()
        keyboard.keys("Escape")
        expect(stage(page)).to_have_count(0)


def test_the_pad_blends_its_corners_where_the_dot_is(visitor: Visitor) -> None:
    with visitor.visit_by_keyboard("/?morph=7..white..22..ginger") as keyboard:
        page = keyboard.page
        page.wait_for_selector("[data-frame]")
        keyboard.press("radio", "パッド")
        keyboard.press("slider", "パッド", "ArrowRight", "ArrowDown", "ArrowDown")
        page.wait_for_url(re.compile(r"pad=0\.55%2C0\.6"))
        with page.expect_download() as download:
            keyboard.press("link", "PNG でダウンロード")
        assert download.value.path().read_bytes().startswith(b"\x89PNG")
        keyboard.fill("名前を付けて保存", "amid", "Enter")
        expect(page.get_by_role("button", name="amid", exact=True)).to_be_visible()
        keyboard.press("radio", "道のり")
        page.wait_for_selector("[data-frame]")
