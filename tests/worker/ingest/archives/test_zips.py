import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from worker.ingest.archives.zips import zip_members
from worker.ingest.errors import BrokenArchive, IngestError
from worker.ingest.limits import Meter
from worker.ingest.notes import Note

Png = Callable[[int], bytes]
Run = Callable[..., Any]


def make(path: Path, files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


Files = dict[str, bytes | None]


def read(path: Path, code_page: str | None = None) -> tuple[Files, list[str]]:
    """The content of each file in the zip (None: too large), and the notes."""
    files: Files = {}
    notes = []
    for member in zip_members(path, path.name, Meter(1 << 20, lambda: None), code_page):
        if isinstance(member, Note):
            notes.append(member.text)
        else:
            assert member.stream is not None
            files[member.name] = member.stream.read(100) if member.size < 100 else None
    return files, notes


def local(name: bytes, data: bytes, size: int, extra: bytes = b"") -> bytes:
    fields = (20, 0, 0, 0, 33, zlib.crc32(data), size & 0xFFFFFFFF, size & 0xFFFFFFFF)
    header = struct.pack("<4s5H3L2H", b"PK\3\4", *fields, len(name), len(extra))
    return header + name + extra + data


def entry(name: bytes, data: bytes, size: int, offset: int, extra: bytes = b"") -> bytes:
    """An entry of macOS: every number is modulo 2**32."""
    fields = (20, 20, 0, 0, 0, 33, zlib.crc32(data), size & 0xFFFFFFFF, size & 0xFFFFFFFF)
    header = struct.pack("<4s6H3L", b"PK\1\2", *fields)
    sizes = struct.pack("<5H2L", len(name), len(extra), 0, 0, 0, 0, offset & 0xFFFFFFFF)
    return header + sizes + name + extra


def end(entries: int, size: int, offset: int) -> bytes:
    counts = (entries, entries, size, offset & 0xFFFFFFFF)
    return struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, *counts, 0)


def stored(*files: tuple[bytes, bytes, bytes]) -> bytes:
    """A zip of (name, extra field, data)."""
    body, table = b"", b""
    for name, extra, data in files:
        table += entry(name, data, len(data), len(body), extra)
        body += local(name, data, len(data), extra)
    return body + table + end(len(files), len(table), len(body))


def unicode_path(raw: bytes, name: str) -> bytes:
    field = struct.pack("<BL", 1, zlib.crc32(raw)) + name.encode()
    return struct.pack("<2H", 0x7075, len(field)) + field


def patch_entry(path: Path, name: str, offset: int, value: bytes) -> None:
    """Overwrite bytes of one entry of the central directory."""
    data = bytearray(path.read_bytes())
    entry = data.index(name.encode(), data.index(b"PK\x01\x02")) - 46
    data[entry + offset : entry + offset + len(value)] = value
    path.write_bytes(data)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_stored_and_deflated_files_are_read(
    ingest: Run, png: Png, tmp_path: Path, method: int
) -> None:
    files = {f"{number}.png": png(number) for number in range(20)}
    assert ingest([make(tmp_path / "a.zip", files, method)]).report["accepted"] == 20


def test_a_zip_written_to_a_pipe_is_read(ingest: Run, png: Png, tmp_path: Path) -> None:
    class Pipe(io.RawIOBase):
        """It cannot seek: `zipfile` writes sizes behind the data."""

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
    # Writers of more than 4 GB write 64-bit numbers, and all ones in the 32-bit fields.
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
    # The bytes before the zip begin like a member that the directory does not list.
    path.write_bytes(b"PK\x03\x04" + bytes(1000) + data)
    assert ingest([path]).report["accepted"] == 2


@pytest.mark.parametrize("flagged", [True, False])
def test_utf_8_names_are_read_with_and_without_the_flag(
    ingest: Run, png: Png, tmp_path: Path, flagged: bool
) -> None:
    path = make(tmp_path / "a.zip", {"Käfer/1.png": png(1), "猫/2.png": png(2)})
    if not flagged:
        patch_entry(path, "Käfer/1.png", 8, b"\0\0")
        patch_entry(path, "猫/2.png", 8, b"\0\0")
    assert ingest([path]).packed.classes == ["Käfer", "猫"]


def test_a_name_that_is_not_utf_8_is_read_as_code_page_437(
    ingest: Run, png: Png, tmp_path: Path
) -> None:
    path = make(tmp_path / "a.zip", {"Kxfer/1.png": png(1), "cats/2.png": png(2)})
    path.write_bytes(path.read_bytes().replace(b"Kxfer", "Käfer".encode("cp437")))
    assert ingest([path]).packed.classes == ["Käfer", "cats"]


def test_unreadable_members_are_rejected_with_the_reason(
    ingest: Run, png: Png, tmp_path: Path
) -> None:
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


def test_damage_raises_no_unexpected_error(ingest: Run, png: Png, tmp_path: Path) -> None:
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
            assert str(error)  # noqa: PT017  both outcomes are right, other errors are not


@pytest.mark.parametrize("code_page", ["gbk", "cp866", "shift_jis", "cp1251"])
def test_the_unicode_path_field_names_a_file(tmp_path: Path, code_page: str) -> None:
    name = "ソ/1.png" if code_page == "shift_jis" else "собака/1.png"
    raw = name.encode(code_page)
    path = tmp_path / "a.zip"
    path.write_bytes(stored((raw, unicode_path(raw, name), b"a")))
    assert read(path) == ({name: b"a"}, [])


def test_a_unicode_path_field_of_another_name_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(stored((b"renamed.png", unicode_path(b"cat.png", "кот.png"), b"a")))
    assert read(path) == ({"renamed.png": b"a"}, [])


def test_names_are_decoded_in_the_named_code_page_and_otherwise_stay_distinct(
    tmp_path: Path,
) -> None:
    names = ["ネコ/1.png", "ソラ/2.png", "ソ.png"]
    path = tmp_path / "a.zip"
    path.write_bytes(stored(*((name.encode("shift_jis"), b"", b"a") for name in names)))
    assert read(path, "cp932") == (dict.fromkeys(names, b"a"), [])
    files, (note,) = read(path)
    assert len(files) == 3
    assert note.startswith("a.zip: 3 names are not UTF-8; they were read as cp437, like ")


def test_folders_that_end_with_a_backslash_are_not_files(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(stored((b"cat\\", b"", b""), (b"cat\\1.png", b"", b"a")))
    assert read(path) == ({"cat\\1.png": b"a"}, [])


def test_joined_zips_are_all_read_and_reported(tmp_path: Path) -> None:
    parts = [stored((name, b"", name)) for name in (b"a", b"b", b"c")]
    path = tmp_path / "joined.zip"
    path.write_bytes(b"".join(parts))
    files, notes = read(path)
    assert files == {"a": b"a", "b": b"b", "c": b"c"}
    assert notes == ["joined.zip: 3 zips joined in one file; all of them were read."]


def test_more_joined_zips_than_the_limit_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "joined.zip"
    path.write_bytes((b"PK\5\6" + bytes(18)) * 1001)
    with pytest.raises(IngestError, match=r"^joined.zip: more than 1,000 zips are joined"):
        read(path)


def test_data_before_and_behind_a_zip_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(b"#!stub" + stored((b"a", b"", b"a")) + b"PK\5\6 signature" * 9)
    files, notes = read(path)
    assert files == {"a": b"a"}
    assert notes == [
        "a.zip: 6 bytes before the zip were not read.",
        "a.zip: 126 bytes behind the end of the zip were not read.",
    ]


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("descriptor", [b"", b"PK\7\x08" + bytes(12)])
def test_files_that_the_directory_does_not_list_are_reported(
    tmp_path: Path, place: int, descriptor: bytes
) -> None:
    body, table = b"", b""
    for number, name in enumerate((b"a", b"b")):
        if number == place:
            body += local(b"hidden", b"h", 1) + descriptor
        table += entry(name, name, 1, len(body))
        body += local(name, name, 1) + descriptor
    if place == 2:
        body += local(b"hidden", b"h", 1)
    path = tmp_path / "a.zip"
    path.write_bytes(body + table + end(2, len(table), len(body)))
    files, (note,) = read(path)
    assert files == {"a": b"a", "b": b"b"}
    assert "does not list, in at least 1 places" in note


def test_wrapped_offsets_and_sizes_of_a_zip_over_4_gib_are_unwrapped(tmp_path: Path) -> None:
    wrap = 1 << 32
    sizes = {b"a": 1, b"film.mov": wrap + 5, b"b": 1, b"film2.mov": 2 * wrap + 50, b"c": 1}
    path = tmp_path / "finder.zip"
    table = b""
    with path.open("wb") as file:  # a sparse file of a few kilobytes on the disk
        for name, size in sizes.items():
            data = name if size == 1 else b""
            table += entry(name, data, size, file.tell())
            file.write(local(name, data, size))
            file.seek(size - len(data), 1)
        start = file.tell()
        file.write(table + end(len(sizes), len(table), start))
    assert path.stat().st_size > 3 * wrap
    files, notes = read(path)
    assert files == {"a": b"a", "film.mov": None, "b": b"b", "film2.mov": None, "c": b"c"}
    assert notes == []


def test_a_member_larger_than_its_zip_is_refused_before_it_is_read(
    ingest: Run, png: Png, tmp_path: Path
) -> None:
    path = make(tmp_path / "a.zip", {n: png(1 + len(n)) for n in ("a.png", "bb.png", "ccc.png")})
    patch_entry(path, "bb.png", 20, struct.pack("<L", 1 << 27))
    (reason,) = ingest([path]).reasons.values()
    assert "134,217,728 bytes are announced" in reason


def test_a_self_extracting_zip_is_recognised_by_its_end(
    ingest: Run, png: Png, tmp_path: Path
) -> None:
    path = make(tmp_path / "cats.zip", {f"{n}.png": png(n) for n in range(3)})
    (tmp_path / "cats.exe").write_bytes(b"MZ" + bytes(1000) + path.read_bytes())
    run = ingest([tmp_path / "cats.exe"])
    assert run.report["accepted"] == 3
    assert run.report["notes"] == ["cats.exe: 1,002 bytes before the zip were not read."]


def test_a_part_of_a_split_zip_fails_with_the_command_that_joins_the_parts(
    ingest: Run, png: Png, tmp_path: Path
) -> None:
    whole = make(tmp_path / "cats.zip", {f"{n}.png": png(n) for n in range(3)}).read_bytes()
    end = whole.rindex(b"PK\5\6")
    last = whole[600:end] + whole[end : end + 4] + struct.pack("<HH", 1, 1) + whole[end + 8 :]
    for name, part in (("cats.z01", b"PK\7\x08" + whole[:600]), ("cats.zip", last)):
        (tmp_path / name).write_bytes(part)
        with pytest.raises(BrokenArchive, match=rf"{name} is broken: it is one part of several"):
            ingest([tmp_path / name])


def test_entries_that_share_data_are_refused_beyond_the_size_of_the_zip(
    ingest: Run, png: Png, tmp_path: Path
) -> None:
    alone = [local(f"{n}.png".encode(), png(n), len(png(n))) for n in range(3)]
    offsets = [sum(map(len, alone[:n])) for n in range(3)]
    table = b"".join(
        entry(f"{n}.png".encode(), png(n), len(png(n)), offsets[n]) for n in range(3)
    ) + b"".join(entry(f"again{n}.png".encode(), png(2), len(png(2)), offsets[2]) for n in range(4))
    body = b"".join(alone)
    path = tmp_path / "a.zip"
    path.write_bytes(body + table + end(7, len(table), len(body)))
    outcome = ingest([path])
    assert (outcome.report["accepted"], outcome.report["rejected_count"]) == (3, 4)
    assert "overlap" in outcome.reasons["again3.png"]
