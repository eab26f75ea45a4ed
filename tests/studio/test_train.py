"""The screen Train in Chromium, from a zip to a training, against `moggy up`."""

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from .browser import DESKTOP, PHONE, Visitor, drop, expect_parameter, expect_query, query
from .discs import COLOURS, SMALL, START_MS, add_discs, archive, folder, open_trainer
from .page_checks import axe_findings

pytestmark = pytest.mark.slow

FILLER = bytes(512) * 1024  # makes a file of many pieces


@pytest.fixture(scope="module")
def visitor(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visitor]:
    with open_trainer(browser, tmp_path_factory.mktemp("train") / "home") as visitor:
        yield visitor


@pytest.fixture(scope="module")
def dataset(visitor: Visitor, tmp_path_factory: pytest.TempPathFactory) -> str:
    return add_discs(visitor, tmp_path_factory.mktemp("archive") / "discs.zip")


def choose(page: Page, button: str, path: Path) -> None:
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name=button).click()
    chooser.value.set_files(path)


def drop_zone(page: Page) -> Locator:
    return page.get_by_role("heading", name="Drop a folder")


def test_three_clicks_lead_from_a_zip_to_a_training(visitor: Visitor, tmp_path: Path) -> None:
    with visitor.visit() as page:
        page.get_by_role("button", name="Train", exact=True).click()
        expect_query(page, {"screen": "train"})
        # For the settings, so that it takes seconds.
        page.goto(f"{page.url}&pack=size:32&images=96{SMALL}")
        drop(drop_zone(page), archive(tmp_path / "My Discs.zip"))
        assert page.get_by_role("textbox", name="Name").input_value() == "my-discs"
        page.get_by_role("button", name="Upload").click()
        report = page.get_by_role("region", name="The doctor’s report")
        expect(report.get_by_text("36 pictures · 32 × 32 · 3 classes")).to_be_visible()
        expect(report.get_by_text("red/broken.png")).to_be_visible()
        expect(report.get_by_text("red/notes.txt")).to_be_visible()
        expect(report.get_by_role("img", name="Picture red/cut.png")).to_be_visible()
        expect(report.get_by_role("img", name="Pictures of my-discs")).to_be_visible()
        expect_parameter(page, "dataset", "my-discs")

        measured = page.get_by_text(re.compile("Measured on worker .* images a second"))
        expect(measured).to_be_visible(timeout=START_MS)
        expect(page.get_by_text("too few to learn much from")).to_be_visible()
        expect(page.get_by_role("textbox", name="Name of the model")).to_have_value("my-discs")
        page.get_by_role("button", name="Train", exact=True).dblclick()
        page.wait_for_url(re.compile("job="))
        job = query(page)["job"]
        jobs = httpx2.get(f"{visitor.url}/v1/jobs?kind=train").json()["items"]
        assert [view["id"] for view in jobs] == [job]
        config = jobs[0]["config"]
        assert (config["width"], config["images"], config["batch_size"]) == (8, 96, 8)
        expect(page.get_by_text("Succeeded")).to_be_visible(timeout=START_MS)
        expect(page.get_by_text("96 of 96 images")).to_be_visible()
        page.get_by_role("link", name="Explore it").click()
        expect_query(page, {"model": "my-discs"})
        expect(page.get_by_role("heading", name="my-discs")).to_be_visible()


def test_a_dropped_folder_keeps_its_classes(visitor: Visitor, tmp_path: Path) -> None:
    with visitor.visit("/?screen=train") as page:
        drop(drop_zone(page), folder(tmp_path / "coloured"))
        expect(page.get_by_text("36 files")).to_be_visible()
        page.get_by_role("button", name="Upload").click()
        expect(page.get_by_text("36 pictures · 64 × 64 · 3 classes")).to_be_visible()
        classes = httpx2.get(f"{visitor.url}/v1/datasets/coloured").json()["classes"]
        assert sorted(classes) == sorted(COLOURS)
        page.get_by_role("button", name="Other pictures").click()
        page.get_by_role("button", name="Delete coloured").click()
        page.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
        expect(page.get_by_role("button", name=re.compile("^.*coloured"))).to_have_count(0)
        assert httpx2.get(f"{visitor.url}/v1/datasets/coloured").status_code == 404


def interrupt_uploads(page: Page) -> list[int]:
    """The offsets of the pieces that the page sends: the third is still under way when the upload
    is paused, and the fifth is lost."""
    sent: list[int] = []
    held: list[Route] = []

    def count(route: Route) -> None:
        if route.request.method != "PATCH":
            route.continue_()
            return
        sent.append(int(parse_qs(urlsplit(route.request.url).query)["offset"][0]))
        if len(sent) == 3:
            held.append(route)
        elif len(sent) == 5:
            route.abort("connectionreset")
        else:
            route.continue_()

    page.route("**/v1/uploads/**", count)
    return sent


# No byte that had arrived was sent again, and the piece that was lost was.
SENT_ONCE = [offset * 64 * 1024 for offset in (0, 1, 2, 2, 3, 3)]


def test_an_interrupted_upload_continues(visitor: Visitor, tmp_path: Path) -> None:
    path = tmp_path / "large.zip"
    with zipfile.ZipFile(archive(path), "a") as file:
        file.writestr("filler.bin", FILLER)
    with visitor.visit("/?screen=train", allowed="net::ERR_CONNECTION") as page:
        sent = interrupt_uploads(page)
        choose(page, "Choose an archive", path)
        page.get_by_role("button", name="Upload").click()
        expect(page.get_by_text(re.compile("^131.1 kB of"))).to_be_visible()
        page.get_by_role("button", name="Pause").click()
        expect(page.get_by_text(re.compile("^Paused · 131.1 kB of"))).to_be_visible()
        page.reload()
        expect(page.get_by_text("The upload of large.zip was interrupted at")).to_be_visible()
        choose(page, "Choose an archive", path)
        page.get_by_role("button", name="Upload").click()
        page.wait_for_url(re.compile("dataset=large"))
    assert sent[:6] == SENT_ONCE


def test_an_upload_goes_on_on_another_screen_and_leaves_it_alone(
    visitor: Visitor, tmp_path: Path
) -> None:
    held: list[Route] = []
    with visitor.visit("/?screen=train") as page:
        page.route("**/v1/uploads/*?**", lambda route: held.append(route))
        choose(page, "Choose an archive", archive(tmp_path / "beside.zip"))
        with page.expect_request("**/v1/uploads/*?**"):
            page.get_by_role("button", name="Upload").click()
        page.get_by_role("link", name="Jobs").click()
        expect(page.get_by_role("heading", name="Jobs")).to_be_visible()
        with page.expect_response("**/v1/datasets"):
            held[0].continue_()
        expect(page.get_by_text("beside", exact=True)).to_be_visible()
        expect_query(page, {"screen": "jobs"})
        page.get_by_role("link", name="Train", exact=True).click()
        expect(page.get_by_role("button", name=re.compile("^Pictures of beside "))).to_be_visible()


def test_by_keyboard_an_interrupted_folder_continues_and_is_deleted(
    visitor: Visitor, tmp_path: Path
) -> None:
    path = folder(tmp_path / "folder")
    (path / "filler.bin").write_bytes(FILLER)
    with visitor.visit_by_keyboard(
        "/?screen=train", allowed="net::ERR_CONNECTION|status of 404"
    ) as keyboard:
        page = keyboard.page
        sent = interrupt_uploads(page)
        keyboard.give_files("フォルダーを選ぶ", path)
        keyboard.press("button", "アップロード")
        expect(page.get_by_text(re.compile("のうち 131.1 KB$"))).to_be_visible()
        keyboard.press("button", "一時停止")
        expect(page.get_by_role("button", name="続ける")).to_be_visible()
        page.reload()
        expect(page.get_by_text("アップロードは 2")).to_be_visible()
        keyboard.give_files("フォルダーを選ぶ", path)
        keyboard.press("button", "アップロード")
        report = page.get_by_role("region", name="画像の診断")
        expect(report.get_by_text("36 枚 · 64 × 64 · 3 クラス")).to_be_visible()
        expect(report.get_by_text("filler.bin")).to_be_visible()
        keyboard.press("button", "別の画像")
        keyboard.press("button", "削除 folder")
        question = page.get_by_role("alertdialog")
        expect(question).to_contain_text("folder を削除しますか?")
        keyboard.press("button", "削除", within=question)
        expect(question).to_have_count(0)
    assert sent[:6] == SENT_ONCE
    assert httpx2.get(f"{visitor.url}/v1/datasets/folder").status_code == 404


def test_a_taken_name_is_refused_with_the_remedy(
    visitor: Visitor, dataset: str, tmp_path: Path
) -> None:
    with visitor.visit("/?screen=train") as page:
        choose(page, "Choose an archive", archive(tmp_path / f"{dataset}.zip"))
        expect(page.get_by_text("There is a dataset discs already")).to_be_visible()
        expect(page.get_by_role("button", name="Upload")).to_be_disabled()
        page.get_by_role("textbox", name="Name").fill("Discs!")
        expect(page.get_by_text("Lowercase letters")).to_be_visible()


def test_an_upload_without_pictures_says_what_helps(visitor: Visitor, tmp_path: Path) -> None:
    path = tmp_path / "none.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("notes.txt", "no picture")
    with visitor.visit("/?screen=train") as page:
        choose(page, "Choose an archive", path)
        page.get_by_role("button", name="Upload").click()
        alert = page.get_by_role("alert")
        expect(alert).to_contain_text("0 of 1 files can be used")
        expect(alert).to_contain_text("Add pictures, or repair the refused ones")


def test_a_reload_keeps_what_was_filled_in(visitor: Visitor, dataset: str, tmp_path: Path) -> None:
    path = archive(tmp_path / "some.zip")
    with visitor.visit("/?screen=train") as page:
        choose(page, "Choose an archive", path)
        page.get_by_role("textbox", name="Name").fill("kept")
        page.get_by_role("radio", name="28", exact=True).click()
        page.get_by_role("radio", name="Pad").click()
        page.reload()
        choose(page, "Choose an archive", path)
        expect(page.get_by_role("textbox", name="Name")).to_have_value("kept")
        for choice in ("28", "Pad"):
            expect(page.get_by_role("radio", name=choice, exact=True)).to_be_checked()
        page.goto(f"{visitor.url}/?screen=train&dataset={dataset}&images=64{SMALL}")
        page.get_by_role("textbox", name="Name of the model").fill("other-discs")
        expect_parameter(page, "model", "other-discs")
        page.reload()
        expect(page.get_by_role("textbox", name="Name of the model")).to_have_value("other-discs")


def test_by_keyboard_an_archive_becomes_a_training(
    visitor: Visitor, dataset: str, tmp_path: Path
) -> None:
    path = archive(tmp_path / f"{dataset}.zip")
    with visitor.visit_by_keyboard(
        "/?screen=train&dataset=nothing" + SMALL, allowed="status of 404"
    ) as keyboard:
        page = keyboard.page
        expect(page.get_by_text("データセット nothing はありません")).to_be_visible()
        keyboard.press("button", "別の画像")
        keyboard.give_files("アーカイブか画像を選ぶ", path)
        expect(page.get_by_text(f"データセット {dataset} はすでにあります")).to_be_visible()
        keyboard.fill("名前", "keys")
        keyboard.press("radio", "32", "Space")
        keyboard.press("button", "アップロード")
        report = page.get_by_role("region", name="画像の診断")
        expect(report.get_by_text("36 枚 · 32 × 32 · 3 クラス")).to_be_visible()
        expect(report.get_by_text("red/broken.png")).to_be_visible()
        expect(page.get_by_text(re.compile("で測定: 毎秒"))).to_be_visible(timeout=START_MS)
        assert page.evaluate("document.querySelector('.page').scrollWidth") <= PHONE[0]
        keyboard.press("radio", re.compile("^古典的な DCGAN"), "Space")
        keyboard.press("button", "まず試す")
        keyboard.fill("モデルの名前", "by-keys")
        images = int(query(page)["images"])
        keyboard.press("button", "学習")
        page.wait_for_url(re.compile("job="))
        expect(page.get_by_role("heading", name="by-keys")).to_be_visible()
        address = f"{visitor.url}/v1/jobs/{query(page)['job']}"
    job = httpx2.post(f"{address}/cancel").json()
    assert (job["preset"], job["config"]["images"], job["model"]) == ("dcgan", images, "by-keys")


@pytest.mark.parametrize(
    ("size", "theme"), [(DESKTOP, "dark"), (PHONE, "light")], ids=["desktop-dark", "phone-light"]
)
def test_axe_finds_nothing_serious(
    visitor: Visitor,
    dataset: str,
    size: tuple[int, int],
    theme: Literal["dark", "light"],
) -> None:
    with visitor.visit("/?screen=train", size=size, theme=theme) as page:
        expect(page.get_by_role("button", name=re.compile("^Pictures of discs "))).to_be_visible()
        assert axe_findings(page) == []
        page.goto(f"{visitor.url}/?screen=train&dataset={dataset}&images=64{SMALL}")
        expect(page.get_by_text("too few to learn much from")).to_be_visible(timeout=START_MS)


def test_what_is_not_there_is_said(visitor: Visitor) -> None:
    with visitor.visit("/?screen=train&dataset=nothing", allowed="status of 404") as page:
        expect(page.get_by_text("There is no dataset nothing")).to_be_visible()
        page.get_by_role("button", name="Other pictures").click()
        expect(page.get_by_role("heading", name="Drop a folder")).to_be_visible()
        page.goto(visitor.url + "/?screen=train&job=abc")
        expect(page.get_by_text("There is no such training")).to_be_visible()
