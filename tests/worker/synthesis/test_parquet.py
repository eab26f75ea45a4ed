"""Parquet, read back by pyarrow, and by this project's own ingest."""

import io
import json
from pathlib import Path

import pytest
from pyarrow import parquet

from app.domain.images.checkpoint import ServedCheckpoint
from worker.ingest.parquet_rows import write_rows
from worker.synthesis.errors import NoWriter
from worker.synthesis.images import Picture
from worker.synthesis.parquet import GROUP_ROWS, ParquetShard

ROWS = GROUP_ROWS + 5


def write(path: Path, checkpoint: ServedCheckpoint, label: int | None) -> Path:
    shard = ParquetShard(path, checkpoint, "png")
    for seed in range(ROWS):
        shard.add(Picture(seed, label, {"seed": seed}, b""), b"picture %d" % seed)
    shard.close()
    return path


def test_the_columns_are_what_hubs_expect(tmp_path: Path, checkpoint: ServedCheckpoint) -> None:
    with parquet.ParquetFile(write(tmp_path / "a", checkpoint, 1)) as file:
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


def test_an_ingest_reads_its_pictures_and_classes(
    tmp_path: Path, checkpoint: ServedCheckpoint
) -> None:
    out = io.BytesIO()
    write_rows(write(tmp_path / "a", checkpoint, 1), out)
    header, _, rest = out.getvalue().partition(b"\n")
    described = json.loads(header)
    assert (described["size"], described["label"]) == (9, "white")
    assert (described["is_labelled"], described["refusal"]) == (True, None)
    assert rest.startswith(b"picture 0")
    assert rest.endswith(b'{"end": null}\n')


def test_without_classes_there_is_no_label_and_the_bytes_are_always_the_same(
    tmp_path: Path, checkpoint: ServedCheckpoint
) -> None:
    class_less = ServedCheckpoint("c", "cats", "k", "s", 1, (28, 28, 1), 16)
    first, again = (write(tmp_path / name, class_less, None) for name in "ab")
    assert first.read_bytes() == again.read_bytes()
    assert parquet.read_schema(first).names == ["image", "recipe"]


def test_without_pyarrow_the_extra_is_named(
    tmp_path: Path, checkpoint: ServedCheckpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("pyarrow", "pyarrow.parquet"):
        monkeypatch.setitem(__import__("sys").modules, name, None)
    with pytest.raises(NoWriter, match=r'pip install "moggy\[parquet\]"'):
        ParquetShard(tmp_path / "a", checkpoint, "png")
