"""Pictures side by side in one file: with captions to choose from, or with a map for a game."""

import json
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from app.domain.images.encoders import encode_png, opaque, to_image
from app.domain.images.recipes import Recipe
from app.serving.image_bundles import ZipBundle
from models.samples import Pixels, Sample
from models.sheets import tile

MARGIN, FONT_SIZE = 4, 10  # pixels
PAPER, INK = "white", "black"
SPRITE_SHEET, SPRITE_MAP = "sprites.png", "sprites.json"


def encode_contact_sheet(
    pixels: Pixels, samples: list[Sample], columns: int, recipe: Recipe
) -> bytes:
    """(N, H, W, C) -> a PNG with the seed of each picture below it; of a latent, its place."""
    font = ImageFont.load_default(FONT_SIZE)
    captions = [_caption(sample, place) for place, sample in enumerate(samples)]
    widest = max(int(font.getlength(caption)) + 1 for caption in captions)
    height, width = pixels.shape[1:3]
    across, down = max(width, widest) + MARGIN, height + FONT_SIZE + 2 * MARGIN
    rows = -(-len(pixels) // columns)
    sheet = Image.new("RGB", (MARGIN + columns * across, MARGIN + rows * down), PAPER)
    pen = ImageDraw.Draw(sheet)
    for place, (picture, caption) in enumerate(zip(pixels, captions, strict=True)):
        left, top = MARGIN + place % columns * across, MARGIN + place // columns * down
        sheet.paste(opaque(to_image(picture)), (left, top))
        pen.text((left, top + height + 1), caption, INK, font)
    return encode_png(np.asarray(sheet), recipe)


def encode_sprites(
    pixels: Pixels, samples: list[Sample], columns: int, recipe: Recipe, fps: float | None = None
) -> bytes:
    """(N, H, W, C) -> a zip of sprites.png and sprites.json: where each picture is on the sheet.

    The map is the "hash" that TexturePacker writes, and Phaser and PixiJS read. With `fps` the
    pictures are the frames of one animation.
    """
    sheet: NDArray[np.uint8] = tile(pixels, columns)
    height, width = pixels.shape[1:3]
    digits = max(4, len(str(len(pixels) - 1)))
    names = [f"{place:0{digits}}" for place in range(len(pixels))]
    frames: dict[str, dict[str, Any]] = {}
    for place, (name, sample) in enumerate(zip(names, samples, strict=True)):
        x, y = place % columns * width, place // columns * height
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
    bundle = ZipBundle()
    bundle.add(SPRITE_SHEET, encode_png(sheet, recipe))
    bundle.add(SPRITE_MAP, json.dumps(atlas, indent=1).encode())
    return bundle.finish()


def square(pictures: int) -> int:
    """The columns of a sheet that is about as wide as it is high."""
    return math.ceil(math.sqrt(pictures))


def _caption(sample: Sample, place: int) -> str:
    return str(sample.point) if isinstance(sample.point, int) else f"#{place}"
