import io
import random
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from worker.ingest.errors import BrokenArchive, IngestError

Png = Callable[[int], bytes]
Run = Callable[..., Any]


def make(path: Path, files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def patch_entry(path: Path, name: str, offset: int, value: bytes) -> None:
    """Overwrite bytes of one entry of the table of contents."""
    data = bytearray(path.read_bytes())
    entry = data.index(name.encode(), data.index(b"PK\x01\x02")) - 46
    data[entry + offset : entry + offset + len(value)] = value
    path.write_bytes(data)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_every_file_is_read_whichever_way_it_is_packed(
    ingest: Run, png: Png, tmp_path: Path, method: int
) -> None:
    files = {f"{number}.png": png(number) for number in range(20)}
    assert ingest([make(tmp_path / "a.zip", files, method)]).report["accepted"] == 20


def test_a_zip_written_to_a_pipe_is_read(ingest: Run, png: Png, tmp_path: Path) -> None:
    class Pipe(io.RawIOBase):
        """Cannot seek, so that sizes follow the data they belong to."""

        def __init__(self, file: io.BufferedWriter) -> None:
            self.file = file

        def writable(self) -> bool:
            return True

        def write(self, data: Any, /) -> int:
            return self.file.write(data)

    with (tmp_path / "a.zip").open("wb") as file, zipfile.ZipFile(Pipe(file), "w") as archive:
        for number in range(3):
            archive.writestr(f"{number}.png", png(number))
    assert ingest([tmp_path / "a.zip"]).report["accepted"] == 3


def test_zip64_is_read(ingest: Run, png: Png, tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(3):
            with archive.open(f"{number}.png", "w", force_zip64=True) as file:
                file.write(png(number))
    data = path.read_bytes()
    end = data.index(b"PK\x05\x06")
    *_, size, offset, _ = struct.unpack_from("<4s4H2LH", data, end)
    # As a writer beyond 4 GB does: 64-bit numbers, and all ones where they were.
    wide = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 3, 3, size, offset)
    wide += struct.pack("<4sLQL", b"PK\6\7", 0, end, 1)
    narrow = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, *[0xFFFF] * 2, *[0xFFFFFFFF] * 2, 0)
    path.write_bytes(data[:end] + wide + narrow)
    assert ingest([path]).report["accepted"] == 3


def test_offsets_beyond_32_bits_are_found_in_the_extra_field(
    ingest: Run, png: Png, tmp_path: Path
) -> None:
    path = make(tmp_path / "a.zip", {"a.png": png(1), "b.png": png(2)}, zipfile.ZIP_STORED)
    data = path.read_bytes()
    start = data.index(b"PK\x01\x02")
    end = data.index(b"PK\x05\x06")
    second = data.rindex(b"PK\x01\x02")
    entry = bytearray(data[second:end])
    size, offset = struct.unpack_from("<L", entry, 24)[0], struct.unpack_from("<L", entry, 42)[0]
    extra = struct.pack("<2H3Q", 1, 24, size, size, offset)
    struct.pack_into("<2L", entry, 20, 0xFFFFFFFF, 0xFFFFFFFF)
    struct.pack_into("<H", entry, 30, len(extra))
    struct.pack_into("<L", entry, 42, 0xFFFFFFFF)
    table = data[start:second] + entry + extra
    tail = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 2, 2, len(table), start, 0)
    path.write_bytes(data[:start] + table + tail)
    assert ingest([path]).report["accepted"] == 2


def test_a_zip_behind_other_bytes_and_with_a_comment_is_read(
    ingest: Run, png: Png, tmp_path: Path
) -> None:
    path = make(tmp_path / "a.zip", {"a.png": png(1), "b.png": png(2)})
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = b"of cats" * 1000
    data = path.read_bytes()
    # It begins as a zip too: what stands before is a member that the table forgot.
    path.write_bytes(b"PK\x03\x04" + bytes(1000) + data)
    assert ingest([path]).report["accepted"] == 2


@pytest.mark.parametrize("flagged", [True, False])
def test_utf_8_names_are_read_declared_or_not(
    ingest: Run, png: Png, tmp_path: Path, flagged: bool
) -> None:
    path = make(tmp_path / "a.zip", {"Käfer/1.png": png(1), "猫/2.png": png(2)})
    if not flagged:
        patch_entry(path, "Käfer/1.png", 8, b"\0\0")
        patch_entry(path, "猫/2.png", 8, b"\0\0")
    assert ingest([path]).packed.classes == ["Käfer", "猫"]


def test_an_old_name_is_read_in_the_old_code_page(ingest: Run, png: Png, tmp_path: Path) -> None:
    path = make(tmp_path / "a.zip", {"Kxfer/1.png": png(1), "cats/2.png": png(2)})
    path.write_bytes(path.read_bytes().replace(b"Kxfer", "Käfer".encode("cp437")))
    assert ingest([path]).packed.classes == ["Käfer", "cats"]


def test_what_cannot_be_read_is_rejected_by_its_fact(ingest: Run, png: Png, tmp_path: Path) -> None:
    names = ["locked.png", "old.png", "broken.png", "lying.png", "lost.png", "a.png", "b.png"]
    path = make(tmp_path / "a.zip", {n: png(i) for i, n in enumerate(names)}, zipfile.ZIP_STORED)
    patch_entry(path, "locked.png", 8, b"\x01\x00")
    patch_entry(path, "old.png", 10, struct.pack("<H", 12))
    patch_entry(path, "broken.png", 16, b"\0\0\0\0")
    patch_entry(path, "lying.png", 24, struct.pack("<L", 700))
    patch_entry(path, "lost.png", 42, struct.pack("<L", 5))
    reasons = ingest([path]).reasons
    assert reasons.keys() == {"locked.png", "old.png", "broken.png", "lying.png", "lost.png"}
    assert reasons["locked.png"].startswith("encrypted")
    assert reasons["old.png"].startswith("unsupported compression: bzip2")
    for name in ("broken.png", "lying.png", "lost.png"):
        assert reasons[name].startswith("damaged in its zip"), name


def test_links_are_refused(ingest: Run, png: Png, tmp_path: Path) -> None:
    path = make(tmp_path / "a.zip", {"a.png": png(1), "b.png": png(2)})
    with zipfile.ZipFile(path, "a") as archive:
        link = zipfile.ZipInfo("link.png")
        link.create_system = 3
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    assert ingest([path]).reasons == {"link.png": "link: links are not followed"}


@pytest.mark.parametrize("part", [0.1, 0.5, 0.99])
def test_a_cut_zip_fails_and_is_named(ingest: Run, png: Png, tmp_path: Path, part: float) -> None:
    path = make(tmp_path / "cats.zip", {f"{n}.png": png(n) for n in range(9)})
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])
    with pytest.raises(BrokenArchive, match=r"cats\.zip is broken.*cut short.*whole"):
        ingest([path])


def test_a_damaged_table_fails(ingest: Run, png: Png, tmp_path: Path) -> None:
    path = make(tmp_path / "cats.zip", {f"{n}.png": png(n) for n in range(9)})
    path.write_bytes(path.read_bytes().replace(b"PK\x01\x02", b"PK\x09\x09", 5))
    with pytest.raises(BrokenArchive, match=r"cats\.zip is broken: its table"):
        ingest([path])


def test_a_member_cut_out_of_the_middle_fails(ingest: Run, png: Png, tmp_path: Path) -> None:
    path = make(tmp_path / "cats.zip", {f"{n}.png": png(n) for n in range(9)})
    data = path.read_bytes()
    path.write_bytes(data[:1000] + data[2000:])
    with pytest.raises(BrokenArchive, match=r"table of contents is not where it should be"):
        ingest([path])


def test_no_damage_does_more_than_fail_or_reject(ingest: Run, png: Png, tmp_path: Path) -> None:
    data = make(tmp_path / "a.zip", {f"{n}.png": png(n) for n in range(4)}).read_bytes()
    table = data.index(b"PK\x01\x02")
    chance = random.Random(3)
    for _ in range(60):
        damaged = bytearray(data)
        for _ in range(3):
            damaged[chance.randrange(table, len(data))] = chance.randrange(256)
        (tmp_path / "a.zip").write_bytes(damaged)
        try:
            assert ingest([tmp_path / "a.zip"]).report["accepted"] >= 2
        except IngestError as error:
            assert str(error)  # noqa: PT017  either outcome is right, any other error is not
