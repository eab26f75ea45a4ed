"""Zips, read back by the standard library."""

import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from app.domain.images.checkpoint import ServedCheckpoint
from worker.synthesis.images import Picture
from worker.synthesis.zips import FolderShard, ZipShard, folder_names


def write(kind: type[ZipShard], path: Path, checkpoint: ServedCheckpoint, *labels: object) -> Path:
    shard = kind(path, checkpoint, "jpg")
    for seed, label in enumerate(labels):
        assert label is None or isinstance(label, int)
        shard.add(Picture(seed, label, {}, b""), b"picture %d" % seed)
    shard.close()
    return path


def test_the_same_pictures_are_the_same_bytes(tmp_path: Path, checkpoint: ServedCheckpoint) -> None:
    first, again = (write(ZipShard, tmp_path / name, checkpoint, 0, 1) for name in "ab")
    assert first.read_bytes() == again.read_bytes()
    with zipfile.ZipFile(first) as archive:
        assert archive.namelist() == ["0.jpg", "1.jpg"]
        assert archive.read("1.jpg") == b"picture 1"
        assert archive.testzip() is None
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}


def test_each_class_is_a_folder_and_none_leads_out_of_where_it_is_unpacked(
    tmp_path: Path, checkpoint: ServedCheckpoint
) -> None:
    with zipfile.ZipFile(write(FolderShard, tmp_path / "a", checkpoint, 0, 1, 2, 0)) as archive:
        assert archive.namelist() == ["tabby/0.jpg", "white/1.jpg", "class-2/2.jpg", "tabby/3.jpg"]


@pytest.mark.parametrize(("model", "folder"), [("cats", "cats"), ("nul", "class-0")])
def test_without_classes_the_folder_has_the_models_name_where_it_can(
    tmp_path: Path, checkpoint: ServedCheckpoint, model: str, folder: str
) -> None:
    lone = replace(checkpoint, model=model, classes=())
    with zipfile.ZipFile(write(FolderShard, tmp_path / "a", lone, None)) as archive:
        assert archive.namelist() == [f"{folder}/0.jpg"]


@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "..", "a/b", "a\\b", "a\0", "C:", "a ", "a.", "x" * 300),
        *("CON", "nul", "Aux", "com1", "LPT9", "COM²", "nul.tar", "con .txt", "CONIN$"),
    ],
)
def test_what_can_be_no_folders_name_is_named_by_its_number(name: str) -> None:
    assert folder_names(("tabby", name)) == ("tabby", "class-1")


@pytest.mark.parametrize(
    "name",
    ["tabby", "British Shorthair", "日本猫", "v1.5", ".hidden", "contour", "null", "com", "com10"],
)
def test_other_names_stay(name: str) -> None:
    assert folder_names((name, "white")) == (name, "white")


@pytest.mark.parametrize(
    ("classes", "folders"),
    [
        (("..", "class-0"), ("class-0_", "class-0")),
        (("..", "Class-0", "class-0_"), ("class-0__", "Class-0", "class-0_")),
        (("Cat", "cat", "CAT"), ("Cat", "class-1", "class-2")),
        (("Straße", "STRASSE"), ("Straße", "class-1")),
        (("caf\u00e9", "cafe\u0301"), ("caf\u00e9", "class-1")),
    ],
)
def test_no_two_classes_share_a_folder(classes: tuple[str, ...], folders: tuple[str, ...]) -> None:
    assert folder_names(classes) == folders
