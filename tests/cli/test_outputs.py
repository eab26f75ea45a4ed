import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.cli.errors import CommandError, WrongUsage
from app.cli.outputs import image_format, morph_format, write_file


@pytest.mark.parametrize(
    ("name", "count", "chosen"),
    [
        ("cat.png", 1, "png"),
        ("cat.JPG", 1, "jpg"),
        ("cat.jpeg", 1, "jpg"),
        ("cat.webp", 1, "webp"),
        ("cat.zip", 1, "zip"),
        ("cats.png", 64, "grid"),
        ("cats.zip", 64, "zip"),
    ],
)
def test_the_suffix_and_the_count_decide_the_format(
    name: str, count: int, chosen: str, tmp_path: Path
) -> None:
    assert image_format(tmp_path / name, count) == chosen


def test_a_format_that_cannot_hold_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongUsage, match=r"cats\.jpg: several images are written as one grid"):
        image_format(tmp_path / "cats.jpg", 2)
    with pytest.raises(
        WrongUsage, match=r"must end in \.png, \.jpg, \.jpeg, \.webp, \.avif, \.zip"
    ):
        image_format(tmp_path / "cat.bmp", 1)
    with pytest.raises(WrongUsage, match=r"must end in \.webp, \.gif, \.apng, \.mp4, \.png, \.zip"):
        morph_format(tmp_path / "morph.mp3")
    with pytest.raises(WrongUsage, match="there is no folder"):
        morph_format(tmp_path / "nowhere" / "morph.webp")
    assert morph_format(tmp_path / "morph.png") == "strip"


def test_a_file_that_breaks_off_leaves_the_old_one_and_nothing_else(tmp_path: Path) -> None:
    out = tmp_path / "cats.png"
    out.write_bytes(b"old")

    def broken() -> Iterator[bytes]:
        yield b"new"
        raise CommandError("the connection broke")

    with pytest.raises(CommandError, match="the connection broke"):
        write_file(out, broken())
    assert out.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [out]


def test_a_written_file_is_as_readable_as_any_other(tmp_path: Path) -> None:
    assert write_file(tmp_path / "cats.png", [b"ab", b"c"]) == 3
    assert (tmp_path / "cats.png").read_bytes() == b"abc"
    mask = os.umask(0)
    os.umask(mask)
    assert (tmp_path / "cats.png").stat().st_mode & 0o777 == 0o666 & ~mask
