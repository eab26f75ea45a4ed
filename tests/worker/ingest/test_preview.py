from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from worker.ingest.preview import write_preview


@pytest.mark.parametrize(
    ("count", "channels", "size", "mode"),
    [(2, 3, (16, 8), "RGB"), (5, 1, (24, 16), "L"), (64, 4, (64, 64), "RGBA")],
)
def test_every_picture_of_few_is_shown(
    tmp_path: Path, count: int, channels: int, size: tuple[int, int], mode: str
) -> None:
    images = np.zeros((count, 8, 8, channels), np.uint8)
    images += np.arange(count, dtype=np.uint8)[:, None, None, None]
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
