"""The screen Learn in Chromium: the toy, its failures, and what the service adds."""

import re
from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import Page, expect
from running_service import Service

from .browser import DESKTOP, PHONE, Visitor, axe_findings, open_browser

pytestmark = pytest.mark.slow

LEARN = "/?screen=learn"
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


@pytest.fixture(scope="module")
def visitor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visitor]:
    home = tmp_path_factory.mktemp("learn") / "home"
    with open_browser() as browser, Service(home, starter="cats", index_samples=64) as service:
        service.wait_until_ready()
        yield Visitor(browser, service.url)


@pytest.fixture(autouse=True)
def nothing_is_logged(visitor: Visitor) -> Iterator[None]:
    """No test leaves an error on the console; violations of the policy are among them."""
    visitor.problems.clear()
    yield
    assert visitor.problems == []


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
        page.wait_for_function("document.querySelector('.toy-facts dd').textContent > '1'")
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
        assert "provoke" not in page.url
        page.go_back()
        expect(part.get_by_role("switch")).to_be_checked()


def test_the_address_follows_the_reader_and_leads_back(visitor: Visitor) -> None:
    with visitor.visit(LEARN) as page:
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


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_the_page_is_accessible(
    visitor: Visitor, theme: Literal["dark", "light"], size: tuple[int, int]
) -> None:
    path = f"{LEARN}&part=collapse"
    with visitor.visit(path, theme=theme, size=size, bypass_csp=True) as page:
        expect(page.get_by_role("heading", name="Mode collapse")).to_be_in_viewport()
        assert axe_findings(page) == []


def test_in_japanese_nothing_stays_english(visitor: Visitor) -> None:
    with visitor.visit(LEARN, language="ja-JP") as page:
        expect(page.get_by_role("heading", name="偽造者と警察")).to_be_visible()
        prose = page.locator(".prose").inner_text()
        for sentence in ("the ", " police", " forger"):
            assert sentence not in prose
