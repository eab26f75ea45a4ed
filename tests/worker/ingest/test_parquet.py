"""Parquet files as dataset hubs ship them, written by pyarrow itself."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from array_files import npy, pictures
from pyarrow import parquet

Png = Callable[[int], bytes]
Run = Callable[..., Any]


def write(path: Path, columns: dict[str, Any], features: Any = None, **options: Any) -> Path:
    """A table; `features` are what the hub says of its columns."""
    table = pa.table(columns)
    if features is not None:
        said = json.dumps({"info": {"features": features}})
        table = table.replace_schema_metadata({"huggingface": said})
    parquet.write_table(table, path, **options)
    return path


def files(png: Png, count: int) -> list[dict[str, Any]]:
    return [{"bytes": png(number), "path": f"{number}.png"} for number in range(count)]


def test_a_hub_dataset_has_its_pictures_and_the_names_of_its_classes(
    ingest: Run, png: Png, tmp_path: Path
) -> None:
    features = {
        "img": {"_type": "Image"},
        "fine_label": {"names": ["tabby", "black"], "_type": "ClassLabel"},
    }
    columns = {"img": files(png, 90), "fine_label": [0, 1, 1] * 30}
    outcome = ingest([write(tmp_path / "train", columns, features, row_group_size=20)])
    assert outcome.report["accepted"] == 90
    assert outcome.packed.classes == ["black", "tabby"]
    assert np.load(outcome.folder / "labels.npy").tolist() == [1, 0, 0] * 30
    (one,) = [tmp_path / "1.png"]
    one.write_bytes(png(1))
    (tmp_path / "2.png").write_bytes(png(2))
    assert np.array_equal(ingest([one, tmp_path / "2.png"]).images, outcome.images[1:3])


def test_plain_binary_and_numbered_labels_do(ingest: Run, png: Png, tmp_path: Path) -> None:
    columns = {"id": range(6), "image": [png(n) for n in range(6)], "label": [10, 2] * 3}
    assert ingest([write(tmp_path / "a", columns)]).packed.classes == ["2", "10"]


@pytest.mark.parametrize(
    "metadata", [b"no json", b"[]", b'{"info": {"features": {"label": {"names": 3}}}}']
)
def test_what_no_hub_writes_is_passed_over(
    ingest: Run, png: Png, tmp_path: Path, metadata: bytes
) -> None:
    table = pa.table({"image": files(png, 3), "label": [0, 1, -1]})
    parquet.write_table(table.replace_schema_metadata({"huggingface": metadata}), tmp_path / "a")
    assert ingest([tmp_path / "a"]).packed.classes is None  # -1 is a picture without a label


def test_a_row_that_is_no_picture_is_rejected(ingest: Run, png: Png, tmp_path: Path) -> None:
    rows = [*files(png, 2), {"bytes": b"text", "path": ""}, {"bytes": None, "path": "a.png"}, None]
    outcome = ingest([write(tmp_path / "a.parquet", {"image": rows})])
    assert outcome.report["accepted"] == 2
    assert {name: reason.partition(":")[0] for name, reason in outcome.reasons.items()} == {
        "a.parquet[2]": "not an image",
        "a.parquet[3]": "not an image",
        "a.parquet[4]": "not an image",
    }


def good(folder: Path) -> Path:
    (folder / "good.npy").write_bytes(npy(pictures(3, 32, 32)))
    return folder / "good.npy"


def test_a_table_without_pictures_is_rejected(ingest: Run, tmp_path: Path) -> None:
    table = write(tmp_path / "a", {"name": ["x"], "age": [3]})
    assert ingest([table, good(tmp_path)]).reasons["a"].startswith("not pictures: no column")


@pytest.mark.parametrize("part", [0.1, 0.5, 0.99])
def test_a_cut_file_is_rejected(ingest: Run, png: Png, tmp_path: Path, part: float) -> None:
    table = write(tmp_path / "a", {"image": files(png, 20)})
    table.write_bytes(table.read_bytes()[: int(table.stat().st_size * part)])
    assert ingest([table, good(tmp_path)]).reasons["a"].startswith("damaged: after 0 rows")


def test_no_damage_does_more_than_reject(ingest: Run, png: Png, tmp_path: Path) -> None:
    data = write(tmp_path / "a", {"image": files(png, 5), "label": range(5)}).read_bytes()
    chance = np.random.default_rng(5)
    for _ in range(40):
        damaged = bytearray(data)
        for place in chance.integers(4, len(data), 20):
            damaged[place] = chance.integers(256)
        (tmp_path / "a").write_bytes(damaged)
        assert ingest([tmp_path / "a", good(tmp_path)]).report["accepted"] >= 3


def test_without_pyarrow_the_extra_is_named(
    ingest: Run, png: Png, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = write(tmp_path / "a", {"image": files(png, 2)})
    (tmp_path / "pyarrow.py").write_text("raise ImportError")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert 'pip install "moggy[parquet]"' in ingest([table, good(tmp_path)]).reasons["a"]
