"""The studio in Chromium: the first picture after opening, a morph that is dragged, and the memory
after thousands of pictures.

Starts `moggy up` with the starter model in a home of its own. The pages must be built (`make
studio`). The browser draws without a GPU, on the cores that also generate the pictures.
"""

import re
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from benchmarks.harness import machine
from benchmarks.harness.figures import TITLE, Figure
from benchmarks.harness.processes import free_port, running_server

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--enable-precise-memory-info",
    "--js-flags=--expose-gc",
)
SIZE: ViewportSize = {"width": 1440, "height": 900}
WANTED_FIRST_SECONDS, WANTED_FRAMES, WANTED_GROWTH, WANTED_BROWSER_GROWTH = 1.0, 30.0, 10.0, 50.0
OPENINGS = 5
DRAG_SECONDS = 4
PICTURES = 10_000
READINGS = 6  # of the memory, in the second 10,000
IMPORT_MS = 120_000  # for the import of the starter model
FIRST_PICTURE = ".tile .picture.shown"
SHOWN_FRAMES = """() => {
  window.shownFrames = 0;
  new MutationObserver(() => { window.shownFrames += 1; }).observe(
    document.querySelector("[data-frame]"), { attributeFilter: ["data-frame"] });
}"""


def main() -> None:
    browser_path = shutil.which("chromium") or shutil.which("google-chrome")
    if browser_path is None:
        sys.exit("Chromium is not installed: `apt-get install chromium` as root")
    print(f"machine  {machine.describe()}\n{TITLE}")
    port = free_port()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        home = Path(folder) / "home"
        command = [str(Path(sys.executable).parent / "moggy"), "up", "--port", str(port)]
        # No job runs while the page is measured, except the import of the model.
        environment = {
            "MOGGY_HOME": str(home),
            "MOGGY_INDEX_SERVED": "false",
            "MOGGY_ENCODER_SERVED": "false",
        }
        log = Path(folder) / "log"
        with running_server(command, port=port, log=log, environment=environment, ready="/readyz"):
            browser = playwright.chromium.launch(executable_path=browser_path, args=[*ARGUMENTS])
            for figure in measure(browser, f"http://127.0.0.1:{port}"):
                print(figure.row(), flush=True)
            browser.close()


def measure(browser: Browser, url: str) -> list[Figure]:
    page = new_page(browser)
    page.goto(url)
    page.wait_for_selector(FIRST_PICTURE, timeout=IMPORT_MS)
    first = statistics.median(first_picture_seconds(browser, url) for _ in range(OPENINGS))
    frames = dragged_frames(page, url)
    heap, memory = scrolled_growth(page, url)
    note = f"from {PICTURES:,} pictures to {2 * PICTURES:,}"
    return [
        Figure("first picture", first, "s", WANTED_FIRST_SECONDS, at_most=True),
        Figure("a dragged morph", frames, "frames/s", WANTED_FRAMES),
        Figure("heap growth", heap, "MB", WANTED_GROWTH, at_most=True, note=note),
        Figure("browser growth", memory, "MB", WANTED_BROWSER_GROWTH, at_most=True, note=note),
    ]


def new_page(browser: Browser) -> Page:
    return browser.new_context(viewport=SIZE).new_page()


def first_picture_seconds(browser: Browser, url: str) -> float:
    """From opening the address in a new profile until a picture of the wall is shown."""
    page = new_page(browser)
    page.goto(url, wait_until="commit")
    page.wait_for_selector(FIRST_PICTURE)
    milliseconds = float(page.evaluate("performance.now()"))
    page.context.close()
    return milliseconds / 1000


def dragged_frames(page: Page, url: str) -> float:
    """Frames that are shown in a second while the slider of a morph is dragged to and fro."""
    page.goto(f"{url}/?morph=7..22&at=0")
    page.wait_for_selector("[data-frame]")
    box = page.locator(".scrubber .track").bounding_box()
    assert box is not None
    page.evaluate(SHOWN_FRAMES)
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 1, middle)
    page.mouse.down()
    started, moves = time.monotonic(), 0
    while (seconds := time.monotonic() - started) < DRAG_SECONDS:
        moves += 1
        share = abs(moves % 120 - 60) / 60
        page.mouse.move(box["x"] + 1 + share * (box["width"] - 2), middle)
    page.mouse.up()
    return float(page.evaluate("window.shownFrames")) / seconds


def scrolled_growth(page: Page, url: str) -> tuple[float, float]:
    """Scroll over PICTURES pictures, which fill the page's cache, then over as many again; return
    by how many MB the heap of the page, and the processes of the browser, which hold the pixels,
    have grown from the third quarter to the last."""
    page.goto(url)
    page.wait_for_selector(FIRST_PICTURE)
    heap, memory = [], []
    reached = 0
    scroll_to = [PICTURES + PICTURES * number // READINGS for number in range(1, READINGS + 1)]
    for wanted in scroll_to:
        reached = scroll(page, reached, wanted)
        heap.append(heap_megabytes(page))
        memory.append(browser_megabytes(page))
    return growth(heap), growth(memory)


def growth(readings: list[float]) -> float:
    """From the first half of the readings to the second. Single ones vary by tens of MB."""
    half = len(readings) // 2
    return statistics.median(readings[half:]) - statistics.median(readings[:half])


def scroll(page: Page, reached: int, pictures: int) -> int:
    """Scroll on by screens until as many pictures were shown; return the seed that is reached."""
    while reached < pictures:
        page.locator(".wall").evaluate("(wall) => wall.scrollBy(0, wall.clientHeight)")
        page.wait_for_selector(".tile .picture.waiting", state="detached")
        last = page.locator(".tile .tile-seed").last.text_content()
        reached = int(last or 0)
    return reached


def heap_megabytes(page: Page) -> float:
    return float(page.evaluate("(gc(), performance.memory.usedJSHeapSize / 1e6)"))


def browser_megabytes(page: Page) -> float:
    """The memory of all processes of the browser, with what they share counted once."""
    browser = page.context.browser
    assert browser is not None
    devtools = browser.new_browser_cdp_session()
    processes = devtools.send("SystemInfo.getProcessInfo")["processInfo"]
    devtools.detach()
    return sum(proportional_bytes(process["id"]) for process in processes) / 1e6


def proportional_bytes(process: int) -> int:
    """The proportional set size of a process: shared pages count in proportion. Linux only."""
    rollup = Path(f"/proc/{process}/smaps_rollup").read_text()
    (kibibytes,) = re.findall(r"^Pss: +([0-9]+) kB$", rollup, re.MULTILINE)
    return 1024 * int(kibibytes)


if __name__ == "__main__":
    main()
