"""Files in unsupported formats are rejected by name, with what to do."""

import io

import pytest
from PIL import Image

from worker.ingest.archives.signatures import HEAD_BYTES, image_format
from worker.ingest.archives.unsupported_formats import unsupported_reason

FILES = {
    "JPEG XL": b"\xff\x0a\xfa\x7f",
    "JPEG XL in boxes": b"\0\0\0\x0cJXL \r\n\x87\n\0\0\0\x14ftypjxl ",
    "JPEG 2000": b"\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x14ftypjp2 ",
    "JPEG 2000 without boxes": b"\xff\x4f\xff\x51\0\x2f",
    "Photoshop": b"8BPS\0\1" + bytes(20),
    "PDF": b"%PDF-1.7\n",
    "EPS": b"%!PS-Adobe-3.0 EPSF-3.0\n",
    "SVG": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "SVG with a declaration": b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- made -->\n<svg width='2'/>",
    "CR2": b"II*\0\x10\0\0\0CR\2\0" + bytes(30),
    "CR3": b"\0\0\0\x18ftypcrx \0\0\0\1crx isom",
    "RAF": b"FUJIFILMCCD-RAW 0201",
    "MP4": b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom",
    "MOV": b"\0\0\0\x14ftypqt  \0\0\2\0qt  ",
    "WebM": b"\x1aE\xdf\xa3\x9fB\x86\x81\1",
    "AVI": b"RIFF\x20\0\0\0AVI LIST",
    "DICOM": bytes(128) + b"DICM",
    "HDF5": b"\x89HDF\r\n\x1a\n",
    "pickle": b"\x80\4\x95\0\0\0",
    "Git LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
    "web page": b"\n<!DOCTYPE html><html>Sign in to download</html>",
    "JSON": b'{"error": "not found"}',
    "MNG": b"\x8aMNG\r\n\x1a\n" + bytes(20),
    "PNM": b"P6\n2 2\n255\n" + bytes(12),
    "text": "Grüße aus der Ferne".encode(),
}
NAMES = {
    "JPEG XL in boxes": "a JPEG XL",
    "JPEG 2000 without boxes": "a JPEG 2000",
    "SVG with a declaration": "an SVG",
    "CR3": "a camera's raw file (CR3)",
    "RAF": "a camera's raw file (RAF)",
    "CR2": "a camera's raw file (CR2)",
    "MOV": "a video",
    "MP4": "a video",
    "WebM": "a video",
    "AVI": "a video",
    "MNG": "an animation (MNG)",
}


@pytest.mark.parametrize("name", FILES)
def test_an_unsupported_file_is_named_with_what_to_do(name: str) -> None:
    assert image_format(FILES[name]) is None
    reason = unsupported_reason(FILES[name])
    assert reason.startswith("not read: ")
    assert NAMES.get(name, name).lower() in reason.lower()
    assert len(reason.partition("; ")[2]) > 8


@pytest.mark.parametrize("compression", [None, "tga_rle"])
@pytest.mark.parametrize(
    ("kind", "modes"), [("TGA", ["L", "P", "RGB", "RGBA"]), ("PCX", ["L", "RGB"]), ("SGI", ["RGB"])]
)
def test_formats_without_a_telling_signature_are_named(
    kind: str, modes: list[str], compression: str | None
) -> None:
    for mode in modes:
        file = io.BytesIO()
        Image.new(mode, (300, 9)).save(file, kind, compression=compression)
        reason = unsupported_reason(file.getvalue()[:HEAD_BYTES])
        assert reason.startswith("not read: a")
        assert f" {kind}" in reason


def test_an_unknown_file_is_rejected_with_the_formats_that_are_read() -> None:
    assert unsupported_reason(b"\x13\x37\xfe\xff" * 9) == (
        "not an image: none of PNG, JPEG, WebP, AVIF, HEIC, TIFF, BMP, GIF"
    )
    assert unsupported_reason(b"") == "not an image: the file is empty"


@pytest.mark.parametrize(
    ("brands", "kind"),
    [
        (b"avif\0\0\0\0avifmif1", "AVIF"),
        (b"mif1\0\0\0\0mif1avif", "AVIF"),
        (b"heic\0\0\0\0mif1heic", "HEIF"),
        (b"mif1\0\0\0\0mif1heic", "HEIF"),
        (b"isom\0\0\0\0isommp41", None),
    ],
)
def test_the_brands_distinguish_images_from_videos(brands: bytes, kind: str | None) -> None:
    head = (8 + len(brands)).to_bytes(4, "big") + b"ftyp" + brands
    assert image_format(head + bytes(40)) == kind
