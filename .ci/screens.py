"""Makes the pictures of the studio in `docs/screens`.

`make screens` runs it while `make up` runs, with the starter model, and while a training of the
model `cats` runs that has stored a checkpoint. MOGGY_URL names another service. Japanese needs a
Japanese font, such as Debian's `fonts-ipafont-gothic`. `python .ci/screens.py NAME …` makes only
some, and MOGGY_SCREENS names another folder.
"""

import io
import os
import shutil
import sys
from pathlib import Path
from typing import Any, Literal, NamedTuple

import httpx2
from PIL import Image
from playwright.sync_api import Browser, sync_playwright

DOCUMENTED = Path(__file__).resolve().parent.parent / "docs" / "screens"
FOLDER = Path(os.environ.get("MOGGY_SCREENS", DOCUMENTED))
URL = os.environ.get("MOGGY_URL", "http://127.0.0.1:8000")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
DESKTOP, PHONE = (1440, 900), (390, 844)
WIDTHS = {DESKTOP: 1200, PHONE: 390}
QUALITY = 72
MAX_BYTES = 100_000


class Screen(NamedTuple):
    """What a picture shows. `{job}` in an address is the newest training, `{dataset}` its dataset,
    `{newest}` its newest checkpoint and `{starter}` the first checkpoint of the model `cats`.
    `clicks` are done first; `ready`: what must be on the page then."""

    name: str
    address: str
    ready: str
    size: tuple[int, int] = DESKTOP
    theme: Literal["dark", "light"] = "dark"
    language: str = "en-US"
    clicks: tuple[str, ...] = ()


RUN_FAST = (".toy-controls .segment:last-child", ".toy-controls .icon-button")
PICTURE = ".picture.shown"
SCREENS = (
    Screen("explore", "/", PICTURE),
    Screen("picture", "/?show=22~ginger:1.5", ".hash", theme="light"),
    Screen("morph", "/?morph=7..22..white&at=0.2", "[data-frame]"),
    Screen("pad", "/?morph=7..white..22..ginger&pad=0.3,0.6", ".pad-sheet[width='576']"),
    Screen(
        "compare",
        "/?checkpoint={starter}&against=cats&against_checkpoint={newest}&show=22",
        ".rival .picture.shown",
    ),
    Screen("colour", "/?color=%23e0a458", ".found", theme="light", language="ja-JP"),
    Screen(
        "teach",
        "/?teach=less&more=6..11..12..14..25&less=0..4..8..24..white",
        ".tray .picture.shown",
        theme="light",
    ),
    Screen("train", "/?screen=train&dataset={dataset}", "text=/images a second/", theme="light"),
    Screen("theatre", "/?screen=train&job={job}", ".curve-frame canvas"),
    Screen("jobs", "/?screen=jobs", ".job-row progress"),
    Screen("models", "/?screen=models&model=cats", ".scores", theme="light"),
    Screen(
        "playground",
        "/v1/models/cats/playground.html#picks=white..tabby..black..ginger&mode=pad&x=0.6&y=0.4",
        ".pad-sheet[data-cells='49']",
    ),
    Screen("learn", "/?screen=learn", "[data-covered='8']", clicks=RUN_FAST),
    Screen(
        "learn-collapse",
        "/?screen=learn&part=collapse&provoke=collapse",
        "#part-collapse .failure-status.bad",
        theme="light",
        language="ja-JP",
        clicks=RUN_FAST,
    ),
    Screen(
        "learn-layers", "/?screen=learn&part=layers&layer=3&seed=22", ".layer-details .map-sheet"
    ),
    Screen("phone", "/", PICTURE, size=PHONE),
    Screen("phone-picture", "/?show=7", ".hash", size=PHONE, theme="light", language="ja-JP"),
    Screen("phone-morph", "/?morph=7..22&at=0.5", "[data-frame]", size=PHONE),
)


def values() -> dict[str, str]:
    """What the addresses name: the newest training, its dataset and two checkpoints."""
    trainings = items("jobs", kind="train", limit=1)
    checkpoints = items("models/cats/checkpoints", limit=500)
    stored = [item["id"] for item in checkpoints if trainings and item["job"] == trainings[0]["id"]]
    if not stored:
        sys.exit(f"{URL} has no training of cats with a checkpoint: queue one, and wait for it")
    return {
        "job": trainings[0]["id"],
        "dataset": trainings[0]["dataset"],
        "newest": stored[0],
        "starter": checkpoints[-1]["id"],
    }


def items(path: str, **query: str | int) -> list[dict[str, Any]]:
    answer = httpx2.get(f"{URL}/v1/{path}", params=query).raise_for_status().json()
    found: list[dict[str, Any]] = answer["items"]
    return found


def main() -> None:
    browser_path = shutil.which("chromium") or shutil.which("google-chrome")
    if browser_path is None:
        sys.exit("Chromium is not installed: `apt-get install chromium` as root")
    FOLDER.mkdir(exist_ok=True)
    unknown = set(sys.argv[1:]) - {screen.name for screen in SCREENS}
    if unknown:
        sys.exit(f"there is no screen {', '.join(sorted(unknown))}")
    chosen = [screen for screen in SCREENS if not sys.argv[1:] or screen.name in sys.argv[1:]]
    named = values() if any("{" in screen.address for screen in chosen) else {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=ARGUMENTS)
        for screen in chosen:
            shown = screen._replace(address=screen.address.format_map(named))
            save(screen, picture(browser, shown))
        browser.close()


def picture(browser: Browser, screen: Screen) -> bytes:
    width, height = screen.size
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=screen.theme,
        locale=screen.language,
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto(URL + screen.address)
    for selector in screen.clicks:
        page.click(selector)
    page.wait_for_selector(screen.ready)
    page.wait_for_selector(".picture.waiting", state="detached")
    page.evaluate("document.fonts.ready")
    page.wait_for_function("[...document.images].every((image) => image.complete)")
    data = page.screenshot()
    context.close()
    return data


def save(screen: Screen, data: bytes) -> None:
    image = Image.open(io.BytesIO(data)).convert("RGB")
    width = WIDTHS[screen.size]
    image = image.resize(
        (width, round(image.height * width / image.width)), Image.Resampling.LANCZOS
    )
    path = FOLDER / f"{screen.name}.webp"
    image.save(path, quality=QUALITY, method=6)
    if path.stat().st_size > MAX_BYTES:
        sys.exit(f"{path} has {path.stat().st_size} bytes; the limit is {MAX_BYTES}")


if __name__ == "__main__":
    main()
