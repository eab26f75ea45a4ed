"""The playground of a model as a file on a disk, and the pixels that it and its service show."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from running_service import wait_until

from .browser import Visitor
from .keyboard import Keyboard

READ_PIXELS = """(canvas) => {
  const { width, height } = canvas;
  return [height, width, [...canvas.getContext("2d").getImageData(0, 0, width, height).data]];
}"""

Pixels = NDArray[np.int16]


class Playground:
    """The file of a model on a disk, and the service that it came from."""

    def __init__(self, browser: Browser, url: str, model: str, folder: Path) -> None:
        self._client = httpx2.Client(base_url=url, timeout=60)
        self._model = f"/v1/models/{model}"
        wait_until(self._client, self._model, lambda model: model["checkpoint"] is not None)
        self.file = folder / "playground.html"
        page = self._client.get(f"{self._model}/playground.html").raise_for_status()
        self.file.write_bytes(page.content)
        self.online = Visitor(browser, f"{url}{self._model}/playground.html")
        self.offline = Visitor(browser, self.file.as_uri())

    @contextmanager
    def open(self, fragment: str = "") -> Iterator[Page]:
        """Open the file in a new profile, without a network."""
        with self.offline.visit(fragment, offline=True) as page:
            expect(page.locator(".play-seeds .picture.shown").first).to_be_visible()
            yield page

    @contextmanager
    def open_by_keyboard(self, fragment: str = "") -> Iterator[Keyboard]:
        """Open the file for the keyboard alone, on a phone, light and in Japanese."""
        with self.offline.visit_by_keyboard(fragment, offline=True) as keyboard:
            expect(keyboard.page.locator(".play-seeds .picture.shown").first).to_be_visible()
            yield keyboard

    def served(self, path: str, body: dict[str, Any] | None = None) -> Pixels:
        """The pixels of the service's own image."""
        method = "GET" if body is None else "POST"
        response = self._client.request(method, f"{self._model}/{path}", json=body)
        return pixels_of(response.raise_for_status().content)

    def close(self) -> None:
        self._client.close()


def pixels_of(png: bytes) -> Pixels:
    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image.convert("RGB"), np.int16)


def thumbnail(page: Page, latent: str) -> Pixels:
    """The pixels of a small picture of the page."""
    canvas = page.locator(f'.play-wall canvas[data-latent="{latent}"].shown')
    height, width, values = canvas.evaluate(READ_PIXELS)
    return np.array(values, np.int16).reshape(height, width, 4)[..., :3]


def saved(page: Page, save: Callable[[], None]) -> Pixels:
    """The pixels of the file that the page saves, once it shows what was asked for."""
    expect(page.locator(".stage-picture")).to_have_attribute("aria-busy", "false")
    with page.expect_download() as download:
        save()
    return pixels_of(Path(download.value.path()).read_bytes())


def differ(ours: Pixels, theirs: Pixels) -> int:
    """The largest difference in levels."""
    return int(np.abs(ours - theirs).max())
