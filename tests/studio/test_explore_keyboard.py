"""The screen Explore with the keyboard alone, on a phone, light and in Japanese."""

import re
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import expect

from .browser import Visitor, expect_query
from .explore_page import check_downloads, copied, stage, tile, wait_for_pictures

pytestmark = pytest.mark.slow

MODEL = "/v1/models/cats"


def test_the_wall_is_walked_from_its_link_on(visitor: Visitor) -> None:
    with visitor.visit_by_keyboard() as keyboard:
        page = keyboard.page
        wait_for_pictures(page)
        keyboard.press("button", "画像へ移動")
        expect(tile(page, 0)).to_be_focused()
        columns = int(page.get_by_role("grid").get_attribute("aria-colcount") or 0)
        keyboard.keys("ArrowDown", "ArrowRight")
        expect(tile(page, columns + 1)).to_be_focused()
        keyboard.keys("PageDown")
        expect(tile(page, columns + 1)).not_to_be_focused()
        keyboard.keys("PageDown")
        page.wait_for_url(re.compile(r"from=[1-9]"))
        seed = int(page.url.rpartition("from=")[2])
        page.reload()
        wait_for_pictures(page)
        expect(tile(page, seed)).to_be_in_viewport()


def test_a_picture_is_opened_with_its_recipe_and_files(visitor: Visitor) -> None:
    with visitor.visit_by_keyboard() as keyboard:
        page = keyboard.page
        wait_for_pictures(page)
        keyboard.press("button", "画像 3")
        expect(stage(page).get_by_role("heading", name="シード 3")).to_be_visible()
        recipe = httpx2.get(f"{visitor.url}{MODEL}/images/3.json").json()
        for value in (recipe["checkpoint"], f"{recipe['images_seen']:,}", recipe["sha256"][:16]):
            expect(stage(page).get_by_text(value)).to_be_attached()
        for fact in ("品質", "最も近い実際の画像"):
            expect(stage(page).get_by_text(fact, exact=True)).to_be_attached()
        with page.expect_download() as download:
            keyboard.press("link", "PNG でダウンロード")
        served = httpx2.get(f"{visitor.url}{MODEL}/images/3.png").content
        assert Path(download.value.path()).read_bytes() == served
        check_downloads(page, "WEBP", "JPG", "AVIF")

        keyboard.press("button", "URL")
        expect(stage(page).get_by_role("status").filter(has_text="コピーしました")).to_have_count(1)
        assert httpx2.get(copied(page)).content == served
        keyboard.press("button", "この表示へのリンク")
        assert copied(page) == page.url
        keyboard.press("button", "次へ")
        expect(stage(page).get_by_role("heading", name="シード 4")).to_be_visible()
        keyboard.press("button", "閉じる")
        expect(stage(page)).to_have_count(0)
        expect(page.locator(".tile > button:focus")).to_have_count(1)


def test_a_picture_is_saved_deleted_and_saved_again(visitor: Visitor) -> None:
    with visitor.visit_by_keyboard("/?show=11") as keyboard:
        page = keyboard.page
        keyboard.fill("名前を付けて保存", "No Name")
        expect(stage(page).get_by_text("数字だけの名前は使えません")).to_be_visible()
        keyboard.fill("名前を付けて保存", "marbled", "Enter")
        saved = stage(page).get_by_role("status").filter(has_text="marbled として保存しました")
        expect(saved).to_have_count(1)
        keyboard.keys("Escape")
        for undo in ("button", "key"):
            keyboard.press("button", "marbled")
            expect_query(page, {"show": "marbled"})
            keyboard.press("button", "名前を削除")
            expect(page.get_by_text("marbled を削除しました。")).to_be_visible()
            assert httpx2.get(f"{visitor.url}{MODEL}/latents/marbled").status_code == 404
            if undo == "button":
                keyboard.press("button", "元に戻す")
            else:
                keyboard.keys("Control+z")
            expect(stage(page).get_by_role("heading", name="marbled")).to_be_visible()
            assert httpx2.get(f"{visitor.url}{MODEL}/latents/marbled").json()["seed"] == 11
            keyboard.keys("Escape")
    httpx2.delete(f"{visitor.url}{MODEL}/latents/marbled").raise_for_status()


def test_a_colour_and_likeness_are_searched_for(visitor: Visitor) -> None:
    with visitor.visit_by_keyboard(allowed="status of 503") as keyboard:
        page = keyboard.page
        wait_for_pictures(page)
        keyboard.press("button", "検索")
        keyboard.press("button", "色 #e0a458")
        # The first search has the samples indexed.
        expect(page.get_by_text("64 枚中 64 枚、近い順")).to_be_visible()
        wait_for_pictures(page)
        body = {"color": "#e0a458", "k": 64}
        found = httpx2.post(f"{visitor.url}{MODEL}/search", json=body).json()["items"]
        seed = found[0]["seed"]
        keyboard.press("button", f"画像 {seed}")
        keyboard.press("button", "似た画像を探す")
        page.wait_for_url(re.compile(f"like={seed}"))
        keyboard.press("button", "すべての画像")
        expect(page.get_by_role("grid", name="シード順の画像")).to_be_visible()


def test_a_seed_a_truncation_and_the_look_are_chosen(visitor: Visitor) -> None:
    with visitor.visit_by_keyboard() as keyboard:
        page = keyboard.page
        wait_for_pictures(page)
        keyboard.fill("シードへ移動", "123456789", "Enter")
        wait_for_pictures(page)
        expect(tile(page, 123456789)).to_be_in_viewport()
        keyboard.keys("Escape")
        expect(stage(page)).to_have_count(0)
        keyboard.press("button", "表示")
        keyboard.press("slider", "トランケーション", "ArrowLeft")
        page.wait_for_url(re.compile("truncation=0.95"))
        keyboard.press("radio", "くっきり", "Space")
        expect(page.locator(".tile .picture.sharp").first).to_be_visible()
        keyboard.keys("Escape")
        keyboard.press("button", "ランダムに移動")
        page.wait_for_url(lambda url: "from=123456789" not in url)
        wait_for_pictures(page)


def test_theme_and_language_are_chosen_and_kept(visitor: Visitor) -> None:
    with visitor.visit_by_keyboard() as keyboard:
        page = keyboard.page
        keyboard.choose("言語", "English", role="menuitemradio")
        keyboard.choose("Theme", "Dark", role="menuitemradio")
        page.reload()
        expect(page.get_by_role("button", name="Search", exact=True)).to_be_visible()
        background = "getComputedStyle(document.body).backgroundColor"
        assert page.evaluate(background) == "rgb(19, 17, 16)"
        keyboard.press("link", "HTTP API")
        expect(page.get_by_role("heading", name="Moggy")).to_be_visible()
        page.go_back()
        expect(page.get_by_role("button", name="Search", exact=True)).to_be_visible()


def test_a_picture_is_moved_along_directions(visitor: Visitor) -> None:
    with visitor.visit_by_keyboard("/?show=22") as keyboard:
        page = keyboard.page
        keyboard.press("slider", "ginger", "ArrowRight", "ArrowRight")
        expect_query(page, {"show": "22~ginger:0.2"})
        keyboard.fill("white の量", "-1.5", "Enter")
        expect_query(page, {"show": "22~ginger:0.2~white:-1.5"})
        keyboard.press("button", "white の操作")
        keyboard.press("menuitem", "詳細を表示")
        strip = "3 つのシードを white に沿って -3 から 3 まで動かしたもの"
        expect(stage(page).get_by_role("img", name=strip)).to_be_visible()
        keyboard.press("button", "元に戻す")
        expect_query(page, {"direction": "white", "show": "22"})


def test_favourites_make_a_wall_and_steps_are_undone(visitor: Visitor) -> None:
    with visitor.visit_by_keyboard("/?show=22~ginger:1") as keyboard:
        page = keyboard.page
        keyboard.press("button", "お気に入りに追加")
        expect(stage(page).get_by_role("button", name="お気に入りから外す")).to_be_focused()
        keyboard.keys("Escape")
        keyboard.press("button", "white")
        keyboard.press("button", "お気に入りに追加")
        keyboard.keys("Escape")
        keyboard.press("button", "お気に入り")
        expect_query(page, {"only": "white..22~ginger:1"})
        found = page.get_by_role("grid", name="見つかった画像")
        expect(found.get_by_role("gridcell")).to_have_count(2)
        expect(page.get_by_text("選ばれた 2 枚")).to_be_visible()
        keyboard.keys("Control+z")
        expect(page.get_by_role("grid", name="シード順の画像")).to_be_visible()
        keyboard.keys("Control+Shift+z")
        expect(found).to_be_visible()


def test_a_photo_is_found_and_shown_beside_its_picture(visitor: Visitor, tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    photo.write_bytes(httpx2.get(f"{visitor.url}{MODEL}/images/9.png").content)
    with visitor.visit_by_keyboard() as keyboard:
        page = keyboard.page
        wait_for_pictures(page)
        keyboard.give_files("手元の写真をモデルの中に探す", photo)
        expect(stage(page).get_by_text("あなたの写真をモデルの中に探しています")).to_be_visible()
        page.wait_for_url(re.compile("show=photo-"), timeout=90_000)
        section = stage(page).get_by_role("region", name="写真")
        for picture in ("あなたの写真", "モデルの画像"):
            expect(section.get_by_role("img", name=picture)).to_be_attached()
        keyboard.press("button", "ここからモーフ")
        expect(stage(page).get_by_text("次に、変化した先の画像を選んでください。")).to_be_visible()


def test_a_service_that_does_not_answer_is_named_in_japanese(visitor: Visitor) -> None:
    with visitor.visit_by_keyboard(allowed="net::ERR_FAILED") as keyboard:
        page = keyboard.page
        wait_for_pictures(page)
        page.route("**/v1/**", lambda route: route.abort())
        page.reload()
        expect(page.get_by_role("heading", name="サービスが応答しません")).to_be_visible()
        page.unroute("**/v1/**")
        wait_for_pictures(page)
