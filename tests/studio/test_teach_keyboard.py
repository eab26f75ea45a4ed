"""Teaching a direction with the keyboard alone, on a phone, light and in Japanese."""

import httpx2
import pytest
from playwright.sync_api import expect

from .browser import Visitor, expect_parameter, expect_query
from .explore_page import stage, tile, wait_for_pictures

pytestmark = pytest.mark.slow

DIRECTIONS = "/v1/models/cats/directions"


def test_a_direction_is_taught_renamed_and_deleted(visitor: Visitor) -> None:
    # 503: where no search came before, the lesson has the samples indexed. 404: what the page still
    # asks about a direction that is being renamed or deleted is not found.
    with visitor.visit_by_keyboard(allowed="status of (503|404)") as keyboard:
        page = keyboard.page
        wait_for_pictures(page)
        keyboard.press("button", "方向を教える")
        keyboard.press("button", "画像 2")
        keyboard.press("button", "画像 3")
        keyboard.press("radio", "こちらから遠ざける · 0")
        keyboard.press("button", "画像 0")
        expect(stage(page).get_by_text("あと 1 枚以上選んでください。")).to_be_visible()
        keyboard.press(
            "button", "white", within=page.get_by_role("region", name="保存した潜在変数")
        )
        expect_query(page, {"teach": "less", "more": "2..3", "less": "0..white"})
        keyboard.press("button", "両側を入れ替える")
        expect_parameter(page, "more", "0..white")
        keyboard.keys("Control+z")
        page.wait_for_url("**more=2..3**")
        keyboard.press("button", "#3 を「こちらに近づける」から外す")
        expect_parameter(page, "more", "2")
        keyboard.press("button", "画像 1", "+")
        expect_parameter(page, "more", "2..1")

        keyboard.press("button", "ginger", within=stage(page))
        keyboard.fill("方向の名前", "No Name")
        expect(stage(page).get_by_text("先頭は英小文字か数字")).to_be_visible()
        keyboard.fill("方向の名前", "patched")
        keyboard.press("button", "教える")
        expect(stage(page).get_by_role("slider", name="patched", exact=True)).to_be_visible()
        taught = httpx2.get(f"{visitor.url}{DIRECTIONS}/patched").json()
        assert (taught["positive"], taught["negative"]) == (2, 2)
        assert taught["orthogonal_to"] == ["ginger"]
        expect(stage(page).get_by_text("除外しておいた 4 個の例の")).to_be_visible()

        keyboard.press("slider", "patched", "ArrowRight")
        expect_parameter(page, "show", "2~patched:0.1")
        keyboard.choose("patched の操作", "名前を変更", role="menuitem")
        expect(stage(page).get_by_role("textbox", name="方向の名前")).to_be_focused()
        keyboard.fill("方向の名前", "spotted", "Enter")
        expect(stage(page).get_by_role("slider", name="spotted", exact=True)).to_be_visible()
        expect_parameter(page, "show", "2~spotted:0.1")
        keyboard.choose("spotted の操作", "削除", role="menuitem")
        keyboard.press("button", "削除")
        expect(stage(page).get_by_role("slider", name="spotted", exact=True)).to_have_count(0)
        expect_parameter(page, "show", "2")
        expect(tile(page, 2)).to_be_in_viewport()
    assert httpx2.get(f"{visitor.url}{DIRECTIONS}/spotted").status_code == 404
