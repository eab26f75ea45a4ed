import gzip
import io
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest

from worker.ingest.archives.members import Member
from worker.ingest.archives.tars import tar_members
from worker.ingest.errors import BrokenArchive
from worker.ingest.limits import Meter
from worker.ingest.notes import Note

Png = Callable[[int], bytes]
Run = Callable[..., Any]
MIB = 1 << 20


def add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    archive.addfile(info, io.BytesIO(data))


def make(
    path: Path, files: dict[str, bytes], mode: Literal["w", "w:gz"] = "w", kind: int = 2
) -> Path:
    with tarfile.open(path, mode, format=kind) as archive:
        for name, data in files.items():
            add(archive, name, data)
    return path


def read(path: Path, code_page: str | None = None) -> tuple[dict[str, bytes], list[str]]:
    """The content of each file in the tar, and the notes."""
    gzipped = path.read_bytes().startswith(b"\x1f\x8b")
    files: dict[str, bytes] = {}
    notes = []
    meter = Meter(64 * MIB, lambda: None)
    for member in tar_members(path, path.name, meter, gzipped=gzipped, code_page=code_page):
        if isinstance(member, Note):
            notes.append(member.text)
        else:
            files[member.name] = _content(member)
    return files, notes


def _content(member: Member) -> bytes:
    assert member.stream is not None
    return member.stream.read(member.size)


def images(png: Png, count: int = 9) -> dict[str, bytes]:
    return {f"{number}.png": png(number) for number in range(count)}


@pytest.mark.parametrize("mode", ["w", "w:gz"])
@pytest.mark.parametrize("kind", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_kind_of_tar_is_read(
    ingest: Run, png: Png, tmp_path: Path, mode: Literal["w", "w:gz"], kind: int
) -> None:
    files = {f"cats/{'a' * 60}/{n}-{'b' * 50}.png": png(n) for n in range(9)}
    assert ingest([make(tmp_path / "a", files, mode, kind)]).report["accepted"] == 9


def test_long_names_keep_their_class(ingest: Run, png: Png, tmp_path: Path) -> None:
    files = {f"{'x' * 200}/{'c' * 90}{n}/猫.png": png(n) for n in range(2)}
    for kind in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        packed = ingest([make(tmp_path / "a.tar", files, kind=kind)]).packed
        assert packed.classes == [f"{'c' * 90}0", f"{'c' * 90}1"]


def test_a_gzip_in_several_parts_is_read(ingest: Run, png: Png, tmp_path: Path) -> None:
    data = make(tmp_path / "a.tar", images(png)).read_bytes()
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(data[:5000]) + gzip.compress(data[5000:]))
    assert ingest([path]).report["accepted"] == 9


def test_links_and_devices_are_refused(ingest: Run, png: Png, tmp_path: Path) -> None:
    kinds = {
        "soft": tarfile.SYMTYPE,
        "hard": tarfile.LNKTYPE,
        "pipe": tarfile.FIFOTYPE,
        "disk": tarfile.BLKTYPE,
        "terminal": tarfile.CHRTYPE,
    }
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for name, kind in kinds.items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
        folder = tarfile.TarInfo("folder")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for number in range(2):
            add(archive, f"{number}.png", png(number))
    reasons = ingest([tmp_path / "a.tar"]).reasons
    assert reasons.keys() == kinds.keys()
    assert {reasons["soft"], reasons["hard"]} == {"link: links are not followed"}
    assert all(reasons[name].startswith("special file") for name in ("pipe", "disk", "terminal"))


@pytest.mark.parametrize("part", [0.3, 0.5, 0.9])
@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_a_cut_tar_fails_and_is_named(
    ingest: Run, png: Png, tmp_path: Path, mode: Literal["w", "w:gz"], part: float
) -> None:
    path = make(tmp_path / "cats.tar", images(png, 30), mode)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])
    with pytest.raises(BrokenArchive, match=r"cats\.tar is broken.*cut short.*whole"):
        ingest([path])


def test_a_tar_cut_between_two_files_fails(ingest: Run, png: Png, tmp_path: Path) -> None:
    path = make(tmp_path / "cats.tar", images(png))
    with tarfile.open(path) as archive:
        cut = archive.getmembers()[5].offset
    for end in (cut, cut + 100):
        path.write_bytes(path.read_bytes()[:end])
        with pytest.raises(BrokenArchive, match=r"cats\.tar is broken"):
            ingest([path])
        make(path, images(png))


def test_a_damaged_header_fails(ingest: Run, png: Png, tmp_path: Path) -> None:
    path = make(tmp_path / "cats.tar", images(png))
    with tarfile.open(path) as archive:
        offset = archive.getmembers()[5].offset
    data = bytearray(path.read_bytes())
    data[offset : offset + 20] = b"a damaged header ..."
    path.write_bytes(data)
    with pytest.raises(BrokenArchive, match=r"bad checksum"):
        ingest([path])


def test_a_damaged_gzip_fails(ingest: Run, png: Png, tmp_path: Path) -> None:
    path = make(tmp_path / "cats.tar.gz", images(png), "w:gz")
    data = bytearray(path.read_bytes())
    data[-6] ^= 1  # its checksum, behind the last file
    path.write_bytes(data)
    with pytest.raises(BrokenArchive, match=r"its gzip is damaged"):
        ingest([path])


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE])
def test_an_endless_header_fails_before_it_fills_the_memory(
    ingest: Run, tmp_path: Path, kind: bytes
) -> None:
    header = tarfile.TarInfo("long")
    header.type, header.size = kind, 100 * MIB
    with gzip.open(tmp_path / "a.tar.gz", "wb", compresslevel=1) as file:
        file.write(header.tobuf())
        for _ in range(100):
            file.write(bytes(MIB))
    with pytest.raises(BrokenArchive, match=r"a header in it is too long"):
        ingest([tmp_path / "a.tar.gz"])


def test_long_padding_behind_the_end_is_accepted(ingest: Run, png: Png, tmp_path: Path) -> None:
    path = make(tmp_path / "a.tar", images(png))
    path.write_bytes(path.read_bytes() + bytes(3 * MIB))
    assert ingest([path]).report["accepted"] == 9


def test_a_large_unsupported_file_between_images_is_skipped(
    ingest: Run, png: Png, tmp_path: Path
) -> None:
    files = {"a.png": png(1), "film.mp4": b"film" * MIB, "b.png": png(2)}
    outcome = ingest([make(tmp_path / "a.tar.gz", files, "w:gz")])
    assert outcome.report["accepted"] == 2
    assert outcome.reasons.keys() == {"film.mp4"}


def test_a_damaged_sparse_map_fails_and_names_the_tar(
    ingest: Run, png: Png, tmp_path: Path
) -> None:
    path = tmp_path / "cats.tar"
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        add(archive, "1.png", png(1))
        info = tarfile.TarInfo("2.png")
        info.size = 512
        info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}
        info.pax_headers |= {"GNU.sparse.name": "2.png", "GNU.sparse.realsize": "9"}
        archive.addfile(info, io.BytesIO(b"not a number\n" * 39 + bytes(5)))
    with pytest.raises(BrokenArchive, match=r"cats\.tar"):
        ingest([path])


def small(path: Path, *names: str, mode: Literal["w", "w:gz"] = "w") -> bytes:
    return make(path, {name: name.encode() for name in names}, mode).read_bytes()


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_joined_tars_are_all_read_and_reported(tmp_path: Path, mode: Literal["w", "w:gz"]) -> None:
    path = tmp_path / "joined.tar"
    parts = [small(tmp_path / "a", *names, mode=mode) for names in ("ab", "c", "de")]
    path.write_bytes(b"".join(parts))
    files, notes = read(path)
    assert files == {name: name.encode() for name in "abcde"}
    assert notes == ["joined.tar: 3 tars joined in one file; all of them were read."]


def test_a_joined_tar_that_is_cut_short_fails(tmp_path: Path) -> None:
    path = tmp_path / "joined.tar"
    second = make(tmp_path / "b", {"b": bytes(9000)}).read_bytes()
    path.write_bytes(small(tmp_path / "a", "a") + second[:5000])
    with pytest.raises(BrokenArchive, match=r"joined\.tar is broken"):
        read(path)


@pytest.mark.parametrize("padding", [1, 511, 512, 3 * MIB + 7])
@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_zeros_behind_the_end_are_padding(
    tmp_path: Path, mode: Literal["w", "w:gz"], padding: int
) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(small(path, "a", mode=mode) + bytes(padding))
    assert read(path) == ({"a": b"a"}, [])


@pytest.mark.parametrize("rest", [b"x", b"no tar" * 1000])
def test_other_data_behind_the_end_is_reported(tmp_path: Path, rest: bytes) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(small(path, "a") + rest)
    files, (note,) = read(path)
    assert files == {"a": b"a"}
    assert note == f"a.tar: {len(rest):,} bytes behind the end of the tar are not a tar and " + (
        "were not read."
    )


def test_other_data_behind_a_gzip_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    path.write_bytes(small(path, "a", mode="w:gz") + bytes(9) + b"signature")
    files, (note,) = read(path)
    assert files == {"a": b"a"}
    assert note.startswith("a.tar.gz: 9 bytes behind the end of the gzip are not a gzip")


@pytest.mark.parametrize("mode", ["w", "w:gz"])
@pytest.mark.parametrize("size", ["9" * 29, str(1 << 62), "-5", "-100000"])
def test_an_impossible_size_is_refused_at_once(
    tmp_path: Path, mode: Literal["w", "w:gz"], size: str
) -> None:
    with tarfile.open(tmp_path / "a.tar", mode, format=tarfile.PAX_FORMAT) as archive:
        add(archive, "a", b"a")
        info = tarfile.TarInfo("b")
        info.pax_headers = {"size": size}
        archive.addfile(info)
        add(archive, "c", b"c")
    with pytest.raises(BrokenArchive, match=r"announces .* bytes, and the whole file has"):
        read(tmp_path / "a.tar")


@pytest.mark.parametrize("size", [1 << 80, -(1 << 40)])
@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE])
def test_an_impossible_binary_size_is_refused_at_once(
    tmp_path: Path, kind: bytes, size: int
) -> None:
    path = tmp_path / "a.tar"
    data = bytearray(small(path, "a", "b"))
    with tarfile.open(path) as archive:
        start = archive.getmembers()[1].offset
    data[start + 124 : start + 136] = size.to_bytes(12, "big", signed=True)
    data[start + 124] |= 0x80  # base 256
    data[start + 156 : start + 157] = kind
    data[start + 148 : start + 156] = b" " * 8
    data[start + 148 : start + 155] = f"{sum(data[start : start + 512]):06o}\0".encode()
    path.write_bytes(data)
    with pytest.raises(BrokenArchive, match=r"announces|a size of|too long"):
        read(path)


@pytest.mark.parametrize(
    ("code_page", "classes"),
    [("gbk", ("猫", "狗")), ("latin-1", ("thé", "thè")), ("cp932", ("ネコ", "ソラ"))],
)
def test_names_are_decoded_in_the_named_code_page_and_otherwise_stay_distinct(
    tmp_path: Path, code_page: str, classes: tuple[str, str]
) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT, encoding=code_page) as archive:
        for name in classes:
            add(archive, f"{name}/1.png", b"a")
    files, notes = read(path, code_page)
    assert (list(files), notes) == ([f"{name}/1.png" for name in classes], [])
    files, notes = read(path)
    assert len(files) == 2
    assert len(notes) == 1


def test_a_name_in_a_pax_record_is_utf_8_whatever_code_page_is_named(tmp_path: Path) -> None:
    path = make(tmp_path / "a.tar", {"é/1.png": b"a"}, kind=tarfile.PAX_FORMAT)
    assert read(path, "gb18030") == ({"é/1.png": b"a"}, [])


def test_pax_records_are_in_the_named_code_page_where_one_is_not_utf_8(tmp_path: Path) -> None:
    """GNU tar and bsdtar write raw bytes into them. "猫" in GBK is "è" in UTF-8."""
    names = [f"{name}/1.png".encode("gbk") for name in ("猫", "狗")]
    assert names[0].decode() == "è/1.png"
    with tarfile.open(tmp_path / "a.tar", "w", format=tarfile.PAX_FORMAT) as archive:
        for place, raw in enumerate(names):
            info = tarfile.TarInfo(f"{place}.png")
            body = b" path=" + raw + b"\n"
            record = str(len(body) + 2).encode() + body
            header = tarfile.TarInfo("record")
            header.type, header.size = tarfile.XHDTYPE, len(record)
            archive.addfile(header, io.BytesIO(record))
            info.size = 1
            archive.addfile(info, io.BytesIO(b"a"))
    files, notes = read(tmp_path / "a.tar", "gbk")
    assert (sorted(files), notes) == (sorted(["猫/1.png", "狗/1.png"]), [])
    assert sorted(read(tmp_path / "a.tar")[0]) == ["è/1.png", "\udcb9\udcb7/1.png"]
