"""Debian's Chromium, and who opens pages in it: with a mouse on a desktop, or with the keyboard
alone on a phone.

Two runs of a flow cover each value of what may differ:

    with visitor.visit(path) as page:  # mouse, 1440×900, dark, English
    with visitor.visit_by_keyboard(path) as keyboard:  # 390×844, light, Japanese, little motion

Each visit ends with the checks of page_checks.py: no error on the console, no violation of the
policy, no serious finding of axe-core.
"""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright
from playwright.sync_api import TimeoutError as TooLate

from .keyboard import NO_MOUSE, Keyboard
from .page_checks import axe_findings, collect_errors

ROOT = Path(__file__).resolve().parent.parent.parent
BUILT = ROOT / "app" / "studio_files"
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    # Replaces Playwright's own list, of which all but the first two are. Those two are pages of the
    # browser's address bar: without a screen, they take a sixth of a processor all the time.
    "--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup,AimEnabled,LensOverlay,MediaRouter,"
    "HttpsUpgrades,OptimizationHints,PaintHolding,DestroyProfileOnBrowserClose",
)
DESKTOP, PHONE = (1440, 900), (390, 844)
WAIT_MS = 60_000  # for what takes milliseconds on an idle machine
# A new profile begins with large pictures: the fewer there are, the less a test has to wait for.
# A sandboxed page has no storage.
FEW_PICTURES = """try {
  localStorage.getItem(KEY) ?? localStorage.setItem(KEY, '{"tile": 200}');
} catch {}"""
NOTHING = "(?!)"  # matches no text


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
    """Opens pages of the service at `url`, and lets none of them leave an error.

    `allowed` is a pattern of the errors that belong to what is tested, such as the browser's own
    line about a request that is refused: "status of 409".
    """

    browser: Browser
    url: str
    allowed: str = NOTHING

    @contextmanager
    def visit(
        self,
        path: str = "/",
        *,
        size: tuple[int, int] = DESKTOP,
        theme: Literal["dark", "light"] = "dark",
        language: str = "en-US",
        allowed: str | None = None,
        check_axe: bool = True,
        script: str = "",
        **options: Any,
    ) -> Iterator[Page]:
        """A page in a new profile, which is checked at the end.

        `allowed` is that of the visitor unless another pattern is given. `script` runs before the
        scripts of the page.
        """
        width, height = size
        context = self.browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=theme,
            locale=language,
            has_touch=size == PHONE,
            permissions=["clipboard-read", "clipboard-write"],
            **options,
        )
        try:
            context.set_default_timeout(WAIT_MS)
            context.add_init_script(FEW_PICTURES.replace("KEY", "'moggy.preferences'"))
            context.add_init_script(script)
            page = context.new_page()
            problems: list[str] = []
            collect_errors(page, problems)
            page.goto(self.url + path)
            yield page
            findings = axe_findings(page) if check_axe else []
        finally:
            for opened in context.pages:  # a handler may be at work at this moment
                opened.unroute_all(behavior="ignoreErrors")
            context.close()
        expected = self.allowed if allowed is None else allowed
        wrong = [text for text in problems if not re.search(expected, text)] + findings
        assert wrong == [], "\n".join(wrong)

    @contextmanager
    def visit_by_keyboard(self, path: str = "/", **options: Any) -> Iterator[Keyboard]:
        """A page for the keyboard alone, on a phone, light, in Japanese and with little motion."""
        manner: dict[str, Any] = {
            "size": PHONE,
            "theme": "light",
            "language": "ja-JP",
            "reduced_motion": "reduce",
        }
        with self.visit(path, script=NO_MOUSE, **(manner | options)) as page:
            yield Keyboard(page)


def drop(zone: Locator, path: Path) -> None:
    """Drop a file or a folder at the beginning of a part of the page, as from another program."""
    x, y, _, _ = _box(zone)
    devtools = zone.page.context.new_cdp_session(zone.page)
    data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        event = {"type": kind, "x": x + 5, "y": y + 5, "data": data}
        devtools.send("Input.dispatchDragEvent", event)


def drag(handle: Locator, right: float, down: float = 0) -> None:
    """Drag the middle of a control with the mouse, by so many pixels of the page."""
    x, y, width, height = _box(handle)
    x, y = x + width / 2, y + height / 2
    mouse = handle.page.mouse
    mouse.move(x, y)
    mouse.down()
    mouse.move(x + right, y + down, steps=5)
    mouse.up()


def size_of(element: Locator) -> tuple[float, float]:
    """The width and the height of an element in pixels of the page."""
    _, _, width, height = _box(element)
    return width, height


def query(page: Page) -> dict[str, str]:
    """The query of the page's address, without `from`, which follows once the wall has settled."""
    return _query(page.url)


def expect_query(page: Page, expected: dict[str, str]) -> None:
    """Wait for the query of the page's address, without `from`."""
    with suppress(TooLate):
        page.wait_for_url(lambda url: _query(url) == expected)
    assert query(page) == expected


def expect_parameter(page: Page, name: str, expected: str | None) -> None:
    """Wait for the value of a parameter in the page's address; None stands for its absence."""
    with suppress(TooLate):
        page.wait_for_url(lambda url: _query(url).get(name) == expected)
    assert query(page).get(name) == expected


def _box(element: Locator) -> tuple[float, float, float, float]:
    box = element.bounding_box()
    assert box is not None
    return box["x"], box["y"], box["width"], box["height"]


def _query(url: str) -> dict[str, str]:
    values = parse_qs(urlsplit(url).query)
    return {name: texts[0] for name, texts in values.items() if name != "from"}
