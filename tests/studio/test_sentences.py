"""The Japanese page says in Japanese what the service writes in English, against `moggy up`."""

import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, Route, expect
from running_service import wait_until

from .browser import Visitor
from .discs import SMALL, START_MS, archive, open_trainer, start_training

pytestmark = pytest.mark.slow

JAPANESE = "ja-JP"


@pytest.fixture(scope="module")
def visitor(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visitor]:
    """Opens pages of a service with a dataset that has findings, refused files and notes."""
    folder = tmp_path_factory.mktemp("sentences")
    with open_trainer(browser, folder / "home") as visitor:
        add_dataset(visitor, "discs", with_faults(archive(folder / "discs.zip")))
        yield visitor


def with_faults(path: Path) -> bytes:
    """The archive with a blank picture, a small one, one without a class, and one in CMYK."""
    with zipfile.ZipFile(path, "a") as file:
        for name, picture in {
            "red/blank.png": Image.new("RGB", (32, 32), (9, 9, 9)),
            "red/small.png": Image.new("RGB", (3, 3)),
            "red/print.jpg": Image.effect_noise((32, 32), 90).convert("CMYK"),
        }.items():
            buffer = io.BytesIO()
            picture.save(buffer, "jpeg" if name.endswith("jpg") else "png")
            file.writestr(name, buffer.getvalue())
    return path.read_bytes()


def add_dataset(visitor: Visitor, name: str, upload: bytes) -> None:
    with httpx2.Client(base_url=visitor.url) as client:
        fields, files = {"name": name, "size": "32"}, {"files": (f"{name}.zip", upload)}
        client.post("/v1/datasets", data=fields, files=files)
        wait_until(client, f"/v1/datasets/{name}", lambda view: view["status"] != "ingesting")


def expect_japanese(region: Locator) -> None:
    """No text in it is left in English."""
    expect(region).to_be_visible()
    assert region.locator("[lang=en]").all_inner_texts() == []


def test_the_report_of_a_dataset(visitor: Visitor) -> None:
    with visitor.visit("/?screen=train&dataset=discs", language=JAPANESE) as page:
        report = page.get_by_role("region", name="画像の診断")
        expect_japanese(report)
        expect(report.get_by_text("小さすぎます(3 × 3)")).to_be_visible()
        expect(report.get_by_text("読み込める画像の形式ではありません")).to_be_visible()
        expect(report.get_by_text("壊れています")).to_be_visible()
        expect(report.get_by_text(re.compile("簡単な式により CMYK から"))).to_be_visible()
        expect(report.get_by_text(re.compile("ほぼ 1 色しか"))).to_be_visible()
        expect(report.get_by_text(re.compile("同じ大きさの .* クラスに相当"))).to_be_visible()


def test_the_warnings_of_a_dry_run(visitor: Visitor) -> None:
    address = f"/?screen=train&dataset=discs&images=96{SMALL}"
    with visitor.visit(address, language=JAPANESE) as page:
        few = page.get_by_text("より少ないと、モデルは画像を丸暗記します")
        expect(few).to_be_visible(timeout=START_MS)
        warnings = page.locator(".warnings")
        expect_japanese(warnings)
        expect(warnings.get_by_text("多くを学ぶには足りない")).to_be_visible()


def test_the_alerts_of_a_training(visitor: Visitor) -> None:
    job = start_training(visitor, "alerted", 1_000_000)
    httpx2.post(f"{visitor.url}/v1/jobs/{job}/cancel")
    alert = {
        "signal": "overfitting",
        "value": 0.34,
        "images_seen": 50_048,
        "message": "the discriminator memorises; augmentation",
        "says": "the discriminator memorises",
        "suggests": "augmentation",
    }
    older = {"message": "rolled back to 64 images seen", "signal": None, "images_seen": 64}

    def report(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json=answer.json() | {"health": [older, alert]})

    with visitor.visit("/?screen=train", language=JAPANESE) as page:
        page.route(f"**/v1/jobs/{job}", report)
        page.goto(f"{visitor.url}/?screen=train&job={job}")
        newest, oldest = (page.locator(".health-finding").nth(number) for number in range(2))
        expect_japanese(newest)
        expect(newest.get_by_text(re.compile("識別器の評価が.* 34 %"))).to_be_visible()
        # What an older version stored without its kind is shown as it is.
        expect(oldest.locator("[lang=en]")).to_have_text("rolled back to 64 images seen")


def test_a_failed_upload_and_a_refused_request(visitor: Visitor) -> None:
    empty = io.BytesIO()
    with zipfile.ZipFile(empty, "w") as file:
        file.writestr("notes.txt", "no picture")
    add_dataset(visitor, "notes", empty.getvalue())
    with visitor.visit(
        "/?screen=train&dataset=notes", language=JAPANESE, allowed="status of 404"
    ) as page:
        alert = page.get_by_role("alert")
        expect(alert).to_contain_text("1 個のファイルのうち使えるのは 0 個で")
        expect(alert.locator("[lang=en]")).to_contain_text("notes.txt: not read")
        open_missing_job(page, visitor)
        expect(page.get_by_role("alert")).to_contain_text("見つかりませんでした")


def open_missing_job(page: Page, visitor: Visitor) -> None:
    page.goto(f"{visitor.url}/?screen=jobs&job=0123456789abcdef")
