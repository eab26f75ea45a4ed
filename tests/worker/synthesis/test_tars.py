"""WebDataset tars, read back by the standard library."""

import json
import tarfile
from pathlib import Path

import pytest

from app.domain.images.checkpoint import ServedCheckpoint
from worker.synthesis.images import Picture
from worker.synthesis.tars import TarShard, header


def write(path: Path, checkpoint: ServedCheckpoint, label: int | None) -> Path:
    shard = TarShard(path, checkpoint, "png")
    for seed in (7, 2**53 - 1):
        shard.add(Picture(seed, label, {"seed": seed}, b""), b"picture %d" % seed)
    shard.close()
    return path


def test_the_files_of_a_sample_stand_together(tmp_path: Path, checkpoint: ServedCheckpoint) -> None:
    with tarfile.open(write(tmp_path / "a", checkpoint, 2), "r:") as archive:
        names = archive.getnames()
        files = {name: archive.extractfile(name).read() for name in names}  # type: ignore[union-attr]
    last = 2**53 - 1
    endings = ("png", "cls", "json")
    assert names == [f"{seed}.{ending}" for seed in (7, last) for ending in endings]
    assert (files["7.png"], files["7.cls"]) == (b"picture 7", b"2")
    assert json.loads(files[f"{last}.json"]) == {"seed": last}


def test_without_classes_there_is_no_class_and_the_bytes_are_always_the_same(
    tmp_path: Path, checkpoint: ServedCheckpoint
) -> None:
    first, again = (write(tmp_path / name, checkpoint, None) for name in "ab")
    assert first.read_bytes() == again.read_bytes()
    with tarfile.open(first, "r:") as archive:
        assert archive.getnames()[:2] == ["7.png", "7.json"]
        assert {header.mtime for header in archive} == {0}


@pytest.mark.parametrize("name", ["0.png", f"{2**53 - 1}.json", "a" * 100])
@pytest.mark.parametrize("size", [0, 9_216, 8**11 - 1])
def test_a_header_is_what_tarfile_writes(name: str, size: int) -> None:
    member = tarfile.TarInfo(name)
    member.size = size
    assert header(name, size) == member.tobuf(tarfile.USTAR_FORMAT)
