"""The format of a file, by its first bytes. File names do not count."""

import tarfile

HEAD_BYTES = tarfile.BLOCKSIZE  # the longest signature is a tar header

ARCHIVES = {
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",  # without members
    b"PK\x07\x08": "zip",  # the first part of several
    b"PK00": "zip",  # planned as several parts, written as one
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!\x1a\x07": "rar",
    b"\x04\x22\x4d\x18": "lz4",
    b"LZIP": "lzip",
    b"\x1f\x9d": "compress (.Z)",
    b"MSCF": "cab",
    b"xar!": "xar",
    b"!<arch>\n": "ar",
    b"hsqs": "squashfs",
    b"07070": "cpio",
}
IMAGES = {
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"BM": "BMP",
}
NPY = b"\x93NUMPY"
PARQUET = b"PAR1"
IDX_TYPES = b"\x08\x09\x0b\x0c\x0d\x0e"
MAX_IDX_DIMENSIONS = 8
TIFFS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
# Brands of ISO base media files (ISO/IEC 23008-12; AV1 Image File Format)
AVIF_BRANDS = (b"avif", b"avis")
HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs")
ANY_BRANDS = (b"mif1", b"msf1")  # any coding: the compatible brands tell which
NOT_AN_IMAGE = "not an image: none of PNG, JPEG, WebP, AVIF, HEIC, TIFF, BMP, GIF"


def archive_kind(head: bytes) -> str | None:
    """zip, gzip, tar, …, or None."""
    for signature, kind in ARCHIVES.items():
        if head.startswith(signature):
            return kind
    return "tar" if is_tar(head) else None


def image_format(head: bytes) -> str | None:
    """Pillow's name of the format, or None if an ingest does not read it as an image."""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head.startswith(TIFFS):
        return None if head[8:10] == b"CR" else "TIFF"  # raw file of a Canon camera
    if head[4:8] == b"ftyp":
        return _media_format(head)
    for signature, name in IMAGES.items():
        if head.startswith(signature):
            return name
    return None


def media_brands(head: bytes) -> list[bytes]:
    """The brands of an ISO base media file: the major one, then the compatible ones."""
    end = min(int.from_bytes(head[:4], "big"), len(head))
    return [head[8:12], *(head[offset : offset + 4] for offset in range(16, end - 3, 4))]


def _media_format(head: bytes) -> str | None:
    major, *compatible = media_brands(head)
    if major in AVIF_BRANDS:
        return "AVIF"
    if major in HEIF_BRANDS:
        return "HEIF"
    if major not in ANY_BRANDS:
        return None
    return "AVIF" if any(brand in AVIF_BRANDS for brand in compatible) else "HEIF"


def array_format(head: bytes) -> str | None:
    """idx, npy, or None."""
    if head.startswith(NPY):
        return "npy"
    is_idx = len(head) > 3 and head[:2] == b"\0\0" and head[2] in IDX_TYPES
    return "idx" if is_idx and 1 <= head[3] <= MAX_IDX_DIMENSIONS else None


def is_npz(head: bytes) -> bool:
    """Whether a zip begins with a file named *.npy, as those of NumPy do."""
    if not head.startswith(b"PK\x03\x04"):
        return False
    length = int.from_bytes(head[26:28], "little")
    return head[30 : 30 + length].endswith(b".npy")


def is_parquet(head: bytes) -> bool:
    return head.startswith(PARQUET)


def is_tar(head: bytes) -> bool:
    """Whether a tar begins here. Headers of all kinds of tar carry a checksum."""
    try:
        tarfile.TarInfo.frombuf(head[: tarfile.BLOCKSIZE], "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True
