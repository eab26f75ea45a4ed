import bz2
import gzip
import io
import lzma
import tarfile
import zipfile

import pytest
from PIL import Image

from worker.ingest.archives.signatures import archive_kind, image_format


def tar(kind: int) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=kind) as archive:
        archive.addfile(tarfile.TarInfo("empty"))
    return file.getvalue()


def empty_zip() -> bytes:
    file = io.BytesIO()
    zipfile.ZipFile(file, "w").close()
    return file.getvalue()


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (empty_zip(), "zip"),
        (tar(tarfile.USTAR_FORMAT), "tar"),
        (tar(tarfile.GNU_FORMAT), "tar"),
        (tar(tarfile.PAX_FORMAT), "tar"),
        (gzip.compress(b"x", mtime=0), "gzip"),
        (bz2.compress(b"x"), "bzip2"),
        (lzma.compress(b"x"), "xz"),
        (b"7z\xbc\xaf\x27\x1c\0\4", "7z"),
        (b"Rar!\x1a\x07\x01\0", "rar"),
        (b"PK\x07\x08PK\x03\x04", "zip"),
        (b"\x04\x22\x4d\x18\x64\x40\xa7", "lz4"),
        (b"LZIP\x01\x17", "lzip"),
        (b"MSCF\0\0\0\0", "cab"),
        (b"070701000000", "cpio"),
        (b"", None),
        (bytes(512), None),
        (b"just some text" * 100, None),
    ],
)
def test_an_archive_is_recognised_by_its_first_bytes(head: bytes, kind: str | None) -> None:
    assert archive_kind(head) == kind


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "AVIF", "TIFF", "BMP", "GIF"])
def test_an_image_is_recognised_by_its_first_bytes(kind: str) -> None:
    file = io.BytesIO()
    Image.new("RGB", (9, 9)).save(file, kind)
    assert image_format(file.getvalue()) == kind
    assert archive_kind(file.getvalue()) is None


@pytest.mark.parametrize("kind", ["PPM", "ICO", "PDF", "JPEG2000"])
def test_other_image_formats_are_not_recognised(kind: str) -> None:
    file = io.BytesIO()
    Image.new("RGB", (16, 16)).save(file, kind)
    assert image_format(file.getvalue()) is None
