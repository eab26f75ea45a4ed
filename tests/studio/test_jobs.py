"""The screen Jobs in Chromium, against `moggy up` with a training that runs all the while."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx2
import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect
from running_service import Service, wait_until

from .browser import PHONE, Visitor, expect_parameter, expect_query, query
from .small_data import (
    add_dataset,
    add_model,
    client,
    post,
    queue_training,
    status_of,
    wait_until_ended,
)

pytestmark = pytest.mark.slow

ENDED_JOBS = 32  # more than one page of them


class World(NamedTuple):
    """A service, and the training that runs in it."""

    service: Service
    visitor: Visitor
    api: httpx2.Client
    running: str

    def queue(self, model: str) -> str:
        """A training that waits behind the one that runs."""
        self.service.let_trainings_give_way()  # it may have been resumed
        return queue_training(self.api, "dots", model)


@pytest.fixture(scope="module")
def world(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    home = tmp_path_factory.mktemp("jobs") / "home"
    with Service(home) as service:
        service.wait_until_ready()
        with client(service) as api:
            add_dataset(api, "dots")
            running = queue_training(api, "dots", "long")
            add_model(api, "tiny")
            wait_until(api, f"/v1/jobs/{running}", lambda job: job["progress"]["images_seen"] > 0)
            yield World(service, Visitor(browser, service.url), api, running)


def pane(page: Page) -> Locator:
    return page.get_by_role("complementary")


def row(page: Page, name: str) -> Locator:
    return page.locator(".job-row").filter(has=page.get_by_text(name, exact=True))


def seen(text: str) -> int:
    """The number at the beginning of a text."""
    return int(re.sub(r"\D", "", text.split(" of ")[0]))


def test_a_running_job_moves_by_itself_and_opens_with_its_log(world: World) -> None:
    with world.visitor.visit() as page:
        page.get_by_role("link", name="Jobs").click()
        running = row(page, "long")
        expect(running.get_by_text("Running")).to_be_visible()
        before = seen(running.locator(".job-state").inner_text())
        page.wait_for_function(
            "before => Number(document.querySelector('.job-row .job-state').innerText"
            ".split(' of ')[0].replace(/\\D/g, '')) > before",
            arg=before,
        )
        running.click()
        expect(pane(page).get_by_role("heading", name="Training: long")).to_be_visible()
        expect(pane(page).get_by_text("images/s")).to_be_visible()
        expect_parameter(page, "job", world.running)
        expect(pane(page).get_by_role("log")).to_contain_text("train begins, attempt 1")
        pane(page).get_by_role("button", name="Copy the log").click()
        assert "train begins" in page.evaluate("navigator.clipboard.readText()")
        link = pane(page).get_by_role("link", name="Watch the training")
        assert str(link.get_attribute("href")).endswith(f"/?screen=train&job={world.running}")
        pane(page).get_by_text("Configuration").click()
        expect(pane(page).get_by_text("10,000,000", exact=True)).to_be_visible()
        page.reload()
        expect(pane(page).get_by_role("heading", name="Training: long")).to_be_visible()
        page.keyboard.press("Escape")
        expect(pane(page)).to_have_count(0)


def test_exactly_one_of_two_waiting_jobs_is_cancelled(world: World) -> None:
    first, second = world.queue("first"), world.queue("second")
    with world.visitor.visit("/?screen=jobs") as page:
        expect(row(page, "first")).to_contain_text("Place 1 in its queue")
        expect(row(page, "second")).to_contain_text("Place 2 in its queue")
        row(page, "first").click()
        pane(page).get_by_role("button", name="Cancel").click()
        question = page.get_by_role("alertdialog")
        expect(question).to_contain_text("Cancel this job? (Training: first)")
        expect(question).to_contain_text("No checkpoint is stored yet")
        question.get_by_role("button", name="Cancel the job").click()
        expect(pane(page).get_by_text("Cancelled", exact=True)).to_be_visible()
        expect(row(page, "second")).to_contain_text("Place 1 in its queue")
    assert [status_of(world.api, job) for job in (first, second)] == ["cancelled", "queued"]
    assert status_of(world.api, world.running) == "running"
    post(world.api, f"/v1/jobs/{second}/cancel")


def test_by_keyboard_one_of_two_waiting_jobs_is_cancelled_and_queued_again(world: World) -> None:
    first, second = world.queue("kept"), world.queue("unwanted")
    with world.visitor.visit_by_keyboard("/?screen=jobs") as keyboard:
        page = keyboard.page
        expect(row(page, "unwanted")).to_contain_text("待ち行列の 2 番目")
        keyboard.press("link", re.compile("^学習 unwanted"))
        expect(pane(page).get_by_role("heading", name="学習: unwanted")).to_be_focused()
        expect(row(page, "kept")).to_be_hidden()
        keyboard.press("button", "キャンセル", within=pane(page))
        question = page.get_by_role("alertdialog")
        expect(question).to_contain_text("チェックポイントはまだ保存されていません")
        keyboard.keys("Escape")
        expect(question).to_have_count(0)
        assert status_of(world.api, second) == "queued"
        keyboard.press("button", "キャンセル", within=pane(page))
        keyboard.press("button", "ジョブをキャンセル", within=question)
        expect(pane(page).get_by_text("キャンセル済み", exact=True)).to_be_visible()
        keyboard.press("button", "もう一度登録", within=pane(page))
        expect(question.get_by_role("radio", name="最初から")).to_be_checked()
        keyboard.press("button", "もう一度登録", within=question)
        page.wait_for_url(re.compile(f"job=(?!{second})"))
        again = query(page)["job"]
        expect(pane(page).get_by_text("待ち行列の 2 番目")).to_be_visible()
        keyboard.keys("Escape")
        expect(row(page, "unwanted").first).to_be_focused()
    states = [status_of(world.api, job) for job in (first, second, again, world.running)]
    assert states == ["queued", "cancelled", "queued", "running"]
    for job in (first, again):
        post(world.api, f"/v1/jobs/{job}/cancel")


def test_by_keyboard_a_running_job_is_watched_paused_and_resumed(world: World) -> None:
    with world.visitor.visit_by_keyboard() as keyboard:
        page = keyboard.page
        keyboard.press("link", "ジョブ")
        progress = row(page, "long").get_by_role("progressbar")
        before = progress.evaluate("(bar) => bar.value")
        page.wait_for_function(
            "(before) => document.querySelector('.job-row progress').value > before", arg=before
        )
        keyboard.press("link", re.compile("^学習 long"))
        keyboard.reach("log", "ログ")
        keyboard.press("button", "ログをコピー")
        assert "train begins" in page.evaluate("navigator.clipboard.readText()")
        keyboard.press("button", "一時停止", within=pane(page))
        keyboard.press("button", "再開", within=pane(page))
        expect(pane(page).get_by_text("実行中", exact=True)).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]


def test_a_cancelled_training_is_queued_again_with_the_same_configuration(world: World) -> None:
    job = world.queue("again")
    before = post(world.api, f"/v1/jobs/{job}/cancel")
    with world.visitor.visit(f"/?screen=jobs&job={job}") as page:
        pane(page).get_by_role("button", name="Queue again").click()
        question = page.get_by_role("alertdialog")
        expect(question.get_by_role("radio", name="From the start")).to_be_checked()
        question.get_by_role("button", name="Queue again").click()
        expect(pane(page).get_by_text("Queued", exact=True).first).to_be_visible()
        page.wait_for_url(re.compile(f"job=(?!{job})"))
        after = world.api.get(f"/v1/jobs/{page.url.split('job=')[1]}").json()
    assert after["config"] == before["config"]
    assert (after["dataset"], after["model"]) == (before["dataset"], before["model"])
    post(world.api, f"/v1/jobs/{after['id']}/cancel")


def test_a_training_is_paused_resumed_and_continued_from_its_checkpoint(world: World) -> None:
    wait_until(world.api, "/v1/models/long", lambda model: model["checkpoints"] > 0)
    with world.visitor.visit(f"/?screen=jobs&job={world.running}") as page:
        pane(page).get_by_role("button", name="Pause").click()
        resume = pane(page).get_by_role("button", name="Resume")
        expect(resume).to_be_visible()
        expect(pane(page).get_by_text("Paused", exact=True)).to_be_visible()
        pane(page).get_by_role("button", name="Cancel").click()
        question = page.get_by_role("alertdialog")
        expect(question).to_contain_text(re.compile("of its checkpoints in long, the newest at"))
        question.get_by_role("button", name="Back").click()
        resume.click()
        expect(pane(page).get_by_text("Running", exact=True)).to_be_visible()


@pytest.fixture(scope="module")
def error(world: World) -> str:
    """The error of an upload `words`, which holds no picture."""
    files = {"files": ("words.txt", b"no picture")}
    made = post(world.api, "/v1/datasets", data={"name": "words"}, files=files)
    return str(wait_until_ended(world.api, made["job"])["error"])


def test_an_error_is_shown_with_what_to_do(world: World, error: str) -> None:
    with world.visitor.visit("/?screen=jobs&kind=ingest") as page:
        row(page, "words").click()
        expect(pane(page).get_by_role("alert")).to_contain_text(error)
        expect(pane(page).get_by_role("alert")).to_contain_text("Add pictures, or repair")
        expect(pane(page).get_by_text("drop the files again")).to_be_visible()


def test_by_keyboard_filters_lead_to_an_error_with_what_to_do(world: World, error: str) -> None:
    with world.visitor.visit_by_keyboard("/?screen=jobs") as keyboard:
        page = keyboard.page
        keyboard.choose(re.compile("^すべての状態"), "失敗")
        keyboard.choose(re.compile("^すべての種類"), "評価")
        expect(page.get_by_text("条件に合うジョブはありません。")).to_be_visible()
        keyboard.choose(re.compile("^評価"), "画像の取り込み")
        expect_query(page, {"screen": "jobs", "kind": "ingest", "status": "failed"})
        keyboard.press("link", re.compile("^画像の取り込み words"))
        expect(pane(page).get_by_role("alert")).to_be_visible()
        expect(pane(page).get_by_text("「学習」の画面にファイルをドロップ")).to_be_visible()
        keyboard.keys("Escape")
        keyboard.press("button", "絞り込みを解除")
        expect(row(page, "long")).to_be_visible()


def synthesize(world: World) -> str:
    """A synthesis that has ended, with five files; its id."""
    body: dict[str, Any] = {"kind": "synthesize", "model": "tiny", "images": 20}
    job = str(post(world.api, "/v1/jobs", json=body | {"shard_images": 10})["id"])
    wait_until_ended(world.api, job)
    return job


def test_the_files_of_a_synthesis_are_saved_and_deleted(world: World) -> None:
    job = synthesize(world)
    with world.visitor.visit(f"/?screen=jobs&job={job}") as page:
        with page.expect_download() as download:
            pane(page).get_by_role("link", name="Download as manifest.json").click()
        assert download.value.suggested_filename == "manifest.json"
        pane(page).get_by_role("button", name="Delete the files").click()
        question = page.get_by_role("alertdialog")
        expect(question).to_contain_text("5 files are deleted, which frees")
        question.get_by_role("button", name="Delete the files").click()
        expect(pane(page).get_by_text("No files")).to_be_visible()
    assert world.api.get(f"/v1/jobs/{job}/files").json()["items"] == []


def test_by_keyboard_the_files_of_a_synthesis_are_saved_and_deleted(world: World) -> None:
    job = synthesize(world)
    with world.visitor.visit_by_keyboard(f"/?screen=jobs&job={job}") as keyboard:
        page = keyboard.page
        with page.expect_download() as download:
            keyboard.press("link", "manifest.json でダウンロード")
        assert download.value.suggested_filename == "manifest.json"
        keyboard.press("button", "ファイルを削除", within=pane(page))
        question = page.get_by_role("alertdialog")
        expect(question).to_contain_text("5 個のファイル")
        keyboard.press("button", "ファイルを削除", within=question)
        expect(pane(page).get_by_text("ファイルはありません")).to_be_visible()
    assert world.api.get(f"/v1/jobs/{job}/files").json()["items"] == []


def test_filters_are_in_the_address_and_ended_jobs_come_page_by_page(world: World) -> None:
    for _ in range(ENDED_JOBS):
        post(world.api, f"/v1/jobs/{world.queue('many')}/cancel")
    refused: list[Route] = []  # requests of the second page

    def refuse(route: Route) -> None:
        refused.append(route)
        route.fulfill(status=429, body="Too many requests")

    with world.visitor.visit("/?screen=jobs", allowed="status of 429") as page:
        page.get_by_role("button", name="All models").click()
        page.get_by_role("option", name="many").click()
        page.get_by_role("button", name="All states").click()
        page.get_by_role("option", name="Cancelled").click()
        expect_query(page, {"screen": "jobs", "status": "cancelled", "model": "many"})
        page.route("**/v1/jobs?*cursor=*", refuse)
        page.reload()
        rows = page.locator(".job-row")
        expect(rows.first).to_be_visible()
        page.locator(".page").evaluate("(list) => list.scrollTo(0, list.scrollHeight)")
        again = page.get_by_role("button", name="Try again")
        expect(again).to_be_visible()
        expect(page.get_by_role("alert")).to_have_text("The response has the status 429.")
        page.wait_for_timeout(300)
        assert len(refused) == 1
        page.unroute("**/v1/jobs?*cursor=*")
        again.click()
        expect(rows).to_have_count(ENDED_JOBS)
        page.get_by_role("button", name="All kinds").click()
        page.get_by_role("option", name="Evaluation").click()
        expect(page.get_by_text("No job matches these filters.")).to_be_visible()
        page.get_by_role("button", name="Clear filters").last.click()
        expect(row(page, "long")).to_be_visible()
        page.go_back()
        expect(page.get_by_text("No job matches these filters.")).to_be_visible()


def test_a_job_that_is_queued_elsewhere_appears_by_itself(world: World) -> None:
    with world.visitor.visit("/?screen=jobs") as page:
        expect(row(page, "long")).to_be_visible()
        job = world.queue("elsewhere")
        expect(row(page, "elsewhere")).to_contain_text("Place 1 in its queue")
        post(world.api, f"/v1/jobs/{job}/cancel")
        expect(row(page, "elsewhere").get_by_text("Cancelled")).to_be_visible()
