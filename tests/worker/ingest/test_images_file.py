from pathlib import Path

import numpy as np
import pytest

from worker.ingest.images_file import COPIED_AT_ONCE, HEADER_BYTES, ImagesFile, read_blocks


def picture(value: int, channels: int = 1) -> np.ndarray:
    return np.full((4, 6, channels), value, np.uint8)


def written(path: Path, pictures: list[np.ndarray]) -> np.ndarray:
    file = ImagesFile(path)
    for image in pictures:
        file.append(image)
    file.finish()
    images: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    return images


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_numpy_reads_what_was_written(tmp_path: Path, channels: int) -> None:
    images = written(tmp_path / "images.npy", [picture(n, channels) for n in range(9)])
    assert (images.dtype.type, images.shape) == (np.uint8, (9, 4, 6, channels))
    assert images[:, 0, 0, 0].tolist() == list(range(9))


def test_the_header_has_the_same_length_for_any_number_of_images(tmp_path: Path) -> None:
    written(tmp_path / "images.npy", [picture(1)] * 1000)
    assert (tmp_path / "images.npy").stat().st_size == HEADER_BYTES + 1000 * 4 * 6


def test_grey_pictures_become_coloured_with_the_first_that_is(tmp_path: Path) -> None:
    grey = [picture(n % 256) for n in range(2 * COPIED_AT_ONCE + 3)]
    images = written(tmp_path / "images.npy", [*grey, picture(7, 3), picture(8)])
    assert images.shape == (len(grey) + 2, 4, 6, 3)
    for channel in range(3):
        values = [n % 256 for n in range(len(grey))]
        assert images[:, 3, 5, channel].tolist() == [*values, 7, 8]
    assert [path.name for path in tmp_path.iterdir()] == ["images.npy"]


def test_blocks_hold_all_pictures_in_order(tmp_path: Path) -> None:
    pictures = np.arange(7 * 2 * 3, dtype=np.uint8).reshape(7, 2, 3, 1)
    file = ImagesFile(tmp_path / "images.npy")
    for image in pictures:
        file.append(image)
    file.finish()
    blocks = list(read_blocks(tmp_path / "images.npy", file.shape, 3))
    assert [len(block) for block in blocks] == [3, 3, 1]
    assert np.array_equal(np.concatenate(blocks), pictures)
