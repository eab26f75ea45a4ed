"""doctor.png: a contact sheet with a labelled row of the worst images for each kind of fault."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from PIL.Image import Resampling

from worker.ingest.decoding.levels import Pixels
from worker.ingest.doctor.findings import DoctorFinding, percent
from worker.ingest.doctor.measures import on_white

COLUMNS = 12
CELL = 96  # pixels, the longer side of an image
GAP, PAIR_GAP, MARGIN = 8, 2, 24
HEADER, LABEL, CAPTION = 76, 46, 16
PAPER, INK, PALE = "#f6f5f2", "#23262b", "#7b8087"
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
class SheetRow:
    """A finding, and the indices of its examples in images.npy before any image is left out.

    A near-duplicate has two indices, its own and that of its original.
    """

    finding: DoctorFinding
    groups: list[tuple[int, ...]]


def write_sheet(images: Pixels, title: str, rows: list[SheetRow], path: Path) -> None:
    """Write a PNG; images are (N, H, W, C). Kinds without examples are named in one line."""
    filled = [row for row in rows if row.groups]
    width, height = _cell(images)
    row_height = LABEL + height + CAPTION + GAP
    sheet_width = 2 * MARGIN + COLUMNS * (CELL + GAP) - GAP
    sheet_height = HEADER + len(filled) * row_height + MARGIN
    sheet = Image.new("RGB", (sheet_width, sheet_height), PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((MARGIN, 18), title, INK, ImageFont.load_default(20))
    draw.text((MARGIN, 46), _summary(rows), PALE, ImageFont.load_default(13))
    for position, row in enumerate(filled):
        _draw_row(sheet, draw, HEADER + position * row_height, row, images, (width, height))
    sheet.save(path, "PNG")


def _summary(rows: list[SheetRow]) -> str:
    empty = [TITLES[row.finding.kind].lower() for row in rows if not row.groups]
    if len(empty) == len(rows):
        return "No faults found. Looked for: " + ", ".join(empty) + "."
    return "Not found: " + ", ".join(empty) + "." if empty else "Faults of every kind were found."


def _draw_row(
    sheet: Image.Image,
    draw: ImageDraw.ImageDraw,
    top: int,
    row: SheetRow,
    images: Pixels,
    size: tuple[int, int],
) -> None:
    kind, (width, height) = row.finding.kind, size
    accent, title = ACCENTS[kind], ImageFont.load_default(16)
    draw.rounded_rectangle((MARGIN, top + 12, MARGIN + 5, top + 34), 2, accent)
    draw.text((MARGIN + 14, top + 13), TITLES[kind], INK, title)
    left = MARGIN + 14 + draw.textlength(TITLES[kind], title) + 10
    count = f"{row.finding.count:,}  ·  {percent(row.finding.share)}"
    draw.text((left, top + 15), count, accent, ImageFont.load_default(14))
    caption = ImageFont.load_default(11)
    per_row = COLUMNS // len(row.groups[0])
    for cell, group in enumerate(row.groups[:per_row]):
        start = MARGIN + cell * len(group) * (CELL + GAP)
        for position, index in enumerate(group):
            x = start + position * (CELL + PAIR_GAP) + (CELL - width) // 2
            sheet.paste(_picture(images[index], size), (x, top + LABEL))
        value = VALUES[kind].format(row.finding.examples[cell].value)
        draw.text((start + (CELL - width) // 2, top + LABEL + height + 2), value, PALE, caption)


def _cell(images: Pixels) -> tuple[int, int]:
    height, width = images.shape[1:3]
    scale = CELL / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _picture(pixels: Pixels, size: tuple[int, int]) -> Image.Image:
    """On white. Enlarged without smoothing, which would look like a blurred picture."""
    opaque = on_white(np.asarray(pixels)[None])[0]
    picture = Image.fromarray(opaque[..., 0] if opaque.shape[2] == 1 else opaque).convert("RGB")
    is_enlarged = size[0] > picture.width
    return picture.resize(size, Resampling.NEAREST if is_enlarged else Resampling.LANCZOS)
