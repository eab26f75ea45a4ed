"""doctor.png: the worst pictures of each kind, a row for each, under its label."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from PIL.Image import Resampling

from worker.ingest.decoding.levels import Pixels
from worker.ingest.doctor.findings import Finding, percent
from worker.ingest.doctor.measures import on_white

COLUMNS = 12
CELL = 96  # pixels, of the longer side of a picture
GAP, PAIR_GAP, MARGIN = 8, 2, 24
HEADER, LABEL, CAPTION = 76, 46, 16
PAPER, CARD, INK, PALE = "#f6f5f2", "#ffffff", "#23262b", "#7b8087"
ACCENTS = {
    "near_duplicates": "#3866c6",
    "outliers": "#c2410c",
    "letterboxed": "#7c3aed",
    "blurred": "#0f766e",
    "blank": "#6b7280",
    "levels": "#a16207",
}
TITLES = {
    "near_duplicates": "Near-duplicates",
    "outliers": "Outliers",
    "letterboxed": "Letterboxed",
    "blurred": "Blurred",
    "blank": "Blank",
    "levels": "Dark",
}
VALUES = {
    "near_duplicates": "{:.2f} apart",
    "outliers": "{:.2f} away",
    "letterboxed": "{:.0%} bars",
    "blurred": "{:.2f} sharp",
    "blank": "{:.1f} levels",
    "levels": "{:.2%} of values",
}


@dataclass(frozen=True)
class Shown:
    """A finding with the places of its examples before anything was left out; of a near-duplicate
    the original comes beside it."""

    finding: Finding
    places: list[tuple[int, ...]]


def write_sheet(images: Pixels, title: str, shown: list[Shown], path: Path) -> None:
    """A PNG of the pictures of (N, H, W, C) that were found; kinds that were not are named."""
    found = [one for one in shown if one.places]
    width, height = _cell(images)
    row = LABEL + height + CAPTION + GAP
    size = (2 * MARGIN + COLUMNS * (CELL + GAP) - GAP, HEADER + len(found) * row + MARGIN)
    sheet = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((MARGIN, 18), title, INK, ImageFont.load_default(20))
    draw.text((MARGIN, 46), _summary(shown), PALE, ImageFont.load_default(13))
    for place, one in enumerate(found):
        _draw_row(sheet, draw, HEADER + place * row, one, images, (width, height))
    sheet.save(path, "PNG")


def _summary(shown: list[Shown]) -> str:
    clear = [TITLES[one.finding.kind].lower() for one in shown if not one.places]
    if len(clear) == len(shown):
        return "Nothing was found: " + ", ".join(clear) + " – none."
    return "None of these: " + ", ".join(clear) + "." if clear else "Something of every kind."


def _draw_row(
    sheet: Image.Image,
    draw: ImageDraw.ImageDraw,
    top: int,
    one: Shown,
    images: Pixels,
    size: tuple[int, int],
) -> None:
    kind, (width, height) = one.finding.kind, size
    accent, title = ACCENTS[kind], ImageFont.load_default(16)
    draw.rounded_rectangle((MARGIN, top + 12, MARGIN + 5, top + 34), 2, accent)
    draw.text((MARGIN + 14, top + 13), TITLES[kind], INK, title)
    left = MARGIN + 14 + draw.textlength(TITLES[kind], title) + 10
    count = f"{one.finding.count:,}  ·  {percent(one.finding.share)}"
    draw.text((left, top + 15), count, accent, ImageFont.load_default(14))
    caption = ImageFont.load_default(11)
    per_row = COLUMNS // len(one.places[0])
    for place, group in enumerate(one.places[:per_row]):
        start = MARGIN + place * len(group) * (CELL + GAP)
        for number, index in enumerate(group):
            x = start + number * (CELL + PAIR_GAP) + (CELL - width) // 2
            sheet.paste(_picture(images[index], size), (x, top + LABEL))
        value = VALUES[kind].format(one.finding.examples[place].value)
        draw.text((start + (CELL - width) // 2, top + LABEL + height + 2), value, PALE, caption)


def _cell(images: Pixels) -> tuple[int, int]:
    height, width = images.shape[1:3]
    scale = CELL / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _picture(pixels: Pixels, size: tuple[int, int]) -> Image.Image:
    """On white; enlarged without smoothing, so that a blur is the picture's own."""
    opaque = on_white(np.asarray(pixels)[None])[0]
    picture = Image.fromarray(opaque[..., 0] if opaque.shape[2] == 1 else opaque).convert("RGB")
    grows = size[0] > picture.width
    return picture.resize(size, Resampling.NEAREST if grows else Resampling.LANCZOS)
