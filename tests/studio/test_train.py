"""The screen Train in Chromium, from a zip to a training that is watched, against `moggy up`."""

import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, Route, expect
from running_service import Service, wait_until

from .browser import DESKTOP, PHONE, Visitor, open_browser
from .page_checks import axe_findings

pytestmark = pytest.mark.slow

COLOURS = {"red": (200, 60, 50), "green": (60, 180, 80), "blue": (60, 80, 200)}
PICTURES_PER_COLOUR = 12
START_MS = 240_000  # for the start of a trainer on a busy machine
SMALL = "&set=width:8&set=sample_grid:2&set=sample_every_images:32&set=batch_size:8"


def pictures() -> Iterator[tuple[str, bytes]]:
    """Discs of three colours, a folder each, at different places."""
    for name, colour in COLOURS.items():
        for number in range(PICTURES_PER_COLOUR):
            picture = Image.new("RGB", (32, 32), (235, 230, 220))
            left, top = 2 + number % 4 * 4, 2 + number // 4 * 4
            picture.paste(colour, (left, top, left + 14, top + 14))
            buffer = io.BytesIO()
            picture.save(buffer, "png")
            yield f"{name}/{number}.png", buffer.getvalue()


def archive(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        for name, picture in pictures():
            file.writestr(name, picture)
        file.writestr("red/notes.txt", "no picture")
        file.writestr("red/broken.png", b"\x89PNG\r\n\x1a\n no picture either")
    return path


def folder(path: Path) -> Path:
    for name, picture in pictures():
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(picture)
    return path


@pytest.fixture(scope="module")
def visitor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visitor]:
    home = tmp_path_factory.mktemp("train") / "home"
    with (
        open_browser() as browser,
        Service(home, starter="none", state_every_seconds=1) as service,
    ):
        service.wait_until_ready()
        yield Visitor(browser, service.url)


@pytest.fixture(scope="module")
def dataset(visitor: Visitor, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = archive(tmp_path_factory.mktemp("archive") / "discs.zip")
    with httpx2.Client(base_url=visitor.url) as client:
        client.post(
            "/v1/datasets",
            data={"name": "discs", "size": "32"},
            files={"files": (path.name, path.read_bytes())},
        )
        wait_until(client, "/v1/datasets/discs", lambda view: view["status"] == "ready")
    return "discs"


@pytest.fixture(scope="module")
def watched(visitor: Visitor, dataset: str) -> str:
    """A training that has ended."""
    job = start_training(visitor, "ended", 64)
    with httpx2.Client(base_url=visitor.url) as client:
        wait_until(client, f"/v1/jobs/{job}", lambda view: view["status"] == "succeeded", 300)
    return job


def choose(page: Page, button: str, path: Path) -> None:
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name=button).click()
    chooser.value.set_files(path)


def drop(page: Page, path: Path) -> None:
    """Drop a file or a folder on the page, as from another program."""
    box = page.get_by_role("heading", name="Drop a folder").bounding_box()
    assert box is not None
    devtools = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        event = {"type": kind, "x": box["x"] + 5, "y": box["y"] + 5, "data": data}
        devtools.send("Input.dispatchDragEvent", event)


def query(page: Page) -> dict[str, str]:
    values = parse_qs(urlsplit(page.url).query)
    return {name: texts[0] for name, texts in values.items()}


def grid(page: Page, number: int = 0) -> Locator:
    return page.locator(".sample-grid").nth(number)


def start_training(visitor: Visitor, model: str, images: int, **fields: object) -> str:
    overrides = {"width": 8, "sample_grid": 2, "sample_every_images": 32, "batch_size": 8}
    body = {"dataset": "discs", "model": model, "images": images, "overrides": overrides} | fields
    answer = httpx2.post(f"{visitor.url}/v1/jobs", json=body)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def test_three_clicks_lead_from_a_zip_to_a_training(visitor: Visitor, tmp_path: Path) -> None:
    with visitor.visit() as page:
        page.get_by_role("button", name="Train", exact=True).click()
        assert query(page) == {"screen": "train"}
        page.goto(page.url + "&images=96" + SMALL)  # for the settings, so that it takes seconds
        choose(page, "Choose an archive", archive(tmp_path / "My Discs.zip"))
        assert page.get_by_role("textbox", name="Name").input_value() == "my-discs"
        page.get_by_role("radio", name="32 × 32").click()
        page.get_by_role("button", name="Upload").click()
        report = page.get_by_role("region", name="The doctor’s report")
        expect(report.get_by_text("36 pictures · 32 × 32 · 3 classes")).to_be_visible()
        expect(report.get_by_text("red/broken.png")).to_be_visible()
        expect(report.get_by_text("red/notes.txt")).to_be_visible()
        expect(report.get_by_role("img", name="Pictures of my-discs")).to_be_visible()
        assert query(page)["dataset"] == "my-discs"

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
        assert query(page) == {"model": "my-discs"}
        expect(page.get_by_role("heading", name="my-discs")).to_be_visible()


def test_a_dropped_folder_keeps_its_classes(visitor: Visitor, tmp_path: Path) -> None:
    with visitor.visit("/?screen=train") as page:
        drop(page, folder(tmp_path / "coloured"))
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


def test_an_interrupted_upload_continues(visitor: Visitor, tmp_path: Path) -> None:
    path = tmp_path / "large.zip"
    with zipfile.ZipFile(archive(path), "a") as file:
        file.writestr("filler.bin", bytes(512) * 1024)
    sent: list[int] = []
    held: list[Route] = []

    def count(route: Route) -> None:
        if route.request.method != "PATCH":
            route.continue_()
            return
        sent.append(int(parse_qs(urlsplit(route.request.url).query)["offset"][0]))
        if len(sent) == 3:  # is still under way when the upload is paused
            held.append(route)
        elif len(sent) == 5:
            route.abort("connectionreset")
        else:
            route.continue_()

    with visitor.visit("/?screen=train", allowed="net::ERR_CONNECTION") as page:
        page.route("**/v1/uploads/**", count)
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
    piece = 64 * 1024
    # No byte that had arrived was sent again, and the piece that was lost was.
    assert sent[:6] == [0, piece, 2 * piece, 2 * piece, 3 * piece, 3 * piece]


def test_a_taken_name_is_refused_with_the_remedy(
    visitor: Visitor, dataset: str, tmp_path: Path
) -> None:
    with visitor.visit("/?screen=train") as page:
        choose(page, "Choose an archive", archive(tmp_path / f"{dataset}.zip"))
        expect(page.get_by_text("There is a dataset discs already")).to_be_visible()
        expect(page.get_by_role("button", name="Upload")).to_be_disabled()
        page.get_by_role("textbox", name="Name").fill("Discs!")
        expect(page.get_by_text("Lowercase letters")).to_be_visible()


def test_a_training_is_watched_paused_continued_and_cancelled(
    visitor: Visitor, dataset: str
) -> None:
    job = start_training(visitor, "watched", 1_000_000, stability="off")
    with visitor.visit(f"/?screen=train&job={job}") as page:
        expect(page.get_by_text(re.compile(r"images/s"))).to_be_visible(timeout=START_MS)
        expect(page.get_by_text(re.compile("^on .+"))).to_be_visible()
        for title in ("Losses", "D(x) and D(G(z))", "Accuracy"):
            chart = page.get_by_role("region", name=title, exact=True)
            expect(chart.locator(".u-over")).to_have_count(1)
            expect(chart.locator("output").first).not_to_have_text("–")
        expect(page.get_by_role("img", name=re.compile("Samples of watched"))).to_be_visible()
        expect(page.get_by_text("Nothing unusual.")).to_be_visible()
        expect(grid(page)).to_have_attribute("data-images", re.compile("^([6-9]|[0-9]{2})[0-9]$"))
        page.get_by_role("button", name="Pause").click()
        expect(page.get_by_text("Paused", exact=True)).to_be_visible()

        history = page.get_by_role("slider", name="Images seen")
        history.press("Home")
        assert query(page)["at"] == "0"
        expect(grid(page)).to_have_attribute("data-images", "0")
        history.press("ArrowRight")
        expect(grid(page)).to_have_attribute("data-images", "32")
        page.reload()
        expect(grid(page)).to_have_attribute("data-images", "32")
        page.get_by_role("slider", name="Images seen").press("End")
        assert "at" not in query(page)
        for kind in ("WEBP", "MP4"):
            link = page.get_by_role("link", name=f"Download as {kind}")
            assert httpx2.get(str(link.get_attribute("href")), timeout=60).status_code == 200

        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_text("Running", exact=True)).to_be_visible()
        page.get_by_role("button", name="Cancel").click()
        page.get_by_role("alertdialog").get_by_role("button", name="Cancel").click()
        expect(page.get_by_text("Cancelled", exact=True)).to_be_visible()
        page.get_by_role("link", name="New training").click()
        assert query(page) == {"screen": "train", "dataset": dataset}


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
        checkpoint = query(page)["from"]
        expect(page.get_by_role("button", name=f"Checkpoint {checkpoint[:8]}")).to_be_visible()
        page.go_back()
        page.get_by_role("link", name="Log and configuration").click()
        assert query(page) == {"screen": "jobs", "job": watched}
        page.go_back()
        panel.get_by_role("link", name="Explore").click()
        assert query(page) == {"model": "ended", "checkpoint": checkpoint}
        page.wait_for_selector(".tile .picture.shown")


@pytest.mark.parametrize(
    ("size", "theme"), [(DESKTOP, "dark"), (PHONE, "light")], ids=["desktop-dark", "phone-light"]
)
def test_axe_finds_nothing_serious(
    visitor: Visitor,
    dataset: str,
    size: tuple[int, int],
    theme: Literal["dark", "light"],
    watched: str,
) -> None:
    with visitor.visit("/?screen=train", size=size, theme=theme) as page:
        expect(page.get_by_role("button", name=re.compile("^Pictures of discs "))).to_be_visible()
        assert axe_findings(page) == []
        page.goto(f"{visitor.url}/?screen=train&dataset={dataset}&images=64{SMALL}")
        expect(page.get_by_text("too few to learn much from")).to_be_visible(timeout=START_MS)
        assert axe_findings(page) == []
        page.goto(f"{visitor.url}/?screen=train&job={watched}")
        expect(page.get_by_role("meter", name="KID")).to_be_visible()


def test_a_finding_has_its_remedy_as_a_button(visitor: Visitor, watched: str) -> None:
    says, suggests = "the generator makes few different images", "a penalty (r1)"
    texts = {"signal": "mode_collapse", "says": says, "suggests": suggests}
    finding = {"images_seen": 30_016, **texts}

    def report(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json=answer.json() | {"health": [finding]})

    with visitor.visit("/?screen=train") as page:
        page.route(f"**/v1/jobs/{watched}", report)
        page.get_by_role("link", name=re.compile("^ended")).click()
        expect(page.get_by_text("The pictures look alike")).to_be_visible()
        expect(page.get_by_text(says)).to_be_visible()
        expect(page.get_by_text(suggests)).to_be_visible()
        page.get_by_role("button", name=re.compile("^Start again from the newest")).click()
        page.get_by_role("alertdialog").get_by_role("button", name="Start again").click()
        page.wait_for_url(re.compile(f"compare={watched}"))
        address = f"{visitor.url}/v1/jobs/{query(page)['job']}"
        job = httpx2.get(address).json()
        httpx2.post(f"{address}/cancel")  # the next tests need the worker
        assert (job["config"]["stability"], job["model"]) == ("auto", "ended")
        assert job["resume_from"] is not None


def test_two_trainings_are_overlaid(visitor: Visitor, dataset: str, watched: str) -> None:
    other = start_training(visitor, "other", 64, seed=2)
    with httpx2.Client(base_url=visitor.url) as client:
        wait_until(client, f"/v1/jobs/{other}", lambda view: view["status"] == "succeeded", 300)
    with visitor.visit(f"/?screen=train&job={watched}&at=32") as page:
        page.get_by_role("button", name="Lay another training over it").click()
        page.get_by_role("option", name=re.compile("^other · ")).click()
        assert query(page)["compare"] == other
        expect(page.get_by_text("Dashed: other")).to_be_visible()
        for number in (0, 1):
            expect(grid(page, number)).to_have_attribute("data-images", "32")
        losses = page.get_by_role("region", name="Losses", exact=True)
        expect(losses.locator("li")).to_have_count(4)


def test_the_screen_in_japanese_on_a_phone(visitor: Visitor, dataset: str) -> None:
    with visitor.visit(
        f"/?screen=train&dataset={dataset}&images=64" + SMALL,
        size=PHONE,
        theme="light",
        language="ja-JP",
    ) as page:
        expect(page.get_by_role("heading", name="画像の診断")).to_be_visible()
        expect(page.get_by_text("少ない画像向け")).to_be_visible()
        width = page.evaluate("document.querySelector('.page').scrollWidth")
        assert width <= PHONE[0]


def test_what_is_not_there_is_said(visitor: Visitor) -> None:
    with visitor.visit("/?screen=train&dataset=nothing", allowed="status of 404") as page:
        expect(page.get_by_text("There is no dataset nothing")).to_be_visible()
        page.get_by_role("button", name="Other pictures").click()
        expect(page.get_by_role("heading", name="Drop a folder")).to_be_visible()
        page.goto(visitor.url + "/?screen=train&job=abc")
        expect(page.get_by_text("There is no such training")).to_be_visible()
