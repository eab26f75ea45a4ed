import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from worker.ingest.pack import SHADE, WHITE, Pack, Packed, write_preview


def picture(value: int, channels: int = 3) -> np.ndarray:
    return np.full((8, 8, channels), value, np.uint8)


def pack(folder: Path, pictures: list[tuple[int, str | None]]) -> Packed:
    with Pack(folder) as written:
        for value, name in pictures:
            written.add(picture(value), name, f"{value}.png")
        written.seal()
        return written.finish(True, {}, lambda: None)


def test_labels_number_the_sorted_folders(tmp_path: Path) -> None:
    packed = pack(tmp_path / "p", [(1, "tabby"), (2, "black"), (3, "tabby"), (4, "white")])
    labels = np.load(tmp_path / "p" / "labels.npy")
    assert packed.classes == ["black", "tabby", "white"]
    assert (labels.dtype, labels.tolist()) == (np.int64, [1, 0, 1, 2])


def test_classes_that_are_numbers_are_in_their_order(tmp_path: Path) -> None:
    names = ["10", "9", "tabby", "٣", "010", "1" * 99]
    packed = pack(tmp_path / "p", list(enumerate(names)))
    assert packed.classes == ["9", "010", "10", "1" * 99, "tabby", "٣"]


def test_one_folder_is_no_class(tmp_path: Path) -> None:
    assert pack(tmp_path / "p", [(1, "cats"), (2, "cats")]).classes is None
    assert not (tmp_path / "p" / "labels.npy").exists()


def test_one_folder_for_each_of_many_pictures_is_no_class(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.ingest.labels.labels.MAX_CLASSES", 2)
    assert pack(tmp_path / "p", [(1, "a"), (2, "b")]).classes == ["a", "b"]
    assert pack(tmp_path / "q", [(1, "a"), (2, "b"), (3, "c")]).classes is None


def test_a_picture_without_a_folder_leaves_no_classes(tmp_path: Path) -> None:
    assert pack(tmp_path / "p", [(1, "a"), (2, "b"), (3, None)]).classes is None


def test_a_folder_of_duplicates_is_no_class(tmp_path: Path) -> None:
    assert pack(tmp_path / "p", [(1, "a"), (2, "a"), (1, "b")]).classes is None


def test_equal_pixels_are_a_duplicate(tmp_path: Path) -> None:
    with Pack(tmp_path / "p") as written:
        added = [written.add(picture(value), None, "a.png") for value in (1, 2, 1)]
    assert added == [(0, True), (1, True), (0, False)]


def test_the_hash_follows_pixels_order_labels_and_names(tmp_path: Path) -> None:
    variants: list[list[tuple[int, str | None]]] = [
        [(1, "a"), (2, "b")],
        [(2, "b"), (1, "a")],
        [(1, "b"), (2, "a")],
        [(1, "a"), (2, "c")],
        [(1, "a"), (3, "b")],
        [(1, None), (2, None)],
    ]
    hashes = [pack(tmp_path / "p", variant).content_hash for variant in variants]
    assert len(set(hashes)) == len(variants)
    assert pack(tmp_path / "p", variants[0]).content_hash == hashes[0]


def test_the_folder_holds_everything_and_nothing_else(tmp_path: Path) -> None:
    packed = pack(tmp_path / "p", [(1, "a"), (2, "b")])
    files = {path.name: path.stat().st_size for path in (tmp_path / "p").iterdir()}
    assert files.keys() == {"images.npy", "labels.npy", "dataset.json", "preview.png"}
    assert packed.bytes == sum(files.values())
    described = json.loads((tmp_path / "p" / "dataset.json").read_text())
    assert described["shape"] == packed.shape == [8, 8, 3]
    assert described["horizontal_flip"] is packed.horizontal_flip is True
    assert [path.name for path in tmp_path.iterdir()] == ["p"]


def test_a_pack_that_is_not_finished_leaves_nothing(tmp_path: Path) -> None:
    with Pack(tmp_path / "p") as written:
        written.add(picture(1), None, "a.png")
    assert list(tmp_path.iterdir()) == []


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


def test_transparent_images_show_a_checkerboard(tmp_path: Path) -> None:
    images = np.zeros((2, 16, 16, 4), np.uint8)
    images[1, ..., 3] = 255
    write_preview(images, tmp_path / "preview.png")
    with Image.open(tmp_path / "preview.png") as sheet:
        shown = np.asarray(sheet)[..., 0]
    assert set(np.unique(shown[:, :16])) == {WHITE, SHADE}
    assert set(np.unique(shown[:, 16:])) == {0}
