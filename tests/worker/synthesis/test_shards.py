"""Shards, read back by the standard library, by pyarrow, and by this project's own ingest."""

import io
import json
import sys
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from pyarrow import parquet

from app.domain.images.checkpoint import GeneratorCheckpoint
from worker.ingest.archives.parquet_rows import write_rows
from worker.synthesis.images import EncodedImage
from worker.synthesis.request import NoWriter
from worker.synthesis.shards import (
    GROUP_ROWS,
    FolderShard,
    ParquetShard,
    TarShard,
    ZipShard,
    folder_names,
    tar_header,
)

ROWS = GROUP_ROWS + 5


def write_zip(
    shard_type: type[ZipShard], path: Path, checkpoint: GeneratorCheckpoint, *labels: object
) -> Path:
    shard = shard_type(path, checkpoint, "jpg")
    for seed, label in enumerate(labels):
        assert label is None or isinstance(label, int)
        shard.add(EncodedImage(seed, label, {}, b""), b"picture %d" % seed)
    shard.close()
    return path


def test_zips_of_the_same_images_are_equal(tmp_path: Path, checkpoint: GeneratorCheckpoint) -> None:
    first, again = (write_zip(ZipShard, tmp_path / name, checkpoint, 0, 1) for name in "ab")
    assert first.read_bytes() == again.read_bytes()
    with zipfile.ZipFile(first) as archive:
        assert archive.namelist() == ["0.jpg", "1.jpg"]
        assert archive.read("1.jpg") == b"picture 1"
        assert archive.testzip() is None
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}


def test_each_class_is_a_folder_below_the_one_it_is_unpacked_in(
    tmp_path: Path, checkpoint: GeneratorCheckpoint
) -> None:
    with zipfile.ZipFile(write_zip(FolderShard, tmp_path / "a", checkpoint, 0, 1, 2, 0)) as archive:
        assert archive.namelist() == ["tabby/0.jpg", "white/1.jpg", "class-2/2.jpg", "tabby/3.jpg"]


@pytest.mark.parametrize(("model", "folder"), [("cats", "cats"), ("nul", "class-0")])
def test_without_classes_the_folder_has_the_models_name_where_that_is_valid(
    tmp_path: Path, checkpoint: GeneratorCheckpoint, model: str, folder: str
) -> None:
    lone = replace(checkpoint, model=model, classes=())
    with zipfile.ZipFile(write_zip(FolderShard, tmp_path / "a", lone, None)) as archive:
        assert archive.namelist() == [f"{folder}/0.jpg"]


@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "..", "a/b", "a\\b", "a\0", "C:", "a ", "a.", "x" * 300),
        *("CON", "nul", "Aux", "com1", "LPT9", "COM²", "nul.tar", "con .txt", "CONIN$"),
    ],
)
def test_a_class_whose_name_is_no_valid_folder_name_gets_its_index(name: str) -> None:
    assert folder_names(("tabby", name)) == ("tabby", "class-1")


@pytest.mark.parametrize(
    "name",
    ["tabby", "British Shorthair", "日本猫", "v1.5", ".hidden", "contour", "null", "com", "com10"],
)
def test_valid_folder_names_are_kept(name: str) -> None:
    assert folder_names((name, "white")) == (name, "white")


@pytest.mark.parametrize(
    ("classes", "folders"),
    [
        (("..", "class-0"), ("class-0_", "class-0")),
        (("..", "Class-0", "class-0_"), ("class-0__", "Class-0", "class-0_")),
        (("Cat", "cat", "CAT"), ("Cat", "class-1", "class-2")),
        (("Straße", "STRASSE"), ("Straße", "class-1")),
        (("caf\u00e9", "cafe\u0301"), ("caf\u00e9", "class-1")),
    ],
)
def test_no_two_classes_share_a_folder(classes: tuple[str, ...], folders: tuple[str, ...]) -> None:
    assert folder_names(classes) == folders


def write_tar(path: Path, checkpoint: GeneratorCheckpoint, label: int | None) -> Path:
    shard = TarShard(path, checkpoint, "png")
    for seed in (7, 2**53 - 1):
        shard.add(EncodedImage(seed, label, {"seed": seed}, b""), b"picture %d" % seed)
    shard.close()
    return path


def test_the_files_of_a_sample_stand_together_in_a_tar(
    tmp_path: Path, checkpoint: GeneratorCheckpoint
) -> None:
    with tarfile.open(write_tar(tmp_path / "a", checkpoint, 2), "r:") as archive:
        names = archive.getnames()
        files = {name: archive.extractfile(name).read() for name in names}  # type: ignore[union-attr]
    last = 2**53 - 1
    endings = ("png", "cls", "json")
    assert names == [f"{seed}.{ending}" for seed in (7, last) for ending in endings]
    assert (files["7.png"], files["7.cls"]) == (b"picture 7", b"2")
    assert json.loads(files[f"{last}.json"]) == {"seed": last}


def test_a_tar_without_classes_has_no_cls_files_and_always_the_same_bytes(
    tmp_path: Path, checkpoint: GeneratorCheckpoint
) -> None:
    first, again = (write_tar(tmp_path / name, checkpoint, None) for name in "ab")
    assert first.read_bytes() == again.read_bytes()
    with tarfile.open(first, "r:") as archive:
        assert archive.getnames()[:2] == ["7.png", "7.json"]
        assert {member.mtime for member in archive} == {0}


@pytest.mark.parametrize("name", ["0.png", f"{2**53 - 1}.json", "a" * 100])
@pytest.mark.parametrize("size", [0, 9_216, 8**11 - 1])
def test_a_tar_header_equals_the_one_of_tarfile(name: str, size: int) -> None:
    member = tarfile.TarInfo(name)
    member.size = size
    assert tar_header(name, size) == member.tobuf(tarfile.USTAR_FORMAT)


def write_parquet(path: Path, checkpoint: GeneratorCheckpoint, label: int | None) -> Path:
    shard = ParquetShard(path, checkpoint, "png")
    for seed in range(ROWS):
        shard.add(EncodedImage(seed, label, {"seed": seed}, b""), b"picture %d" % seed)
    shard.close()
    return path


def test_the_columns_of_a_parquet_are_what_hubs_expect(
    tmp_path: Path, checkpoint: GeneratorCheckpoint
) -> None:
    with parquet.ParquetFile(write_parquet(tmp_path / "a", checkpoint, 1)) as file:
        assert file.metadata.num_row_groups == 2
        table, metadata = file.read(), file.schema_arrow.metadata
    assert table.column_names == ["image", "label", "recipe"]
    rows = table.to_pylist()
    assert len(rows) == ROWS
    assert rows[-1] == {
        "image": {"bytes": b"picture %d" % (ROWS - 1), "path": f"{ROWS - 1}.png"},
        "label": 1,
        "recipe": f'{{"seed":{ROWS - 1}}}',
    }
    assert json.loads(metadata[b"huggingface"])["info"]["features"] == {
        "image": {"_type": "Image"},
        "label": {"names": ["tabby", "white", "../black"], "_type": "ClassLabel"},
        "recipe": {"dtype": "string", "_type": "Value"},
    }


def test_an_ingest_reads_the_images_and_classes_of_a_parquet(
    tmp_path: Path, checkpoint: GeneratorCheckpoint
) -> None:
    out = io.BytesIO()
    write_rows(write_parquet(tmp_path / "a", checkpoint, 1), out)
    header, _, rest = out.getvalue().partition(b"\n")
    described = json.loads(header)
    assert (described["size"], described["label"]) == (9, "white")
    assert (described["is_labelled"], described["refusal"]) == (True, None)
    assert rest.startswith(b"picture 0")
    assert rest.endswith(b'{"end": null}\n')


def test_a_parquet_without_classes_has_no_labels_and_always_the_same_bytes(
    tmp_path: Path, checkpoint: GeneratorCheckpoint
) -> None:
    unconditional = GeneratorCheckpoint("c", "cats", "k", "s", 1, (28, 28, 1), 16)
    first, again = (write_parquet(tmp_path / name, unconditional, None) for name in "ab")
    assert first.read_bytes() == again.read_bytes()
    assert parquet.read_schema(first).names == ["image", "recipe"]


def test_without_pyarrow_the_error_names_the_extra(
    tmp_path: Path, checkpoint: GeneratorCheckpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("pyarrow", "pyarrow.parquet"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(NoWriter, match=r'pip install "moggy\[parquet\]"'):
        ParquetShard(tmp_path / "a", checkpoint, "png")
