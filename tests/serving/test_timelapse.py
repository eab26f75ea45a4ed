"""A timelapse reads its grids one by one, and stops when nobody waits for it."""

import threading
from pathlib import Path

import numpy as np
import pytest

from app.domain.settings import Settings
from app.serving.display import Display
from app.serving.timelapse import Cancelled, Timelapse, evenly_spaced
from models.samples import png


@pytest.mark.parametrize("file_format", ["webp", "mp4"])
def test_a_film_that_nobody_waits_for_reads_no_further_grid(
    file_format: str, tmp_path: Path
) -> None:
    cancelled = threading.Event()
    read: list[int] = []

    def read_grid(images_seen: int) -> bytes:
        read.append(images_seen)
        if images_seen == 3:
            cancelled.set()
        return png(np.full((16, 16, 3), images_seen, np.uint8))

    timelapse = Timelapse(range(100), read_grid, Display(), Settings(home=tmp_path))
    with pytest.raises(Cancelled):
        timelapse.encode(file_format, {}, 12, cancelled)
    assert read == [0, 0, 1, 2, 3]  # the first twice: for the size of the film


def test_evenly_spaced_values_include_both_ends() -> None:
    assert evenly_spaced(range(331), 4) == [0, 110, 220, 330]
    assert evenly_spaced([5, 9], 4) == [5, 9]
    assert evenly_spaced([5], 2) == [5]
