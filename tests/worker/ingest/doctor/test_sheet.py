from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from worker.ingest.doctor.findings import DoctorFinding, Example
from worker.ingest.doctor.sheet import CELL, COLUMNS, HEADER, LABEL, MARGIN, SheetRow, write_sheet


def sheet_row(kind: str, groups: list[tuple[int, ...]]) -> SheetRow:
    examples = [Example(group[0], "a.png", 0.1) for group in groups]
    return SheetRow(DoctorFinding(kind, len(groups), 0.1, 0.5, "", None, examples), groups)


def sheet(folder: Path, images: np.ndarray, rows: list[SheetRow]) -> np.ndarray:
    write_sheet(images, "12 pictures", rows, folder / "doctor.png")
    with Image.open(folder / "doctor.png") as picture:
        assert picture.mode == "RGB"
        return np.asarray(picture)


def colours(count: int, height: int = 8, width: int = 8, channels: int = 3) -> np.ndarray:
    images = np.zeros((count, height, width, channels), np.uint8)
    images += (10 * np.arange(count, dtype=np.uint8))[:, None, None, None]
    images[..., 3:] = 255
    return images


def test_each_kind_has_a_row_of_its_pictures_and_pairs_stand_together(tmp_path: Path) -> None:
    rows = [
        sheet_row("near_duplicates", [(5, 4), (3, 2)]),
        sheet_row("blurred", [(7,), (8,)]),
        sheet_row("blank", []),
    ]
    pixels = sheet(tmp_path, colours(12), rows)
    line = pixels[HEADER + LABEL + CELL // 2, MARGIN:, 0]
    first = [line[x] for x in (CELL // 2, CELL // 2 + CELL, CELL * 3, CELL * 4)]
    assert first == [50, 40, 30, 20]
    found = set(np.unique(pixels.reshape(-1, 3), axis=0)[:, 0])
    assert {70, 80} <= found
    assert pixels.shape[1] < 1400


def test_no_row_is_wider_than_the_sheet(tmp_path: Path) -> None:
    many: list[tuple[int, ...]] = [(index, 0) for index in range(1, 20)]
    pixels = sheet(tmp_path, colours(20), [sheet_row("near_duplicates", many)])
    assert pixels.shape[1] == sheet(tmp_path, colours(2), [sheet_row("blank", [(0,)])]).shape[1]
    assert COLUMNS % 2 == 0


def test_a_sheet_without_faults_says_so(tmp_path: Path) -> None:
    pixels = sheet(tmp_path, colours(2), [sheet_row("blank", []), sheet_row("blurred", [])])
    assert pixels[:HEADER].min() < 200
    assert len(pixels) < 150


@pytest.mark.parametrize(
    ("height", "width", "channels"), [(28, 28, 1), (64, 96, 4), (256, 30, 3), (300, 300, 1)]
)
def test_pictures_of_any_shape_are_shown(
    tmp_path: Path, height: int, width: int, channels: int
) -> None:
    pixels = sheet(
        tmp_path, colours(3, height, width, channels), [sheet_row("blurred", [(2,), (1,)])]
    )
    assert {10, 20} <= set(np.unique(pixels))
