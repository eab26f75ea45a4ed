"""The theatre of a training in Chromium, against `moggy up`."""

import re
import socket
import time
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from playwright.sync_api import Browser, Locator, Page, Request, Route, expect

from .browser import PHONE, WAIT_MS, Visitor, expect_parameter, expect_query, query
from .discs import OVERRIDES, START_MS, add_discs, open_trainer, start_training, wait_until_trained

pytestmark = pytest.mark.slow

AFTER_TWO_GRIDS = re.compile("^(?!0$|32$)")  # the first two grids are of 0 and 32 images


@pytest.fixture(scope="module")
def visitor(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visitor]:
    """Opens pages of a service with the dataset `discs`."""
    folder = tmp_path_factory.mktemp("theatre")
    with open_trainer(browser, folder / "home") as visitor:
        add_discs(visitor, folder / "discs.zip")
        yield visitor


@pytest.fixture(scope="module")
def watched(visitor: Visitor) -> str:
    """A training that has ended."""
    job = start_training(visitor, "ended", 64)
    wait_until_trained(visitor, job)
    return job


@pytest.fixture(scope="module")
def other(visitor: Visitor) -> str:
    """Another training that has ended."""
    job = start_training(visitor, "other", 64, seed=2)
    wait_until_trained(visitor, job)
    return job


def open_streams(page: Page) -> set[Request]:
    """The streams of events that the page has open, from its next request on."""
    streams: set[Request] = set()

    def add(request: Request) -> None:
        if "/v1/events" in request.url:
            streams.add(request)

    def remove(request: Request) -> None:
        streams.discard(request)

    page.on("request", add)
    page.on("requestfailed", remove)
    page.on("requestfinished", remove)
    return streams


def grid(page: Page, number: int = 0) -> Locator:
    return page.locator(".sample-grid").nth(number)


def test_a_training_is_watched_paused_continued_and_cancelled(visitor: Visitor) -> None:
    often = OVERRIDES | {"checkpoint_every_images": 64}
    job = start_training(visitor, "watched", 1_000_000, stability="off", overrides=often)
    with visitor.visit(f"/?screen=train&job={job}") as page:
        streams = open_streams(page)
        page.reload()
        expect(page.get_by_text(re.compile(r"images/s"))).to_be_visible(timeout=START_MS)
        expect(page.get_by_text(re.compile(r"^\d.* left$"))).to_be_visible()
        expect(page.get_by_text(f"on {socket.gethostname()}", exact=True)).to_be_visible()
        for title in ("Losses", "D(x) and D(G(z))", "Accuracy"):
            chart = page.get_by_role("region", name=title, exact=True)
            expect(chart.locator(".u-over")).to_have_count(1)
            expect(chart.locator("output").first).not_to_have_text("–")
        expect(page.get_by_role("img", name=re.compile("Samples of watched"))).to_be_visible()
        expect(page.get_by_text("Nothing has been judged yet")).to_be_visible()
        expect(grid(page)).to_have_attribute("data-images", AFTER_TWO_GRIDS)
        # One stream of the events of this job, of its model's jobs and of others.
        deadline = time.monotonic() + WAIT_MS / 1000
        while len(streams) != 1:
            assert time.monotonic() < deadline, streams
            page.wait_for_timeout(50)
        checkpoints = page.get_by_role("region", name="Checkpoints")
        checkpoints.get_by_role("link", name="Explore").first.click()
        page.wait_for_selector(".tile .picture.shown")
        assert httpx2.get(f"{visitor.url}/v1/jobs/{job}").json()["status"] == "running"
        page.go_back()
        page.get_by_role("button", name="Pause").click()
        expect(page.get_by_text("Paused", exact=True)).to_be_visible()

        history = page.get_by_role("slider", name="Images seen")
        history.press("Home")
        expect_parameter(page, "at", "0")
        expect(grid(page)).to_have_attribute("data-images", "0")
        history.press("ArrowRight")
        expect(grid(page)).to_have_attribute("data-images", "32")
        page.reload()
        expect(grid(page)).to_have_attribute("data-images", "32")
        page.get_by_role("slider", name="Images seen").press("End")
        expect_parameter(page, "at", None)
        for kind in ("WEBP", "MP4"):
            link = page.get_by_role("link", name=f"Download as {kind}")
            assert httpx2.get(str(link.get_attribute("href")), timeout=60).status_code == 200

        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_text("Running", exact=True)).to_be_visible()
        page.get_by_role("button", name="Cancel").click()
        question = page.get_by_role("alertdialog")
        expect(question).to_contain_text(re.compile("of its checkpoints in watched, the newest at"))
        question.get_by_role("button", name="End the training").click()
        expect(page.get_by_text("Cancelled", exact=True)).to_be_visible()
        page.get_by_role("link", name="New training").click()
        expect_query(page, {"screen": "train", "dataset": "discs"})


def test_a_checkpoint_is_explored_scored_and_fine_tuned(visitor: Visitor, watched: str) -> None:
    with visitor.visit(f"/?screen=train&job={watched}") as page:
        for score in ("KID", "Fréchet distance"):
            expect(page.get_by_role("meter", name=score)).to_be_visible()
        panel = page.get_by_role("region", name="Checkpoints")
        expect(panel.get_by_text("64 images")).to_be_visible()
        page.get_by_role("button", name="Score it thoroughly").click()
        expect(
            page.get_by_text(re.compile("The evaluation is queued|Being scored"))
        ).to_be_visible()
        panel.get_by_role("link", name="Fine-tune from here").first.click()
        checkpoint = parse_qs(urlsplit(page.url).query)["from"][0]
        expect(page.get_by_role("button", name=f"Checkpoint {checkpoint[:8]}")).to_be_visible()
        page.get_by_role("textbox", name="Name of the model").fill("tuned")
        page.get_by_role("button", name="Train", exact=True).click()
        page.wait_for_url(re.compile("job="))
        tuned = httpx2.post(f"{visitor.url}/v1/jobs/{query(page)['job']}/cancel").json()
        assert (tuned["model"], tuned["resume_from"]) == ("tuned", checkpoint)
        page.goto(f"{visitor.url}/?screen=train&job={watched}")
        page.get_by_role("link", name="Log and configuration").click()
        expect_query(page, {"screen": "jobs", "job": watched})
        page.get_by_role("button", name="Queue again").click()
        question = page.get_by_role("alertdialog")
        question.get_by_text("From its newest checkpoint").click()
        question.get_by_role("button", name="Queue again").click()
        page.wait_for_url(re.compile(f"job=(?!{watched})"))
        again = httpx2.post(f"{visitor.url}/v1/jobs/{query(page)['job']}/cancel").json()
        assert (again["model"], again["resume_from"]) == ("ended", checkpoint)
        page.goto(f"{visitor.url}/?screen=train&job={watched}")
        panel.get_by_role("link", name="Explore").click()
        expect_query(page, {"model": "ended", "checkpoint": checkpoint})
        page.locator(".tile .picture.shown").first.click()
        passport = page.get_by_role("complementary")
        expect(passport.get_by_role("img", name=re.compile("^Training picture"))).to_have_count(4)


def add_finding(page: Page, job: str) -> dict[str, str]:
    """Let the page see a training whose pictures look alike; what the training says of that."""
    says, suggests = "the generator makes few different images", "a penalty (r1)"
    texts = {"signal": "mode_collapse", "says": says, "suggests": suggests}
    finding = {"images_seen": 30_016, "proposal": {"r1": 2.5}, **texts}

    def report(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json=answer.json() | {"health": [finding]})

    page.route(f"**/v1/jobs/{job}", report)
    return texts


def test_a_finding_has_its_remedy_as_a_button(visitor: Visitor, watched: str) -> None:
    with visitor.visit("/?screen=train") as page:
        texts = add_finding(page, watched)
        page.get_by_role("link", name=re.compile("^ended 64 of 64")).click()
        expect(page.get_by_text("The pictures look alike")).to_be_visible()
        expect(page.get_by_text(texts["says"])).to_be_visible()
        expect(page.get_by_text(texts["suggests"])).to_be_visible()
        page.get_by_role("button", name=re.compile("^Start again from the newest")).click()
        question = page.get_by_role("alertdialog")
        expect(question).to_contain_text("The new training has r1 = 2.5.")
        question.get_by_role("button", name="Start again").click()
        page.wait_for_url(re.compile(f"compare={watched}"))
        address = f"{visitor.url}/v1/jobs/{query(page)['job']}"
        job = httpx2.get(address).json()
        httpx2.post(f"{address}/cancel")  # the next tests need the worker
        config = job["config"]
        assert (config["stability"], config["r1"], job["model"]) == ("auto", 2.5, "ended")
        assert job["resume_from"] is not None


def test_two_trainings_are_overlaid(visitor: Visitor, watched: str, other: str) -> None:
    with visitor.visit(f"/?screen=train&job={watched}&at=32") as page:
        page.get_by_role("button", name="Lay another training over it").click()
        page.get_by_role("option", name=re.compile("^other · ")).click()
        expect_parameter(page, "compare", other)
        expect(page.get_by_text("Dashed: other")).to_be_visible()
        for number in (0, 1):
            expect(grid(page, number)).to_have_attribute("data-images", "32")
        losses = page.get_by_role("region", name="Losses", exact=True)
        expect(losses.locator("li")).to_have_count(4)


def test_a_comparison_that_does_not_exist_leaves_the_stream_of_events_open(
    visitor: Visitor, watched: str
) -> None:
    with visitor.visit("/?screen=train", allowed="status of 404") as page:
        with page.expect_response(lambda answer: f"&jobs={watched}" in answer.url) as answer:
            page.goto(f"{visitor.url}/?screen=train&job={watched}&compare=0")
        assert answer.value.ok
        expect(page.get_by_role("alert")).to_contain_text("0")
        page.goto(f"{visitor.url}/?screen=train&job=0")
        expect(page.get_by_role("heading", name="There is no such training")).to_be_visible()


def test_by_keyboard_a_training_is_paused_looked_back_on_and_cancelled(visitor: Visitor) -> None:
    job = start_training(visitor, "keys", 1_000_000, stability="off")
    with visitor.visit_by_keyboard(f"/?screen=train&job={job}") as keyboard:
        page = keyboard.page
        expect(page.get_by_text(re.compile("^毎秒"))).to_be_visible(timeout=START_MS)
        expect(page.get_by_text("まだ何も判定していません")).to_be_visible()
        expect(grid(page)).to_have_attribute("data-images", AFTER_TWO_GRIDS)
        keyboard.press("button", "一時停止")
        expect(page.get_by_role("button", name="続ける")).to_be_enabled()
        for title in ("損失", "D(x) と D(G(z))", "正解率"):
            chart = page.get_by_role("region", name=title, exact=True)
            expect(chart.locator("output").first).not_to_have_text("–")
        keyboard.press("slider", "学習した枚数", "Home")
        expect(grid(page)).to_have_attribute("data-images", "0")
        keyboard.keys("ArrowRight")
        expect(grid(page)).to_have_attribute("data-images", "32")
        keyboard.press("button", "履歴を再生")
        expect(grid(page)).not_to_have_attribute("data-images", "32")
        keyboard.press("slider", "学習した枚数", "End")
        expect(page).not_to_have_url(re.compile("&at="))
        with page.expect_download() as download:
            keyboard.press("link", "WEBP でダウンロード")
        assert download.value.suggested_filename == f"keys-{job}.webp"
        keyboard.press("button", "続ける")
        expect(page.get_by_text("実行中", exact=True)).to_be_visible()
        keyboard.press("button", "キャンセル")
        keyboard.press("button", "学習を終える", within=page.get_by_role("alertdialog"))
        expect(page.get_by_text("キャンセル済み", exact=True)).to_be_visible()
        keyboard.press("link", "新しい学習")
        expect_query(page, {"screen": "train", "dataset": "discs"})


def test_by_keyboard_two_trainings_are_overlaid_and_a_checkpoint_leads_on(
    visitor: Visitor, watched: str, other: str
) -> None:
    with visitor.visit_by_keyboard(f"/?screen=train&job={watched}&at=32") as keyboard:
        page = keyboard.page
        keyboard.choose(re.compile("別の学習を重ねる"), re.compile("^other · "))
        expect(page.get_by_text("破線: other")).to_be_visible()
        expect(grid(page, 1)).to_have_attribute("data-images", "32")
        expect(page.get_by_role("meter", name="KID")).to_be_visible()
        assert page.evaluate("document.querySelector('.page').scrollWidth") <= PHONE[0]
        keyboard.press("link", "ここから追加学習")
        expect(page.get_by_role("button", name="チェックポイント ")).to_be_visible()
        page.go_back()
        keyboard.press("link", "探索", within=page.get_by_role("region", name="チェックポイント"))
        page.wait_for_selector(".tile .picture.shown")
        expect_parameter(page, "model", "ended")


def test_by_keyboard_a_finding_is_remedied(visitor: Visitor, watched: str) -> None:
    with visitor.visit_by_keyboard("/?screen=train") as keyboard:
        page = keyboard.page
        add_finding(page, watched)
        keyboard.press("link", re.compile("^ended 64 枚のうち 64 枚"))
        expect(page.get_by_text("似た画像ばかりです")).to_be_visible()
        keyboard.press("button", re.compile("^最新のチェックポイントから"))
        keyboard.press("button", "やり直す", within=page.get_by_role("alertdialog"))
        page.wait_for_url(re.compile(f"compare={watched}"))
        address = f"{visitor.url}/v1/jobs/{query(page)['job']}"
        assert httpx2.post(f"{address}/cancel").json()["config"]["stability"] == "auto"
        expect(page.get_by_text("キャンセル済み", exact=True)).to_be_visible()
