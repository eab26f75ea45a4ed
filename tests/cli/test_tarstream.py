import io
import os
import tarfile
from pathlib import Path

import pytest

from app.cli.errors import CommandError
from app.cli.tarstream import Member, SizedStream, file_stream, tar_stream


def read_all(stream: SizedStream, size: int = 65536) -> bytes:
    return b"".join(iter(lambda: stream.read(size), b""))


def write(folder: Path, name: str, content: bytes) -> Member:
    path = folder / name.replace("/", "_")[:100]
    path.write_bytes(content)
    return Member(path, name, len(content))


def test_the_stream_is_a_tar_of_the_announced_length(tmp_path: Path) -> None:
    contents = {
        "cats/a.png": b"x" * 511,
        "cats/b.png": b"y" * 512,
        "cats/empty.png": b"",
        "dogs/große Katze.png": os.urandom(3_000_000),
        f"{'deep/' * 40}c.png": b"z",
    }
    stream = tar_stream([write(tmp_path, name, content) for name, content in contents.items()])
    length = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    sent = read_all(stream)
    assert len(sent) == length == stream.tell()
    with tarfile.open(fileobj=io.BytesIO(sent)) as archive:
        read = {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]
    assert read == contents


def test_the_stream_can_be_read_again(tmp_path: Path) -> None:
    stream = tar_stream([write(tmp_path, "a.png", b"abc")])
    first = read_all(stream, 100)
    stream.seek(0)
    assert read_all(stream) == first


@pytest.mark.parametrize("kind", ["in a tar", "as it is"])
def test_a_file_that_changes_while_it_is_sent_is_a_named_error(tmp_path: Path, kind: str) -> None:
    member = write(tmp_path, "a.png", b"abc")
    stream = tar_stream([member]) if kind == "in a tar" else file_stream(member.path, 3)
    for content, words in ((b"abcdef", "grew beyond its 3 bytes"), (b"a", "became shorter")):
        member.path.write_bytes(content)
        stream.seek(0)
        with pytest.raises(CommandError, match=rf"a\.png: the file {words}"):
            read_all(stream)
    member.path.unlink()
    stream.seek(0)
    with pytest.raises(CommandError, match=r"a\.png: the file was deleted"):
        read_all(stream)
