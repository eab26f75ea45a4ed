"""The playground in Chromium: from a disk and without a network, it makes the service's images."""

import json
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser, Locator, Page, expect
from running_api import running_api
from running_service import Service
from sqlalchemy import select

from app.domain.database import Database
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.domain.tables import Checkpoint, onnx_key
from app.serving.blends import corner_weights
from models.directions.vectors import move
from models.latents import blend, slerp, truncate
from models.seeds import class_from_seed, latent_from_seed, latents_from_seeds

from .browser import PHONE, ROOT, drag, size_of
from .keyboard import Keyboard
from .playground_file import Pixels, Playground, differ, thumbnail
from .playground_file import saved as saved_by

MOST_BYTES = 20_000_000
MOST_LEVELS = 2
SEEDS = [*range(8), 2**32 + 7, 2**53 - 1]


def slider(page: Page, name: str) -> Locator:
    return page.get_by_role("slider", name=name, exact=True)


def saved(page: Page) -> Pixels:
    """The pixels of the file of the page's first button for one."""
    return saved_by(page, page.get_by_role("group").get_by_role("button").first.click)


def saved_with_keys(keyboard: Keyboard, size: str = "64 × 64") -> Pixels:
    return saved_by(keyboard.page, lambda: keyboard.press("button", f"PNG で保存、{size}"))


@pytest.fixture(scope="module")
def playground(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Playground]:
    folder = tmp_path_factory.mktemp("playground")
    with Service(folder / "home", starter="cats") as service:
        service.wait_until_ready()
        with closing(Playground(browser, service.url, "cats", folder)) as playground:
            yield playground


@pytest.fixture
def conditional(browser: Browser, tmp_path: Path, valkey_url: str) -> Iterator[Playground]:
    """The playground of a model of random weights with two classes."""
    settings = Settings(home=tmp_path / "home", redis_url=valkey_url)
    with running_api(tmp_path, settings) as running:
        with closing(Database(settings.database)) as database, database.write() as session:
            for row in session.scalars(select(Checkpoint).where(Checkpoint.model == "classes")):
                row.onnx_bytes = len(ObjectStore(settings).get_bytes(onnx_key(row.key)))
        with closing(Playground(browser, running.url, "classes", tmp_path)) as playground:
            yield playground


@pytest.mark.slow
def test_the_images_are_those_of_the_service(playground: Playground) -> None:
    assert playground.file.stat().st_size <= MOST_BYTES
    with playground.open() as page:
        for seed in SEEDS:
            if page.locator(f'[data-latent="{seed}"]').count() == 0:
                box = page.get_by_role("textbox", name="Seed")
                box.fill(str(seed))
                box.press("Enter")
            own = playground.served(f"images/{seed}.png")
            assert differ(thumbnail(page, str(seed)), own) <= MOST_LEVELS, seed
        named = playground.served("images/@white.png")
        assert differ(thumbnail(page, "white"), named) <= MOST_LEVELS


@pytest.mark.slow
def test_an_edit_a_morph_and_a_pad_are_those_of_the_service(playground: Playground) -> None:
    white, tabby = {"name": "white"}, {"name": "tabby"}
    with playground.open("#picks=7&truncation=0.8") as page:
        slider(page, "white").focus()
        for _ in range(5):
            page.keyboard.press("ArrowRight")
        edited = playground.served("images/7.png?edit=white:0.5&truncation=0.8")
        assert differ(saved(page), edited) <= MOST_LEVELS

        page.get_by_role("button", name="Reset").click()
        page.get_by_role("option", name="white", exact=True).click()
        page.get_by_role("radio", name="Pad").click()
        dot = page.get_by_role("slider", name="Pad")
        width, height = size_of(page.locator(".pad-area"))
        drag(dot, width / 4, -height / 4)
        x, y = dot.evaluate("({ style }) => [style.left, style.top].map(Number.parseFloat)")
        assert (x, y) == (pytest.approx(75, abs=1), pytest.approx(25, abs=1))
        corners = [{"name": name} for name in ("white", "tuxedo", "tabby-white", "tabby")]
        body = {"corners": corners, "x": x / 100, "y": y / 100, "truncation": 0.8}
        assert differ(saved(page), playground.served("blend", body)) <= MOST_LEVELS

    with playground.open("#picks=white..tabby&mode=morph&at=0.49") as page:
        slider(page, "Position").press("ArrowRight")
        body = {"keyframes": [white, tabby], "frames": 3, "format": "strip"}
        middle = playground.served("interpolations", body)[:, 64:128]
        assert differ(saved(page), middle) <= MOST_LEVELS
        page.get_by_role("button", name="Play", exact=True).click()
        expect(page.get_by_role("button", name="Pause")).to_be_visible()
        expect(page.locator(".frame-number")).not_to_have_text("50 %")


@pytest.mark.slow
def test_seeds_are_chosen_by_number_by_chance_and_by_the_arrow_keys(
    playground: Playground,
) -> None:
    with playground.open() as page:
        stage = page.locator(".stage-picture")
        box = page.get_by_role("textbox", name="Seed")
        box.fill("12x")
        box.press("Enter")
        expect(page.get_by_text("12x is no seed")).to_be_visible()
        box.fill(str(2**53 - 1))
        box.press("Enter")
        expect(stage).to_have_attribute("aria-label", f"#{2**53 - 1}")
        box.fill("120")
        box.press("Enter")
        expect(stage).to_have_attribute("aria-label", "#120")
        page.get_by_role("option", name="Seed 120", exact=True).focus()
        page.keyboard.press("ArrowRight")
        expect(stage).to_have_attribute("aria-label", "#121")
        page.get_by_role("button", name="Any seed").click()
        expect(stage).not_to_have_attribute("aria-label", "#121")


@pytest.mark.slow
def test_the_address_is_followed_unless_the_page_wrote_it(playground: Playground) -> None:
    for visitor in (playground.offline, playground.online):
        with visitor.visit("") as page:
            page.evaluate("() => addEventListener('hashchange', () => (window.heard = true))")
            page.get_by_role("option", name="Seed 7", exact=True).click()
            expect(page).to_have_url(re.compile("#picks=7$"))
            page.evaluate("() => new Promise((heard) => setTimeout(heard))")
            assert page.evaluate("() => window.heard") is None
            page.evaluate("() => (location.hash = 'picks=9')")
            expect(page.locator(".stage-picture")).to_have_attribute("aria-label", "#9")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mode", "look"),
    [
        ("pad", {"size": PHONE, "language": "ja-JP"}),
        ("morph", {"theme": "light", "language": "en-US"}),
    ],
)
def test_the_page_is_accessible_and_served_with_its_policy(
    playground: Playground, mode: str, look: dict[str, Any]
) -> None:
    with playground.online.visit(f"#mode={mode}", **look) as page:
        expect(page.locator(".picture.waiting")).to_have_count(0)
        assert page.evaluate("window.origin") == "null"
        assert page.locator("html").get_attribute("lang") == look["language"][:2]


@pytest.mark.slow
def test_a_conditional_model_has_its_classes_chosen_or_drawn(conditional: Playground) -> None:
    with conditional.open("#picks=7") as page:
        for seed in (0, 1, 7):
            served = conditional.served(f"images/{seed}.png")
            assert differ(thumbnail(page, str(seed)), served) <= MOST_LEVELS, seed
        for name in ("0", "1"):
            page.get_by_role("button", name="Class").click()
            page.get_by_role("listbox", name="Class").get_by_role("option", name=name).click()
            served = conditional.served(f"images/7.png?class={name}")
            assert differ(saved(page), served) <= MOST_LEVELS
            expect(page.get_by_role("heading", name=f"#7, {name}")).to_be_visible()
    with conditional.open_by_keyboard("#picks=7") as keyboard:
        keyboard.choose(re.compile("クラス$"), "1")
        served = conditional.served("images/7.png?class=1")
        assert differ(saved_with_keys(keyboard, "40 × 28"), served) <= MOST_LEVELS


@pytest.mark.slow
def test_pictures_are_chosen_moved_and_saved_with_the_keyboard(playground: Playground) -> None:
    with playground.open_by_keyboard() as keyboard:
        page = keyboard.page
        shown = page.locator(".stage-picture")
        keyboard.fill("シード", "12x", "Enter")
        expect(page.get_by_text("12x はシードではありません")).to_be_visible()
        keyboard.fill("シード", "120", "Enter")
        expect(shown).to_have_attribute("aria-label", "#120")
        keyboard.press("option", "シード 120", "ArrowRight")
        expect(shown).to_have_attribute("aria-label", "#121")
        keyboard.press("button", "おまかせ")
        expect(shown).not_to_have_attribute("aria-label", "#121")
        keyboard.press("option", "tabby", "Space")
        expect(shown).to_have_attribute("aria-label", "tabby")
        keyboard.press("slider", "white", *["ArrowRight"] * 5)
        keyboard.fill("ginger の量", "-0.5", "Enter")
        keyboard.press("button", "表示")
        keyboard.press("slider", "トランケーション", *["ArrowLeft"] * 4)
        keyboard.keys("Escape")
        edits = "edit=white:0.5&edit=ginger:-0.5"
        served = playground.served(f"images/@tabby.png?{edits}&truncation=0.8")
        assert differ(saved_with_keys(keyboard), served) <= MOST_LEVELS
        keyboard.press("button", "情報")
        expect(page.get_by_role("dialog")).to_contain_text("MIT")


@pytest.mark.slow
def test_a_morph_and_a_pad_are_made_with_the_keyboard(playground: Playground) -> None:
    with playground.open_by_keyboard("#picks=white..tabby&mode=morph&at=0.49") as keyboard:
        page = keyboard.page
        keyboard.press("slider", "位置", "ArrowRight")
        keyframes = [{"name": "white"}, {"name": "tabby"}]
        body = {"keyframes": keyframes, "frames": 3, "format": "strip"}
        middle = playground.served("interpolations", body)[:, 64:128]
        assert differ(saved_with_keys(keyboard), middle) <= MOST_LEVELS
        keyboard.press("button", "再生")
        expect(page.locator(".frame-number")).not_to_have_text("50 %")
        keyboard.press("button", "一時停止")

        keyboard.press("button", "画像を加える")
        keyboard.press("option", "ginger", "Space")
        keyboard.press("radio", "パッド")
        expect(page.get_by_role("button", name="ginger、3 個中 3 番目")).to_be_visible()
        keyboard.press("slider", "パッド", "ArrowRight")
        expect(page.get_by_role("slider", name="パッド")).to_have_attribute("aria-valuenow", "55")


def test_the_numbers_that_the_pages_own_tests_expect_are_those_of_the_service() -> None:
    vectors = json.loads((ROOT / "studio" / "src" / "playground" / "vectors.json").read_text())

    def same(expected: object, latent: NDArray[np.float32]) -> bool:
        return np.array_equal(np.array(expected, np.float32), latent)

    for entry in vectors["latents"]:
        assert same(entry["latent"], latent_from_seed(entry["seed"], 8))
    classes = vectors["classes"]
    assert classes["drawn"] == [class_from_seed(seed, classes["of"]) for seed in classes["seeds"]]
    edit = vectors["edit"]
    offset = np.array(edit["amounts"]) @ np.array(vectors["directions"])
    moved = move(latents_from_seeds([edit["seed"]], 8), offset)[0]
    np.testing.assert_allclose(edit["latent"], moved, rtol=1e-6)
    shorter = vectors["truncation"]
    whole = latent_from_seed(shorter["seed"], 8)
    assert same(shorter["latent"], truncate(whole, shorter["truncation"]))
    for entry in vectors["slerp"]:
        start, end = latents_from_seeds(entry["seeds"], 8)
        np.testing.assert_allclose(entry["latent"], slerp(start, end, entry["t"]), rtol=1e-6)
    turn = vectors["half_turn"]
    start = latent_from_seed(turn["seed"], 8)
    np.testing.assert_allclose(turn["latent"], slerp(start, -start, turn["t"]), rtol=1e-6)
    for entry in vectors["blends"]:
        corners = latents_from_seeds(entry["seeds"], 8)
        weights = np.array([corner_weights(len(corners), entry["x"], entry["y"])])
        np.testing.assert_allclose(entry["latent"], blend(corners, weights)[0], rtol=1e-6)
