"""Pictures prepared for display: enlarged, on a contact sheet, or as a sprite sheet."""

import io
import json
import math
import zipfile
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from app.domain.images.encoders import ZIP_EPOCH, encode_png, opaque, to_image
from app.domain.images.recipes import Recipe
from models.samples import Pixels, Sample, tile

MAX_SCALE = 8
Resample = Literal["lanczos", "nearest"]

MARGIN, FONT_SIZE = 4, 10  # pixels
PAPER, INK = "white", "black"
SPRITE_SHEET, SPRITE_MAP = "sprites.png", "sprites.json"


class Display(NamedTuple):
    """How many times to enlarge a picture (1 … 8), and how: smoothly, or each pixel as a square."""

    scale: int = 1
    resample: Resample = "lanczos"

    def recipe(self) -> Recipe:
        """The fields that it adds to a recipe: none for pictures at their own size."""
        return {} if self.scale == 1 else {"scale": self.scale, "resample": self.resample}

    def enlarge(self, pixels: Pixels) -> Pixels:
        """(N, H, W, C) -> (N, scale · H, scale · W, C)."""
        if self.scale == 1:
            return pixels
        if self.resample == "nearest":
            return pixels.repeat(self.scale, axis=1).repeat(self.scale, axis=2)
        return np.stack([self._enlarge_smoothly(picture) for picture in pixels])

    def _enlarge_smoothly(self, picture: Pixels) -> Pixels:
        """(H, W, C). Pillow weights colours by their alpha, so that the colour of transparent
        pixels does not bleed into their neighbours."""
        height, width, channels = picture.shape
        image = Image.fromarray(picture[:, :, 0] if channels == 1 else picture)
        size = self.scale * width, self.scale * height
        enlarged = np.asarray(image.resize(size, Image.Resampling.LANCZOS))
        return enlarged.reshape(*enlarged.shape[:2], channels)


OWN_SIZE = Display()


def encode_contact_sheet(
    pixels: Pixels, samples: list[Sample], columns: int, recipe: Recipe
) -> bytes:
    """(N, H, W, C) -> a PNG that shows below each picture its seed, or the index of a latent."""
    font = ImageFont.load_default(FONT_SIZE)
    captions = [_caption(sample, index) for index, sample in enumerate(samples)]
    widest = max(int(font.getlength(caption)) + 1 for caption in captions)
    height, width = pixels.shape[1:3]
    cell_width, cell_height = max(width, widest) + MARGIN, height + FONT_SIZE + 2 * MARGIN
    rows = -(-len(pixels) // columns)
    sheet = Image.new("RGB", (MARGIN + columns * cell_width, MARGIN + rows * cell_height), PAPER)
    pen = ImageDraw.Draw(sheet)
    for index, (picture, caption) in enumerate(zip(pixels, captions, strict=True)):
        left = MARGIN + index % columns * cell_width
        top = MARGIN + index // columns * cell_height
        sheet.paste(opaque(to_image(picture)), (left, top))
        pen.text((left, top + height + 1), caption, INK, font)
    return encode_png(np.asarray(sheet), recipe)


def encode_sprites(
    pixels: Pixels, samples: list[Sample], columns: int, recipe: Recipe, fps: float | None = None
) -> bytes:
    """(N, H, W, C) -> a zip of sprites.png and sprites.json, which maps the pictures on the sheet.

    The map has the "hash" format of TexturePacker, which Phaser and PixiJS read. With `fps` the
    pictures are the frames of one animation.
    """
    sheet: NDArray[np.uint8] = tile(pixels, columns)
    height, width = pixels.shape[1:3]
    digits = max(4, len(str(len(pixels) - 1)))
    names = [f"{index:0{digits}}" for index in range(len(pixels))]
    frames: dict[str, dict[str, Any]] = {}
    for index, (name, sample) in enumerate(zip(names, samples, strict=True)):
        x, y = index % columns * width, index // columns * height
        frames[name] = {
            "frame": {"x": x, "y": y, "w": width, "h": height},
            "rotated": False,
            "trimmed": False,
            "spriteSourceSize": {"x": 0, "y": 0, "w": width, "h": height},
            "sourceSize": {"w": width, "h": height},
        }
        if isinstance(sample.point, int):
            frames[name]["seed"] = sample.point
        if fps is not None:
            frames[name]["duration"] = round(1000 / fps)
    atlas: dict[str, Any] = {"frames": frames}
    if fps is not None:
        atlas["animations"] = {"morph": names}
    atlas["meta"] = {
        "app": "moggy",
        "image": SPRITE_SHEET,
        "format": "RGBA8888" if pixels.shape[3] == 4 else "RGB888",
        "size": {"w": sheet.shape[1], "h": sheet.shape[0]},
        "scale": "1",
    }
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo(SPRITE_SHEET, ZIP_EPOCH), encode_png(sheet, recipe))
        archive.writestr(zipfile.ZipInfo(SPRITE_MAP, ZIP_EPOCH), json.dumps(atlas, indent=1))
    return written.getvalue()


def square_columns(pictures: int) -> int:
    """The number of columns of a sheet that is about as wide as it is high."""
    return math.ceil(math.sqrt(pictures))


def _caption(sample: Sample, index: int) -> str:
    if isinstance(sample.point, int):
        return str(sample.point)
    return (sample.source or {}).get("name") or f"#{index}"
