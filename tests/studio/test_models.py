"""The screen Models in Chromium, against `moggy up` with tiny models."""

import re
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from running_service import Service
from sqlalchemy import select

from app.domain.database import Database
from app.domain.settings import Settings
from app.domain.tables import Checkpoint

from .browser import PHONE, Visitor, expect_parameter, expect_query, query
from .explore_page import SHARP, expect_on_stage, image_of
from .small_data import (
    add_dataset,
    add_model,
    client,
    queue_training,
    status_of,
    wait_until_ended,
)

pytestmark = pytest.mark.slow


class World(NamedTuple):
    """A service with the models `first`, imported, and `trained`, with several checkpoints."""

    visitor: Visitor
    api: httpx2.Client

    def checkpoints(self, model: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.api.get(f"/v1/models/{model}/checkpoints").json()[
            "items"
        ]
        return items


@pytest.fixture(scope="module")
def world(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    home = tmp_path_factory.mktemp("models") / "home"
    with Service(home) as service:
        service.wait_until_ready()
        with client(service) as api:
            add_dataset(api, "dots")
            job = queue_training(api, "dots", "trained", images=1280)
            add_model(api, "first")
            assert wait_until_ended(api, job)["status"] == "succeeded"
            add_scores(home, "trained")
            # A refused import and a refused name are lines of the browser's own.
            yield World(Visitor(browser, service.url, allowed="status of 4"), api)


def add_scores(home: Path, model: str) -> None:
    """Score the first checkpoint of a training as twice as distant from the real images as the
    last; a short training scores its last one alone."""
    with closing(Database(Settings(home=home).database)) as database, database.write() as session:
        query = select(Checkpoint).where(Checkpoint.model == model).order_by(Checkpoint.images_seen)
        first, last = session.scalars(query)
        assert last.metrics is not None
        first.kid = 2 * last.metrics["kid"]
        first.metrics = last.metrics | {"kid": first.kid}
        first.scored_against = last.scored_against


def tile(page: Page, name: str) -> Locator:
    return page.locator(".model-tile").filter(has=page.get_by_text(name, exact=True))


def test_a_model_is_opened_from_the_list_with_its_card_and_scores(world: World) -> None:
    with world.visitor.visit() as page:
        page.get_by_role("link", name="Models").click()
        expect(tile(page, "first").locator(".picture.shown")).to_have_count(5)
        expect(tile(page, "first")).to_contain_text("28 × 28 · dcgan · 1,000 images seen")
        expect(tile(page, "trained")).to_contain_text(re.compile(r"2 checkpoints · .* kB"))
        tile(page, "first").click()
        expect_query(page, {"screen": "models", "model": "first"})
        card = page.get_by_role("region", name="Model card")
        expect(card).to_contain_text("Imported; trained as cats")
        expect(card).to_contain_text("kittens, 3,000 images")
        expect(card).to_contain_text("Moggy claims no rights in the weights")
        scores = page.get_by_role("region", name="Scores")
        expect(scores.get_by_role("row", name=re.compile("KID"))).to_contain_text("0.0123")
        page.get_by_role("link", name="All models").click()
        expect(tile(page, "trained")).to_be_visible()
        page.go_back()
        expect(card).to_be_visible()


def test_checkpoints_that_cannot_be_fetched_are_not_taken_for_none(world: World) -> None:
    with world.visitor.visit("/?screen=models", allowed="status of 500") as page:
        page.route(
            "**/v1/models/first/checkpoints?*", lambda route: route.fulfill(status=500, body="no")
        )
        tile(page, "first").click()
        expect(page.get_by_role("alert")).to_have_text("The response has the status 500.")
        expect(page.get_by_role("region", name="Model card")).to_have_count(0)


def test_a_checkpoint_is_served_explored_and_exported(world: World, tmp_path: Path) -> None:
    oldest = world.checkpoints("trained")[-1]
    images = f"{oldest['images_seen']:,}"
    with world.visitor.visit("/?screen=models&model=trained") as page:
        page.get_by_role("button", name=f"Serve the checkpoint of {images} images").click()
        expect(page.get_by_text("set by hand", exact=True)).to_be_visible()
        assert world.api.get("/v1/models/trained").json()["checkpoint"] == oldest["id"]
        page.get_by_role("button", name="Serve the best by itself").click()
        expect(page.get_by_text("set by hand", exact=True)).to_have_count(0)
        assert not world.api.get("/v1/models/trained").json()["pinned"]

        page.get_by_role("button", name=f"Export the checkpoint of {images} images").click()
        choices = page.get_by_role("dialog")
        expect(choices.get_by_text(re.compile(r"\d kB"))).to_have_count(2)  # but for the bundles
        with page.expect_download() as download:
            choices.get_by_role("link", name=re.compile("^Bundle(?! without)")).click()
        assert download.value.suggested_filename == f"trained-{oldest['id']}.zip"
        download.value.save_as(tmp_path / "bundle.zip")
        with zipfile.ZipFile(tmp_path / "bundle.zip") as files:
            assert "README.md" in files.namelist()
        page.keyboard.press("Escape")
        page.get_by_role("link", name=f"Explore the checkpoint of {images} images").click()
        page.wait_for_selector(".tile .picture.shown")
        expect_query(page, {"model": "trained", "checkpoint": oldest["id"]})


def test_the_chart_shows_the_score_that_is_chosen(world: World) -> None:
    newest, oldest = world.checkpoints("trained")
    with world.visitor.visit("/?screen=models&model=trained&score=recall") as page:
        chart = page.get_by_role("img", name="of 2 checkpoints over images seen")
        expect(chart).to_have_accessible_name(re.compile("^Recall"))
        page.get_by_role("button", name="Recall").click()
        page.get_by_role("option", name="KID").click()
        expect_parameter(page, "score", None)
        expect(chart).to_have_accessible_name(re.compile("^KID"))
        shown = page.locator(".chart-point")
        images = [re.compile(f"^{item['images_seen']:,} images: ") for item in (newest, oldest)]
        expect(shown).to_have_text(images)
        # The newer one is right of the older one, and lower: nearer to the real images.
        right, left = (point.bounding_box() for point in shown.all())
        assert right is not None
        assert left is not None
        assert right["x"] > left["x"]
        assert right["y"] > left["y"]


def test_the_model_that_was_looked_at_last_is_opened_again(world: World) -> None:
    newest = world.api.get("/v1/models").json()["items"][0]["name"]
    other = "first" if newest != "first" else "trained"
    with world.visitor.visit() as page:
        expect(page.get_by_role("heading", name=newest)).to_be_visible()
        expect_query(page, {"model": newest})  # so that a link shows the same
        page.goto(f"{world.visitor.url}/?model={other}")
        expect(page.get_by_role("heading", name=other)).to_be_visible()
        page.get_by_role("link", name="Models").click()
        page.get_by_role("link", name="Explore", exact=True).click()
        expect(page.get_by_role("heading", name=other)).to_be_visible()
        page.goto(f"{world.visitor.url}/?model={newest}")
        expect(page.get_by_role("heading", name=newest)).to_be_visible()
        page.goto(world.visitor.url)
        expect(page.get_by_role("heading", name=newest)).to_be_visible()


def test_directions_are_found_and_move_a_picture(world: World) -> None:
    with world.visitor.visit("/?model=first&show=3", script=SHARP) as page:
        page.get_by_role("button", name="Find directions").click()
        expect(page.get_by_text("Directions are being found…")).to_be_visible()
        slider = page.get_by_role("slider", name="found-1", exact=True)
        expect(slider).to_be_visible()
        expect(page.get_by_role("button", name="Find directions")).to_have_count(0)
        for _ in range(3):
            slider.press("ArrowRight")
        expect_query(page, {"model": "first", "show": "3~found-1:0.3"})
        moved = world.api.get("/v1/models/first/images/3.png?edit=found-1:0.3")
        expect_on_stage(page, image_of(moved))


def test_a_model_in_use_is_not_deleted(world: World) -> None:
    job = queue_training(world.api, "dots", "busy")
    with world.visitor.visit("/?screen=models&model=busy") as page:
        page.get_by_role("button", name="Delete").click()
        question = page.get_by_role("alertdialog")
        question.get_by_role("button", name="Delete the model").click()
        expect(question.get_by_role("alert")).to_contain_text(f"in use by job {job}")
    world.api.post(f"/v1/jobs/{job}/cancel")
    wait_until_ended(world.api, job)


def test_an_evaluation_is_queued_on_a_dataset(world: World) -> None:
    with world.visitor.visit("/?screen=models&model=trained") as page:
        page.get_by_role("button", name="Evaluate").click()
        page.get_by_role("button", name="Start").click()
        page.get_by_role("link", name="Open the job").click()
        expect(page.get_by_role("heading", name="Evaluation: trained on dots")).to_be_visible()
        job = query(page)["job"]
    cancel_evaluation(world, job)


def test_by_keyboard_an_evaluation_is_queued_on_a_dataset(world: World) -> None:
    with world.visitor.visit_by_keyboard("/?screen=models&model=trained") as keyboard:
        page = keyboard.page
        keyboard.press("button", "評価")
        keyboard.press("button", "開始")
        keyboard.press("link", "ジョブを開く")
        expect(page.get_by_role("heading", name="評価: trained(dots)")).to_be_visible()
        job = query(page)["job"]
    cancel_evaluation(world, job)


def cancel_evaluation(world: World, job: str) -> None:
    view = world.api.get(f"/v1/jobs/{job}").json()
    assert (view["kind"], view["model"], view["dataset"]) == ("evaluate", "trained", "dots")
    world.api.post(f"/v1/jobs/{job}/cancel")
    assert status_of(world.api, job) in ("running", "cancelled")
    wait_until_ended(world.api, job)


def test_the_page_of_ones_own_shows_a_picture_of_the_model(world: World, tmp_path: Path) -> None:
    with world.visitor.visit("/?screen=models&model=first") as page:
        page.get_by_role("button", name="Copy: Picture", exact=True).click()
        tag = page.evaluate("navigator.clipboard.readText()")
        source = re.fullmatch(r'<img src="(.*?)" width="320" alt="A picture by first">', tag)
        assert source is not None
        assert httpx2.get(source[1]).headers["content-type"] == "image/png"
        page.get_by_role("button", name="Copy: Morph as a picture").click()
        tag = page.evaluate("navigator.clipboard.readText()")
        morph = httpx2.get(tag.split('"')[1], timeout=60)
        assert morph.headers["content-type"] == "image/webp"
        with page.expect_download() as download:
            page.get_by_role("button", name="Save the page").click()
        download.value.save_as(tmp_path / "picture.html")
        own = (tmp_path / "picture.html").read_text()
        # As a proxy would serve it: at the address of the service.
        page.route("**/own.html", lambda route: route.fulfill(body=own, content_type="text/html"))
        page.goto(f"{world.visitor.url}/own.html")
        page.wait_for_function("document.getElementById('picture').naturalWidth > 0")
        assert page.locator("#seed").inner_text().isdigit()


def test_the_playground_is_saved(world: World) -> None:
    with world.visitor.visit("/?screen=models&model=first") as page:
        with page.expect_download() as download:
            page.get_by_role("link", name="Take away as a page").click()
        assert download.value.suggested_filename == "first-playground.html"
        download.value.cancel()


def test_by_keyboard_the_playground_is_saved_and_plays(world: World, tmp_path: Path) -> None:
    file = tmp_path / "first.html"
    with world.visitor.visit_by_keyboard("/?screen=models&model=first") as keyboard:
        with keyboard.page.expect_download() as download:
            keyboard.press("link", "ページとして持ち出す")
        download.value.save_as(file)
    saved = Visitor(world.visitor.browser, file.as_uri())
    with saved.visit_by_keyboard("", offline=True) as keyboard:
        keyboard.fill("シード", "12", "Enter")
        expect(keyboard.page.locator(".stage-picture")).to_have_attribute("aria-label", "#12")


def test_by_keyboard_a_checkpoint_is_served_exported_and_explored(world: World) -> None:
    oldest = world.checkpoints("trained")[-1]
    images = f"{oldest['images_seen']:,}"
    with world.visitor.visit_by_keyboard("/?screen=models") as keyboard:
        page = keyboard.page
        keyboard.press("link", re.compile("trained"))
        expect(page.get_by_role("region", name="モデルカード")).to_contain_text("ここで学習")
        keyboard.choose(re.compile("^KID"), "適合率")
        expect_parameter(page, "score", "precision")
        keyboard.press("button", f"{images} 枚のチェックポイントを配信する")
        keyboard.press("button", "最良のものを自動で配信")
        expect(page.get_by_role("button", name="最良のものを自動で配信")).to_have_count(0)
        keyboard.press("button", f"{images} 枚のチェックポイントの書き出し")
        with page.expect_download() as download:
            keyboard.press("link", re.compile("^バンドル"))
        assert download.value.suggested_filename == f"trained-{oldest['id']}.zip"
        with page.expect_download() as download:
            keyboard.press("link", re.compile("^ONNX"))
        exported = world.api.get(f"/v1/checkpoints/{oldest['id']}/export?format=onnx").content
        assert download.value.path().read_bytes() == exported
        keyboard.keys("Escape")
        keyboard.press("button", "コピー: 画像")
        assert "<img src=" in page.evaluate("navigator.clipboard.readText()")
        with page.expect_download() as download:
            keyboard.press("button", "ページを保存")
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
        keyboard.press("link", f"{images} 枚のチェックポイントを探索")
        page.wait_for_selector(".tile .picture.shown")
        expect_query(page, {"model": "trained", "checkpoint": oldest["id"]})
    assert not world.api.get("/v1/models/trained").json()["pinned"]
