"""What the tests of the screen Explore read from its page, and from the service beside it."""

import io
import re
from typing import Any

import httpx2
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from .browser import Visitor

MEDIA_TYPES = {
    "PNG": "image/png",
    "WEBP": "image/webp",
    "JPG": "image/jpeg",
    "AVIF": "image/avif",
    "GIF": "image/gif",
    "MP4": "video/mp4",
}
# Enlarged pixels are squares: the image can be read from the large picture of the stage.
SHARP = """localStorage.setItem('moggy.preferences', '{"tile": 200, "smooth": false}')"""
IS_ON_STAGE = """([width, height, values]) => {
  const scaled = new OffscreenCanvas(width, height).getContext("2d");
  scaled.imageSmoothingEnabled = false;
  scaled.drawImage(document.querySelector(".stage-picture"), 0, 0, width, height);
  const { data } = scaled.getImageData(0, 0, width, height);
  return values.every((value, index) => data[index] === value);
}"""


def wait_for_pictures(page: Page) -> None:
    """Wait until every picture of the wall that is rendered is there."""
    page.wait_for_selector(".tile .picture.shown")
    expect(page.locator(".tile .picture.waiting")).to_have_count(0)


def tile(page: Page, seed: int) -> Locator:
    """The picture of the seed on the wall, in any language."""
    return page.get_by_role("button", name=re.compile(f"^(Picture|画像) {seed}$"))


def stage(page: Page) -> Locator:
    return page.get_by_role("complementary")


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
        name = re.compile(f"^(Download as {file_format}|{file_format} でダウンロード)$")
        link = stage(page).get_by_role("link", name=name)
        answer = httpx2.get(str(link.get_attribute("href")), timeout=60)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == MEDIA_TYPES[file_format]


def check_morph_file(visitor: Visitor, file: bytes, **body: Any) -> None:
    """The file is the service's own morph of the starter model for these parameters."""
    morph = {"format": "webp", "fps": 30} | body
    path = "/v1/models/cats/interpolations"
    answer = httpx2.post(visitor.url + path, json=morph, timeout=60)
    assert file == answer.raise_for_status().content


def expect_on_stage(page: Page, image: Image.Image) -> None:
    """Wait until the stage shows this image; the page has to be opened with SHARP."""
    page.wait_for_function(IS_ON_STAGE, arg=[*image.size, list(image.convert("RGBA").tobytes())])


def image_of(answer: httpx2.Response) -> Image.Image:
    return Image.open(io.BytesIO(answer.raise_for_status().content))


def copied(page: Page) -> str:
    text: str = page.evaluate("navigator.clipboard.readText()")
    return text


def expect_frame(page: Page, number: int) -> None:
    """Wait until this frame of the morph is shown."""
    expect(page.locator("[data-frame]")).to_have_attribute("data-frame", str(number))
