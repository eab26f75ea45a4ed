"""Names for files that an ingest does not read, by their first bytes, with what to do."""

import re

from worker.ingest.archives.signatures import (
    NOT_AN_IMAGE,
    archive_kind,
    array_format,
    is_parquet,
    media_brands,
)

SAVE = "save it as PNG, or as JPEG of good quality"
DEVELOP = "develop it, and save it as TIFF, PNG or JPEG"
FRAMES = "save its frames as pictures, for example: ffmpeg -i FILE -vf fps=2 %06d.png"
CONVERT = "export it as PNG"

# (offset, bytes there, name, what to do)
KINDS = (
    (0, b"\xff\x0a", "a JPEG XL", SAVE),
    (0, b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL", SAVE),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000", SAVE),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000", SAVE),
    (0, b"II\xbc\x01", "a JPEG XR", SAVE),
    (0, b"8BPS", "a Photoshop document (PSD)", CONVERT),
    (0, b"gimp xcf", "a GIMP document (XCF)", CONVERT),
    (0, b"%PDF", "a PDF", "save its pages or pictures as PNG"),
    (0, b"%!PS", "a PostScript file (EPS)", CONVERT),
    (0, b"\xc5\xd0\xd3\xc6", "a PostScript file (EPS)", CONVERT),
    (0, b"\0\0\1\0", "an icon (ICO)", CONVERT),
    (0, b"icns", "an icon (ICNS)", CONVERT),
    (0, b"\x8aMNG\r\n\x1a\n", "an animation (MNG)", CONVERT),
    (0, b"\x8bJNG\r\n\x1a\n", "a JNG", CONVERT),
    (0, b"\x01\xda\0", "an SGI image", CONVERT),
    (0, b"\x01\xda\1", "an SGI image", CONVERT),
    (0, b"\x59\xa6\x6a\x95", "a Sun raster", CONVERT),
    (0, b"BPG\xfb", "a BPG", SAVE),
    (0, b"FLIF", "a FLIF", SAVE),
    (0, b"DDS ", "a texture (DDS)", CONVERT),
    (0, b"qoif", "a QOI", SAVE),
    (0, b"v/1\1", "an OpenEXR", CONVERT),
    (0, b"#?RADIANCE", "a Radiance HDR", CONVERT),
    (0, b"SIMPLE  =", "a FITS", CONVERT),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file", "save its pictures as .npy, .npz or PNG"),
    (128, b"DICM", "a DICOM", "save it as PNG of 16 bits, and upload with levels=auto"),
    (0, b"\xd7\xcd\xc6\x9a", "a Windows metafile (WMF)", CONVERT),
    (40, b" EMF", "a Windows metafile (EMF)", CONVERT),
    (8, b"CR\2\0", "a camera's raw file (CR2)", DEVELOP),
    (0, b"FUJIFILMCCD-RAW", "a camera's raw file (RAF)", DEVELOP),
    (0, b"IIRO", "a camera's raw file (ORF)", DEVELOP),
    (0, b"IIRS", "a camera's raw file (ORF)", DEVELOP),
    (0, b"MMOR", "a camera's raw file (ORF)", DEVELOP),
    (0, b"IIU\0", "a camera's raw file (RW2)", DEVELOP),
    (0, b"\0MRM", "a camera's raw file (MRW)", DEVELOP),
    (0, b"FOVb", "a camera's raw file (X3F)", DEVELOP),
    (0, b"\x1aE\xdf\xa3", "a video (Matroska or WebM)", FRAMES),
    (8, b"AVI ", "a video (AVI)", FRAMES),
    (0, b"FLV\1", "a video (Flash)", FRAMES),
    (0, b"\0\0\1\xba", "a video (MPEG)", FRAMES),
    (0, b"\0\0\1\xb3", "a video (MPEG)", FRAMES),
    (0, b"0&\xb2u\x8ef\xcf\x11", "a video (WMV)", FRAMES),
    (0, b"OggS", "a video or a sound (Ogg)", FRAMES),
    (4, b"moov", "a video (QuickTime)", FRAMES),
    (4, b"mdat", "a video (QuickTime)", FRAMES),
    (8, b"WAVE", "a sound (WAV)", "leave it out"),
    (0, b"ID3", "a sound (MP3)", "leave it out"),
    (0, b"fLaC", "a sound (FLAC)", "leave it out"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Office document", CONVERT),
    (0, b"SQLite format 3\0", "a database", "save its pictures as files"),
    (0, b"\x80\2", "a pickle", "it can hold any program and is never read: save it as .npy"),
    (0, b"\x80\3", "a pickle", "it can hold any program and is never read: save it as .npy"),
    (0, b"\x80\4", "a pickle", "it can hold any program and is never read: save it as .npy"),
    (0, b"\x80\5", "a pickle", "it can hold any program and is never read: save it as .npy"),
)
TEXTS = (
    (
        rb"version https://git-lfs",
        "a Git LFS pointer, not the file it stands for",
        "fetch the files with: git lfs pull",
    ),
    (rb"(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*(<!DOCTYPE svg[^>]*>\s*)?<svg\b", "an SVG", CONVERT),
    (
        rb"(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<(!DOCTYPE html|html|head|body)\b",
        "a web page",
        "the download was answered with a page, as for a login or an error: download it again",
    ),
    (rb"<\?xml\b", "an XML file", "leave it out"),
    (rb"<Error>|AccessDenied", "an error message", "download it again"),
    (rb"P[1-7]\s", "a PNM (PBM, PGM, PPM or PAM)", SAVE),
    (rb"/\* XPM|#define \w+_width", "an X bitmap (XPM or XBM)", CONVERT),
    (rb"[\[{]", "a JSON file", "labels must be in one archive with their pictures"),
)
CAMERA_BRANDS = (b"crx ",)
HEADER_BYTES = 18  # of a TGA


def unsupported_reason(head: bytes) -> str:
    """Why a file with these first bytes is rejected."""
    if not head:
        return "not an image: the file is empty"
    kind = archive_kind(head)
    if kind is not None:
        return f"nested archive: a {kind} inside the upload; unpack it first"
    if array_format(head) or is_parquet(head):
        return "nested array: many pictures inside an archive; upload this file by itself"
    named = _named_by_signature(head) or _named_by_header(head) or _named_as_text(head)
    if named is None:
        return NOT_AN_IMAGE
    name, remedy = named
    return f"not read: {name}; {remedy}"


def _named_by_signature(head: bytes) -> tuple[str, str] | None:
    for offset, signature, name, remedy in KINDS:
        if head[offset : offset + len(signature)] == signature:
            return name, remedy
    if head[4:8] == b"ftyp":
        if media_brands(head)[0] in CAMERA_BRANDS:
            return "a camera's raw file (CR3)", DEVELOP
        return "a video (MP4 or QuickTime)", FRAMES
    return None


def _named_by_header(head: bytes) -> tuple[str, str] | None:
    """PCX and TGA files: they have no signature, but headers with few possible values."""
    if len(head) < HEADER_BYTES:
        return None
    manufacturer, version, encoding, bits = head[:4]
    if manufacturer == 10 and version <= 5 and encoding == 1 and bits in (1, 2, 4, 8):
        return "a PCX", CONVERT
    has_colour_map, kind, depth = head[1], head[2], head[16]
    is_kind = (has_colour_map, kind) in ((1, 1), (1, 9), (0, 2), (0, 3), (0, 10), (0, 11))
    is_mapped = has_colour_map or not any(head[3:8])
    has_size = any(head[12:14]) and any(head[14:16])
    if is_kind and is_mapped and has_size and depth in (8, 15, 16, 24, 32) and head[17] < 64:
        return "a TGA", CONVERT
    return None


def _named_as_text(head: bytes) -> tuple[str, str] | None:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    for pattern, name, remedy in TEXTS:
        if re.match(pattern, text, re.IGNORECASE | re.DOTALL):
            return name, remedy
    try:
        is_text = text.isascii() or bool(text.decode())
    except UnicodeDecodeError as error:
        is_text = error.start > len(text) - 4 and len(head) > 100  # cut within a character
    if is_text and not re.search(rb"[\0-\x08\x0e-\x1f]", text):
        return "a text file", "leave it out"
    return None
