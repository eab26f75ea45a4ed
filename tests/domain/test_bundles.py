"""A bundle gives its weights and its record; any other zip is refused before it is unpacked."""

import hashlib
import io
import pickle
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bundle_files import (
    METRICS_OF_CATS,
    bundle,
    bundle_contents,
    lineage_of,
    with_json,
    zipped,
)
from weight_files import tiny_checkpoint

from app.domain.bundles import (
    DIRECTIONS,
    END,
    LATENTS,
    LINEAGE,
    MAX_REFERENCE_BYTES,
    MEMBERS,
    METRICS,
    ONNX,
    REFERENCE,
    WEIGHTS,
    BundleError,
    ImportedRecord,
    is_zip,
    unpack_bundle,
    unpacked_bytes,
)

LIMIT = 1 << 20


def unpack(folder: Path, file: bytes, limit: int = LIMIT) -> ImportedRecord:
    path = folder / "bundle"
    path.write_bytes(file)
    assert is_zip(path)
    unpacked_bytes(path, limit)
    return unpack_bundle(path, folder / "weights", folder / "reference")


def refusal(folder: Path, file: bytes, limit: int = LIMIT) -> str:
    with pytest.raises(BundleError) as refused:
        unpack(folder, file, limit)
    return str(refused.value)


@pytest.mark.parametrize("pack", [bundle, zipped], ids=["exported", "zipped again"])
def test_a_bundle_has_the_bytes_of_its_weights_its_scores_and_its_lineage(
    tmp_path: Path, pack: Callable[[dict[str, bytes]], bytes]
) -> None:
    record = unpack(tmp_path, pack(bundle_contents()))
    assert (tmp_path / "weights").read_bytes() == tiny_checkpoint()
    assert record == ImportedRecord(METRICS_OF_CATS, lineage_of(tiny_checkpoint()))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle", "weights"]


def test_a_compressed_bundle_without_scores_is_read_too(tmp_path: Path) -> None:
    file = zipped(with_json(METRICS, None), zipfile.ZIP_DEFLATED)
    assert unpack(tmp_path, file).metrics is None


def test_a_bundle_may_lack_its_onnx_file(tmp_path: Path) -> None:
    contents = bundle_contents()
    del contents[ONNX]
    unpack(tmp_path, zipped(contents))
    assert (tmp_path / "weights").read_bytes() == tiny_checkpoint()


def test_a_quality_reference_is_unpacked_and_one_that_is_too_large_refused(tmp_path: Path) -> None:
    data = b"a quality reference"
    (tmp_path / "sound").mkdir()
    record = unpack(tmp_path / "sound", zipped(bundle_contents() | {REFERENCE: data}))
    assert (tmp_path / "sound" / "reference").read_bytes() == data
    sha256 = hashlib.sha256(data).hexdigest()
    assert record.reference == {"sha256": sha256, "bytes": len(data)}
    (tmp_path / "large").mkdir()
    large = zipped(bundle_contents() | {REFERENCE: bytes(MAX_REFERENCE_BYTES + 1)})
    assert f"contains {REFERENCE} with 2,097,153 bytes: at most" in refusal(
        tmp_path / "large", large
    )


def test_a_bundle_has_exactly_its_files(tmp_path: Path) -> None:
    contents = bundle_contents()
    for name in ("../generator.safetensors", "/etc/passwd", "a\\b", f"folder/{WEIGHTS}", "more"):
        detail = refusal(tmp_path, zipped(contents | {name: b""}))
        assert f"contains {name!r}: a bundle contains exactly README.md, " in detail
    missing = {name: data for name, data in contents.items() if name != METRICS}
    assert f"lacks {METRICS}" in refusal(tmp_path, zipped(missing))
    only_onnx = refusal(tmp_path, zipped({"model.onnx": contents[ONNX]}))
    assert "an ONNX file, which is not imported: only weights are" in only_onnx


def test_a_file_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO(zipped(bundle_contents()))
    with (
        pytest.warns(UserWarning, match="Duplicate name"),
        zipfile.ZipFile(buffer, "a") as archive,
    ):
        archive.writestr(WEIGHTS, b"other")
    assert "contains a file twice" in refusal(tmp_path, buffer.getvalue())


def test_a_pytorch_file_is_refused_for_its_pickle(tmp_path: Path) -> None:
    file = zipped({"archive/data.pkl": pickle.dumps({}), "archive/data/0": b"0" * 40})
    assert "nothing is unpickled" in refusal(tmp_path, file)


def test_a_link_and_an_encrypted_file_are_refused(tmp_path: Path) -> None:
    def changed(change: Callable[[zipfile.ZipInfo], None]) -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, data in bundle_contents().items():
                entry = zipfile.ZipInfo(name)
                if name == WEIGHTS:
                    change(entry)
                archive.writestr(entry, data)
        return buffer.getvalue()

    def link(entry: zipfile.ZipInfo) -> None:
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16

    assert f"{WEIGHTS} as a link" in refusal(tmp_path, changed(link))
    stored = zipped(bundle_contents())
    start = stored.rindex(b"PK\x01\x02")  # the directory's entry of the last file, the ONNX file
    encrypted = bytearray(stored)
    encrypted[start + 8] |= 1
    assert f"contains {ONNX} encrypted" in refusal(tmp_path, bytes(encrypted))
    lzma = zipped(bundle_contents(), zipfile.ZIP_LZMA)
    assert "in a compression other than deflate" in refusal(tmp_path, lzma)


def test_weights_beyond_the_limit_are_refused_by_what_they_declare(tmp_path: Path) -> None:
    size = len(tiny_checkpoint())
    detail = refusal(tmp_path, bundle(), limit=size - 1)
    assert f"contains weights of {size:,} bytes: at most {size - 1:,} are accepted" in detail
    bomb = zipped(bundle_contents() | {WEIGHTS: bytes(32 << 20)}, zipfile.ZIP_DEFLATED)
    assert len(bomb) < 400_000
    assert "contains weights of 33,554,432 bytes" in refusal(tmp_path, bomb)
    assert not (tmp_path / "weights").exists()


def declared(file: bytes, name: str, size: int) -> bytes:
    """The zip with another size declared for a file, in its directory and in front of it."""
    changed = bytearray(file)
    for start, offset, name_offset in ((b"PK\x03\x04", 22, 30), (b"PK\x01\x02", 24, 46)):
        at = file.index(start)
        while not file[at + name_offset :].startswith(name.encode()):
            at = file.index(start, at + 1)
        changed[at + offset : at + offset + 4] = struct.pack("<I", size)
    return bytes(changed)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_sizes_that_differ_from_the_real_ones_are_refused(tmp_path: Path, compression: int) -> None:
    size = len(tiny_checkpoint())
    file = zipped(bundle_contents(), compression)
    for wrong in (size - 1, size + 1, 100):
        folder = tmp_path / str(wrong)
        folder.mkdir()
        assert WEIGHTS in refusal(folder, declared(file, WEIGHTS, wrong))
        written = folder / "weights"
        assert not written.exists() or written.stat().st_size <= max(wrong, size)


def test_a_json_bomb_is_refused_by_what_it_declares(tmp_path: Path) -> None:
    bomb = bundle_contents() | {LINEAGE: b" " * (8 << 20)}
    detail = refusal(tmp_path, zipped(bomb, zipfile.ZIP_DEFLATED))
    assert f"contains {LINEAGE} with 8,388,608 bytes: at most 1,048,576" in detail


def test_damaged_bytes_are_refused(tmp_path: Path) -> None:
    contents = bundle_contents()
    for name, file in (("stored", zipped(contents)), ("compressed", bundle(contents))):
        folder = tmp_path / name
        folder.mkdir()
        at = file.index(WEIGHTS.encode()) + 10_000
        damaged = file[:at] + bytes([file[at] ^ 1]) + file[at + 1 :]
        assert f"contains {WEIGHTS} damaged" in refusal(folder, damaged)
    for size in (len(file) - 1, len(file) // 2, 100):
        assert "it is truncated, or has a comment" in refusal(tmp_path, file[:size])
    commented = zipped(contents, comment=b"hello")
    assert "it is truncated, or has a comment" in refusal(tmp_path, commented)


def test_a_directory_of_many_files_is_refused_before_it_is_read(tmp_path: Path) -> None:
    many = zipped({str(number): b"" for number in range(2000)})
    assert f"a bundle has {len(MEMBERS)}" in refusal(tmp_path, many)
    end = END.pack(b"PK\x05\x06", 0, 0, 7, 7, 100, 0, 0)
    zip64 = zipped(bundle_contents()) + b"PK\x06\x07" + bytes(16) + end
    assert f"a bundle has {len(MEMBERS)}" in refusal(tmp_path, zip64)


def test_a_broken_directory_is_refused(tmp_path: Path) -> None:
    file = bytearray(zipped(bundle_contents()))
    start = file.index(b"PK\x01\x02")
    file[start : start + 4] = b"XXXX"
    assert "is a broken zip" in refusal(tmp_path, bytes(file))


def test_offsets_outside_of_the_file_are_refused(tmp_path: Path) -> None:
    file = bundle()
    *fields, offset, comment = END.unpack(file[-END.size :])
    for wrong in (offset + 100_000, 0xFFFFFFF0):  # members then begin in front of the file
        assert refusal(tmp_path, file[: -END.size] + END.pack(*fields, wrong, comment))


@pytest.mark.parametrize(
    "metrics",
    [
        [],
        {},
        METRICS_OF_CATS | {"kid": "low"},
        METRICS_OF_CATS | {"kid": True},
        METRICS_OF_CATS | {"kid": 10**400},
        METRICS_OF_CATS | {"kid_interval": [1]},
        METRICS_OF_CATS | {"kid_interval": None},
        METRICS_OF_CATS | {"embedding": "e" * 65},
    ],
)
def test_scores_that_could_not_be_compared_are_refused(tmp_path: Path, metrics: Any) -> None:
    assert METRICS in refusal(tmp_path, zipped(with_json(METRICS, metrics)))


def test_json_that_is_none_is_refused(tmp_path: Path) -> None:
    for text in (b"", b"{", b"[" * 100_000, b'{"kid": NaN}'):
        detail = refusal(tmp_path, zipped(bundle_contents() | {METRICS: text}))
        assert f"contains {METRICS}, which is not valid JSON" in detail


@pytest.mark.parametrize("lineage", [None, [], {}, {"sha256": "0" * 64}])
def test_weights_that_the_lineage_does_not_name_are_refused(tmp_path: Path, lineage: Any) -> None:
    detail = refusal(tmp_path, zipped(with_json(LINEAGE, lineage)))
    assert "the bundle was changed" in detail


def test_the_files_of_a_bundle_are_in_a_readable_order(tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(bundle())) as archive:
        assert archive.namelist()[0] == "README.md"
        assert sorted(archive.namelist()) == sorted(set(MEMBERS) - {LATENTS, DIRECTIONS, REFERENCE})
        assert archive.testzip() is None
