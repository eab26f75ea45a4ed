import io
import os
import tarfile
from pathlib import Path

import pytest

from app.cli.errors import CommandError
from app.cli.tarstream import Member, TarStream


def read_all(stream: TarStream, size: int = 65536) -> bytes:
    return b"".join(iter(lambda: stream.read(size), b""))


def write(folder: Path, name: str, content: bytes) -> Member:
    path = folder / name.replace("/", "_")[:100]
    path.write_bytes(content)
    return Member(path, name, len(content))


def test_the_stream_is_a_tar_of_the_promised_length(tmp_path: Path) -> None:
    contents = {
        "cats/a.png": b"x" * 511,
        "cats/b.png": b"y" * 512,
        "cats/empty.png": b"",
        "dogs/große Katze.png": os.urandom(3_000_000),
        f"{'deep/' * 40}c.png": b"z",
    }
    stream = TarStream([write(tmp_path, name, content) for name, content in contents.items()])
    length = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    sent = read_all(stream)
    assert len(sent) == length == stream.tell()
    with tarfile.open(fileobj=io.BytesIO(sent)) as archive:
        read = {one.name: archive.extractfile(one).read() for one in archive}  # type: ignore[union-attr]
    assert read == contents


def test_the_stream_can_be_read_again(tmp_path: Path) -> None:
    stream = TarStream([write(tmp_path, "a.png", b"abc")])
    first = read_all(stream, 100)
    stream.seek(0)
    assert read_all(stream) == first


def test_a_file_that_shrinks_meanwhile_is_an_error_and_one_that_grows_is_cut(
    tmp_path: Path,
) -> None:
    member = write(tmp_path, "a.png", b"abc")
    stream = TarStream([member])
    member.path.write_bytes(b"abcdef")
    sent = read_all(stream)
    with tarfile.open(fileobj=io.BytesIO(sent)) as archive:
        assert archive.extractfile("a.png").read() == b"abc"  # type: ignore[union-attr]
    stream.seek(0)
    member.path.write_bytes(b"a")
    with pytest.raises(CommandError, match=r"a\.png: the file became shorter"):
        read_all(stream)
