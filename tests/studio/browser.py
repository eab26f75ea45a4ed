"""Debian's Chromium with a new profile for each page, and the errors that a page logs."""

import io
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parent.parent.parent
BUILT = ROOT / "app" / "studio_files"
AXE = ROOT / "studio" / "node_modules" / "axe-core" / "axe.min.js"
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
)
DESKTOP, PHONE = (1440, 900), (390, 844)
WAIT_MS = 60_000  # for what takes milliseconds on an idle machine
MEDIA_TYPES = {
    "PNG": "image/png",
    "WEBP": "image/webp",
    "JPG": "image/jpeg",
    "AVIF": "image/avif",
    "GIF": "image/gif",
    "MP4": "video/mp4",
}
# A new profile begins with large pictures: the fewer there are, the less a test has to wait for.
# A sandboxed page has no storage.
FEW_PICTURES = """try {
  localStorage.getItem(KEY) ?? localStorage.setItem(KEY, '{"tile": 200}');
} catch {}"""


def chromium() -> str:
    """The path of the browser; skips the tests where none is installed."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    pytest.skip("Chromium is not installed: `apt-get install chromium` as root")


def require_pages() -> None:
    if not (BUILT / "index.html").exists():
        pytest.skip("the pages of the studio are not built: `make studio`")


@contextmanager
def open_browser() -> Iterator[Browser]:
    require_pages()
    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=[*ARGUMENTS])
        yield browser
        browser.close()


@dataclass
class Visitor:
    """Opens pages of the service at `url`, and collects what they log as errors."""

    browser: Browser
    url: str
    problems: list[str] = field(default_factory=list)

    @contextmanager
    def visit(
        self,
        path: str = "/",
        *,
        size: tuple[int, int] = DESKTOP,
        theme: Literal["dark", "light"] = "dark",
        language: str = "en-US",
        **options: Any,
    ) -> Iterator[Page]:
        """A page in a new profile."""
        width, height = size
        context = self.browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=theme,
            locale=language,
            has_touch=size == PHONE,
            permissions=["clipboard-read", "clipboard-write"],
            **options,
        )
        context.set_default_timeout(WAIT_MS)
        context.add_init_script(FEW_PICTURES.replace("KEY", "'moggy.preferences'"))
        page = context.new_page()
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on(
            "console",
            lambda message: (
                self.problems.append(message.text) if message.type in ("error", "warning") else None
            ),
        )
        page.goto(self.url + path)
        yield page
        context.close()


def wait_for_pictures(page: Page) -> None:
    """Wait until every picture of the wall that is rendered is there."""
    page.wait_for_selector(".tile .picture.shown")
    expect(page.locator(".tile .picture.waiting")).to_have_count(0)


def tile(page: Page, seed: int) -> Locator:
    return page.get_by_role("button", name=f"Picture {seed}", exact=True)


def stage(page: Page) -> Locator:
    return page.get_by_role("complementary")


def query(page: Page) -> dict[str, str]:
    """The query of the page's address, without `from`, which follows once the wall has settled."""
    values = parse_qs(urlsplit(page.url).query)
    return {name: texts[0] for name, texts in values.items() if name != "from"}


def colours(canvas: Locator) -> list[int]:
    """The RGB values of a canvas."""
    values: list[int] = canvas.evaluate(
        "(canvas) => [...canvas.getContext('2d')"
        ".getImageData(0, 0, canvas.width, canvas.height).data]"
    )
    return [value for index, value in enumerate(values) if index % 4 != 3]


def served_colours(visitor: Visitor, path: str) -> list[int]:
    image = Image.open(io.BytesIO(httpx2.get(visitor.url + path).content)).convert("RGB")
    return list(image.tobytes())


def check_downloads(page: Page, *formats: str) -> None:
    """Each link leads to a file of its format."""
    for file_format in formats:
        link = stage(page).get_by_role("link", name=f"Download as {file_format}")
        answer = httpx2.get(str(link.get_attribute("href")), timeout=60)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == MEDIA_TYPES[file_format]


def frame(page: Page) -> int:
    """The number of the frame of the morph that is shown."""
    return int(page.locator("[data-frame]").get_attribute("data-frame") or -1)


def axe_findings(page: Page) -> list[str]:
    """The serious accessibility findings of the page, which must ignore its policy for this."""
    page.add_script_tag(path=str(AXE))
    violations = page.evaluate("axe.run().then((result) => result.violations)")
    return [
        f"{finding['id']}: {[node['target'] for node in finding['nodes']]}"
        for finding in violations
        if finding["impact"] in ("serious", "critical")
    ]
