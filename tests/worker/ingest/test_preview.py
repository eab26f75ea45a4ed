from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from worker.ingest.preview import SHADE, WHITE, write_preview


@pytest.mark.parametrize(
    ("count", "channels", "size", "mode"),
    [(2, 3, (16, 8), "RGB"), (5, 1, (24, 16), "L"), (64, 4, (64, 64), "RGB")],
)
def test_every_picture_of_few_is_shown(
    tmp_path: Path, count: int, channels: int, size: tuple[int, int], mode: str
) -> None:
    images = np.zeros((count, 8, 8, channels), np.uint8)
    images += np.arange(count, dtype=np.uint8)[:, None, None, None]
    images[..., 3:] = 255
    write_preview(images, tmp_path / "preview.png")
    with Image.open(tmp_path / "preview.png") as sheet:
        assert (sheet.size, sheet.mode) == (size, mode)
        shown = set(np.unique(np.asarray(sheet))) - {255}
    assert shown == set(range(count))


def test_many_are_shown_evenly_from_first_to_last(tmp_path: Path) -> None:
    images = (
        np.zeros((200, 8, 8, 1), np.uint8) + np.arange(200, dtype=np.uint8)[:, None, None, None]
    )
    write_preview(images, tmp_path / "preview.png")
    with Image.open(tmp_path / "preview.png") as sheet:
        shown = np.asarray(sheet)[::8, ::8].reshape(-1)
    assert (shown[0], shown[-1], len(set(shown))) == (0, 199, 64)


@pytest.mark.parametrize(
    ("height", "width", "size"), [(8, 16, (96, 88)), (16, 8, (96, 96)), (8, 200, (400, 256))]
)
def test_the_sheet_of_oblong_pictures_is_about_square(
    tmp_path: Path, height: int, width: int, size: tuple[int, int]
) -> None:
    write_preview(np.zeros((64, height, width, 3), np.uint8), tmp_path / "preview.png")
    with Image.open(tmp_path / "preview.png") as sheet:
        assert sheet.size == size


def test_what_is_transparent_shows_a_checkerboard(tmp_path: Path) -> None:
    images = np.zeros((2, 16, 16, 4), np.uint8)
    images[1, ..., 3] = 255
    write_preview(images, tmp_path / "preview.png")
    with Image.open(tmp_path / "preview.png") as sheet:
        shown = np.asarray(sheet)[..., 0]
    assert set(np.unique(shown[:, :16])) == {WHITE, SHADE}
    assert set(np.unique(shown[:, 16:])) == {0}
