"""The screen Learn in Chromium: the toy, its failures, and what the service adds."""

import gzip
import re
from collections.abc import Iterator
from typing import Literal

import httpx2
import numpy as np
import pytest
from array_files import idx, images
from playwright.sync_api import Browser, Page, expect
from running_service import Service, wait_until

from .browser import DESKTOP, PHONE, Visitor, expect_parameter

pytestmark = pytest.mark.slow

LEARN = "/?screen=learn"
# A function: the policy of the page forbids to evaluate an expression again and again.
HAS_ADVANCED = "() => document.querySelector('.toy-facts dd').textContent > '1'"
# What the page says of a run that fails, and of one that does not.
STATUS = {
    "oscillation": ("The points keep running past the target.", "The points settle on the target."),
    "collapse": (
        "Mode collapse: at most two clusters are covered.",
        "Most clusters are covered.",
    ),
    "vanishing": (
        "The gradient has vanished: the forger does not move.",
        "The gradient arrives: the forger moves.",
    ),
    "loss": (
        "The loss is that of guessing, and the picture has still to be learnt.",
        "The loss is still that of guessing, and the picture is learnt.",
    ),
}

FAILS_IN_JAPANESE = {
    "oscillation": ("大きすぎる歩幅", "点は目標を通り過ぎ続けています。"),
    "collapse": ("偽造者だけ 5 手ずつ", "モード崩壊：覆われているかたまりは 2 つ以下です。"),
    "vanishing": ("数式どおりの minimax 損失", "勾配が消え、偽造者は動けません。"),
    "loss": (
        "慎重な警察（R1 を 50 倍）",
        "損失は当て推量の値ですが、分布はまだ学習できていません。",
    ),
}


@pytest.fixture(scope="module")
def visitor(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visitor]:
    home = tmp_path_factory.mktemp("learn") / "home"
    with Service(home, starter="cats", index_samples=64) as service:
        service.wait_until_ready()
        yield Visitor(browser, service.url)


def rounds(page: Page) -> int:
    return int(page.locator(".toy-facts dd").first.inner_text().replace(",", ""))


def test_each_turn_of_the_game_is_lit_and_explained(visitor: Visitor) -> None:
    with visitor.visit(LEARN, reduced_motion="reduce") as page:
        expect(page.get_by_text("The game begins with the turn of the police.")).to_be_visible()
        assert rounds(page) == 0  # who prefers no motion starts it
        turn = page.get_by_role("button", name="Next turn")
        turn.click()
        expect(page.get_by_text("Turn of the police:")).to_be_visible()
        expect(page.locator(".formula .term.lit")).to_have_count(2)
        expect(page.locator(".formula .term output").first).to_have_text(re.compile(r"−\d\.\d{3}"))
        turn.click()
        expect(page.get_by_text("Turn of the forger:")).to_be_visible()
        expect(page.locator(".formula .term.lit")).to_have_count(1)  # the one it depends on
        assert rounds(page) == 1
        page.get_by_role("button", name="Play").click()
        page.wait_for_function(HAS_ADVANCED)
        page.get_by_role("button", name="Pause").click()
        page.get_by_role("button", name="From the start").click()
        assert rounds(page) == 0


@pytest.mark.parametrize("failure", STATUS)
def test_a_switch_provokes_the_failure_and_ends_it(visitor: Visitor, failure: str) -> None:
    fails, works = STATUS[failure]
    with visitor.visit(f"{LEARN}&part={failure}&provoke={failure}") as page:
        page.get_by_text("Fast").click()
        part = page.locator(f"#part-{failure}")
        expect(part.get_by_role("status")).to_have_text(fails)
        part.locator(".switch").click()
        expect(part.get_by_role("switch")).not_to_be_checked()
        expect(part.get_by_role("status")).to_have_text(works)
        expect_parameter(page, "provoke", None)
        page.go_back()
        expect(part.get_by_role("switch")).to_be_checked()


def test_the_address_follows_the_reader_and_leads_back(visitor: Visitor) -> None:
    with visitor.visit(LEARN, reduced_motion="reduce") as page:
        page.get_by_role("navigation", name="Contents").get_by_text("The formula").click()
        page.wait_for_url(re.compile("part=formula"))
        heading = page.get_by_role("heading", name="The formula")
        expect(heading).to_be_in_viewport()
        page.reload()
        expect(heading).to_be_in_viewport()
        page.locator("#part-toy").evaluate("(part) => part.scrollIntoView()")
        page.wait_for_url(re.compile("part=toy"))
        page.get_by_text("Moons").click()
        page.wait_for_url(re.compile("target=moons"))
        page.get_by_role("button", name="Another seed").click()
        page.wait_for_url(re.compile(r"toy-seed=\d+"))
        expect(page.get_by_text("Clusters covered")).to_have_count(0)  # moons have none


@pytest.mark.parametrize(("theme", "size"), [("dark", DESKTOP), ("light", PHONE)])
def test_the_page_is_accessible(
    visitor: Visitor, theme: Literal["dark", "light"], size: tuple[int, int]
) -> None:
    path = f"{LEARN}&part=collapse"
    with visitor.visit(path, theme=theme, size=size) as page:
        expect(page.get_by_role("heading", name="Mode collapse")).to_be_in_viewport()
        expect(page.get_by_role("img", name="Feature maps of layer 1")).to_be_attached()


def test_a_layer_shows_its_maps_which_change_with_the_seed(visitor: Visitor) -> None:
    with visitor.visit(f"{LEARN}&part=layers", reduced_motion="reduce") as page:
        layer = page.get_by_role("button", name="Layer 3, 96 × 16 × 16")
        expect(page.get_by_role("img", name="Feature maps of layer 1 for seed 7")).to_be_visible()
        layer.focus()
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Tab")  # a tooltip shows itself to who comes by the keyboard
        expect(page.get_by_role("tooltip")).to_contain_text("295,008 weights")
        layer.click()
        expect_parameter(page, "layer", "2")
        maps = page.get_by_role("img", name="Feature maps of layer 3 for seed 7")
        expect(maps).to_be_visible()
        before = maps.evaluate("(canvas) => canvas.toDataURL()")
        with page.expect_response(re.compile(r"feature-maps/8\.png\?layer=2")):
            page.get_by_role("button", name="Next seed").click()
        after = page.get_by_role("img", name="Feature maps of layer 3 for seed 8")
        handle = after.element_handle()
        page.wait_for_function("([map, old]) => map.toDataURL() !== old", arg=[handle, before])
        page.reload()
        expect(after).to_be_visible()
        page.get_by_role("link", name="Open the picture of seed 8").click()
        expect(page.get_by_role("heading", name="Seed 8")).to_be_visible()


def test_a_recipe_for_digits_is_trained_and_its_samples_appear(visitor: Visitor) -> None:
    with (
        httpx2.Client(base_url=visitor.url, timeout=60) as api,
        visitor.visit(f"{LEARN}&part=digits", reduced_motion="reduce") as page,
    ):
        card = page.get_by_role("article", name="The Keras article")
        expect(card.get_by_role("link", name="Upload MNIST first")).to_be_visible()
        upload(api)
        page.reload()
        expect(card.get_by_role("button", name="Dataset")).to_contain_text("mnist")
        card.get_by_role("button", name="Train", exact=True).click()
        expect(card.get_by_role("status")).to_have_text(re.compile("Queued|Running"))
        expect(card.get_by_role("img", name=re.compile(r"After [\d,]+ images"))).to_be_visible()
        (job,) = api.get("/v1/jobs?kind=train").json()["items"]
        assert (job["preset"], job["dataset"]) == ("mlp", "mnist")
        watch = card.get_by_role("link", name="Watch the training")
        assert str(watch.get_attribute("href")).endswith(f"?screen=train&job={job['id']}")
        api.post(f"/v1/jobs/{job['id']}/cancel")
        wait_until(api, f"/v1/jobs/{job['id']}", lambda body: body["status"] == "cancelled")


def upload(api: httpx2.Client) -> None:
    """A dataset "mnist" from the two files that MNIST consists of, with few pictures."""
    pictures, labels = idx(images(200, 28, 28)), idx(np.arange(200, dtype=np.uint8) % 10)
    files = {"train-images-idx3-ubyte.gz": pictures, "train-labels-idx1-ubyte.gz": labels}
    form = [("files", (name, gzip.compress(data))) for name, data in files.items()]
    api.post("/v1/datasets", data={"name": "mnist", "size": "28"}, files=form)
    wait_until(api, "/v1/datasets/mnist", lambda body: body["status"] == "ready")


def test_in_japanese_nothing_stays_english(visitor: Visitor) -> None:
    with visitor.visit(LEARN, language="ja-JP", reduced_motion="reduce") as page:
        expect(page.get_by_role("heading", name="偽造者と警察")).to_be_visible()
        prose = page.locator(".prose").inner_text()
        for sentence in ("the ", " police", " forger"):
            assert sentence not in prose


def test_the_game_is_played_with_the_keyboard(visitor: Visitor) -> None:
    with visitor.visit_by_keyboard(LEARN) as keyboard:
        page = keyboard.page
        expect(page.get_by_text("ゲームは警察の番から始まります。")).to_be_visible()
        keyboard.press("button", "次の 1 手")
        expect(page.get_by_text("警察の番：")).to_be_visible()
        expect(page.locator(".formula .term.lit")).to_have_count(2)
        keyboard.keys("Enter")
        expect(page.get_by_text("偽造者の番：")).to_be_visible()
        assert rounds(page) == 1
        keyboard.press("radio", "速い")
        keyboard.press("button", "再生")
        page.wait_for_function(HAS_ADVANCED)
        keyboard.press("button", "一時停止")
        keyboard.press("button", "最初から")
        assert rounds(page) == 0
        keyboard.press("radio", "三日月")
        page.wait_for_url(re.compile("target=moons"))
        keyboard.press("button", "別のシード")
        page.wait_for_url(re.compile(r"toy-seed=\d+"))
        keyboard.press("link", "数式")
        page.wait_for_url(re.compile("part=formula"))
        heading = page.get_by_role("heading", name="数式", exact=True)
        expect(heading).to_be_in_viewport()
        page.reload()
        expect(heading).to_be_in_viewport()


@pytest.mark.parametrize("failure", FAILS_IN_JAPANESE)
def test_a_failure_is_provoked_with_the_keyboard(visitor: Visitor, failure: str) -> None:
    switch, fails = FAILS_IN_JAPANESE[failure]
    path = f"{LEARN}&part={failure}"
    with visitor.visit_by_keyboard(path) as keyboard:
        page = keyboard.page
        keyboard.press("radio", "速い")
        keyboard.press("switch", switch, "Space")
        page.wait_for_url(re.compile(f"provoke={failure}"))
        status = page.locator(f"#part-{failure}").get_by_role("status")
        expect(status).to_have_text(fails)


def test_layers_are_looked_at_with_the_keyboard(visitor: Visitor) -> None:
    with visitor.visit_by_keyboard(f"{LEARN}&part=layers") as keyboard:
        page = keyboard.page
        keyboard.press("button", "第 3 層、96 × 16 × 16")
        expect(page.get_by_text("295,008", exact=True)).to_be_attached()
        page.wait_for_url(re.compile("layer=2"))
        keyboard.press("button", "次のシード")
        maps = page.get_by_role("img", name="シード 8 に対する第 3 層の特徴マップ")
        expect(maps).to_be_attached()
        keyboard.press("link", "シード 8 の画像を開く")
        expect(page.get_by_role("heading", name="シード 8")).to_be_visible()


def test_a_recipe_is_trained_with_the_keyboard(visitor: Visitor) -> None:
    with (
        httpx2.Client(base_url=visitor.url, timeout=60) as api,
        visitor.visit_by_keyboard(f"{LEARN}&part=digits") as keyboard,
    ):
        page = keyboard.page
        card = page.get_by_role("article", name="MindSpore の記事")
        if api.get("/v1/datasets/mnist").status_code == 404:
            keyboard.reach("link", "まず MNIST をアップロード", within=card)
            upload(api)
            page.reload()
        keyboard.press("button", "学習する", within=card)
        expect(card.get_by_role("status")).to_have_text(re.compile("待機中|実行中"))
        job = api.get("/v1/jobs?kind=train&model=digits-mlp-relu").json()["items"][0]
        assert (job["preset"], job["dataset"]) == ("mlp-relu", "mnist")
        api.post(f"/v1/jobs/{job['id']}/cancel")
        keyboard.press("link", "学習の様子を見る", within=card)
        page.wait_for_url(re.compile(f"screen=train&job={job['id']}"))
