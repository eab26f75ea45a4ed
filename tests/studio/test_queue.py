"""The order of the queue and the owners of jobs on the screen Jobs. No worker takes a job here."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx2
import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect
from running_api import running_api

from app.domain.settings import Settings

from .browser import Visitor, expect_query

pytestmark = pytest.mark.slow

MODELS = ("first", "second", "third")


class World(NamedTuple):
    visitor: Visitor
    api: httpx2.Client
    queued: dict[str, str]  # the ids of waiting trainings by their models

    @property
    def key(self) -> dict[str, Any]:
        """The options of a visit by someone who has entered a key."""
        stored = [{"name": "moggy.key", "value": "one"}]
        origins = [{"origin": self.visitor.url, "localStorage": stored}]
        return {"storage_state": {"cookies": [], "origins": origins}}

    def order(self) -> list[str]:
        """The models of the waiting trainings, the next to run first."""
        items = self.api.get("/v1/jobs?kind=train&status=queued").json()["items"]
        return [job["model"] for job in sorted(items, key=lambda job: job["position"])]


@pytest.fixture(scope="module")
def visitor(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory, valkey_url: str
) -> Iterator[Visitor]:
    folder = tmp_path_factory.mktemp("queue")
    keys = "ada=one,bob=two"
    settings = Settings(home=folder / "home", redis_url=valkey_url, api_keys=keys)
    with running_api(folder, settings) as running:
        yield Visitor(browser, running.url)


@pytest.fixture
def world(visitor: Visitor) -> Iterator[World]:
    with httpx2.Client(base_url=visitor.url, headers={"Authorization": "Bearer one"}) as api:
        other = {"Authorization": "Bearer two"}
        queued = {}
        for model in MODELS:
            body: dict[str, Any] = {"dataset": "noise", "model": model, "preset": "mlp"}
            headers = other if model == "third" else {}
            queued[model] = api.post("/v1/jobs", json=body, headers=headers).json()["id"]
        yield World(visitor, api, queued)
        for job in queued.values():
            api.post(f"/v1/jobs/{job}/cancel")


def item(page: Page, model: str) -> Locator:
    """The newest job of the model, which is listed before those of earlier tests."""
    return page.locator(".job-item").filter(has=page.get_by_text(model, exact=True)).first


def test_a_waiting_job_is_moved_by_buttons_and_its_new_place_is_announced(world: World) -> None:
    with world.visitor.visit("/?screen=jobs", **world.key) as page:
        expect(item(page, "third")).to_contain_text("Place 3 in its queue")
        expect(item(page, "third").get_by_role("button", name="Move down")).to_be_disabled()
        expect(item(page, "first").get_by_role("button", name="Move up")).to_be_disabled()
        expect(item(page, "plain").get_by_role("button")).to_have_count(0)  # it runs
        item(page, "third").get_by_role("button", name="Move to the front").click()
        said = page.get_by_role("status").filter(has_text="third")
        expect(said).to_have_text("third is now at place 1 in its queue.")
        expect(item(page, "third")).to_contain_text("Place 1 in its queue")
        expect(page.locator(".job-item.ordered")).to_contain_text(["third", "first", "second"])
        assert world.order() == ["third", "first", "second"]
        world.api.post(f"/v1/jobs/{world.queued['first']}/pause")
        item(page, "third").get_by_role("button", name="Move down").click()
        expect(item(page, "third")).to_contain_text("Place 2 in its queue")
        page.reload()
        expect(page.locator(".job-item.ordered")).to_contain_text(["second", "third"])


def test_a_second_press_during_a_move_is_a_second_step(world: World) -> None:
    with world.visitor.visit("/?screen=jobs", **world.key) as page:
        held: list[Route] = []

        def hold_first(route: Route) -> None:
            if route.request.method == "PATCH" and not held:
                held.append(route)
            else:
                route.continue_()

        page.route(f"**/v1/jobs/{world.queued['first']}", hold_first)
        down = item(page, "first").get_by_role("button", name="Move down")
        with page.expect_request(lambda request: request.method == "PATCH"):
            down.click()
        item(page, "third").get_by_role("button", name="Move up").click()
        down.click()
        held[0].continue_()
        expect(item(page, "first")).to_contain_text("Place 3 in its queue")
        assert world.order() == ["second", "third", "first"]


def test_with_the_keyboard_alone_the_pressed_button_keeps_the_focus(world: World) -> None:
    with world.visitor.visit_by_keyboard("/?screen=jobs", **world.key) as keyboard:
        page = keyboard.page
        group = page.get_by_role("group", name="first の順番")
        keyboard.press("button", "ひとつ後ろへ移動", within=group)
        expect(item(page, "first")).to_contain_text("待ち行列の 2 番目")
        expect(group.get_by_role("button", name="ひとつ後ろへ移動")).to_be_focused()
        keyboard.keys("Enter")
        expect(item(page, "first")).to_contain_text("待ち行列の 3 番目")
        assert world.order() == ["second", "third", "first"]
        expect(group.get_by_role("button", name="先頭へ移動")).to_be_focused()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_owners_are_shown_and_filter_the_list_by_the_address(world: World) -> None:
    with world.visitor.visit("/?screen=jobs", **world.key) as page:
        expect(item(page, "third")).to_contain_text("by bob")
        page.get_by_role("button", name="All owners").click()
        page.get_by_role("option", name="bob").click()
        expect(item(page, "first")).to_have_count(0)
        expect_query(page, {"screen": "jobs", "owner": "bob"})
        page.reload()
        item(page, "third").get_by_role("link").click()
        facts = page.get_by_role("complementary")
        expect(facts.get_by_text("Owner")).to_be_visible()
        expect(facts.get_by_text("bob", exact=True)).to_be_visible()
        page.get_by_role("button", name="Clear filters").click()
        expect(item(page, "first")).to_contain_text("by ada")


def test_a_job_that_waits_no_more_is_not_moved_and_the_page_says_so(world: World) -> None:
    with world.visitor.visit("/?screen=jobs", allowed="status of 409", **world.key) as page:
        job = f"/v1/jobs/{world.queued['second']}"

        def cancel_first(route: Route) -> None:
            if route.request.method == "PATCH":
                world.api.post(f"{job}/cancel")
            route.continue_()

        page.route(f"**{job}", cancel_first)
        item(page, "second").get_by_role("button", name="Move up").click()
        expect(page.get_by_role("alert")).to_contain_text("only a queued job can be moved")
        expect(item(page, "second")).to_contain_text("Cancelled")
