"""Parquet files of dataset hubs, written by pyarrow."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from array_files import images, npy
from pyarrow import parquet

Png = Callable[[int], bytes]
Run = Callable[..., Any]


def write(path: Path, columns: dict[str, Any], features: Any = None, **options: Any) -> Path:
    """A table; `features` is the hub's description of its columns."""
    table = pa.table(columns)
    if features is not None:
        metadata = json.dumps({"info": {"features": features}})
        table = table.replace_schema_metadata({"huggingface": metadata})
    parquet.write_table(table, path, **options)
    return path


def files(png: Png, count: int) -> list[dict[str, Any]]:
    return [{"bytes": png(number), "path": f"{number}.png"} for number in range(count)]


def test_a_hub_dataset_gives_its_images_and_class_names(
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
    image = tmp_path / "1.png"
    image.write_bytes(png(1))
    (tmp_path / "2.png").write_bytes(png(2))
    assert np.array_equal(ingest([image, tmp_path / "2.png"]).images, outcome.images[1:3])


def test_plain_binary_and_numbered_labels_are_read(ingest: Run, png: Png, tmp_path: Path) -> None:
    columns = {"id": range(6), "image": [png(n) for n in range(6)], "label": [10, 2] * 3}
    assert ingest([write(tmp_path / "a", columns)]).packed.classes == ["2", "10"]


def test_class_names_that_are_shown_alike_are_two_classes(
    ingest: Run, png: Png, tmp_path: Path
) -> None:
    features = {"label": {"names": ["a\x01", "a\x02"], "_type": "ClassLabel"}}
    columns = {"image": files(png, 4), "label": [0, 1, 0, 1]}
    classes = ingest([write(tmp_path / "a", columns, features)]).packed.classes
    assert classes == ["a\N{REPLACEMENT CHARACTER}", "a\N{REPLACEMENT CHARACTER} (2)"]


def test_a_table_of_labels_has_its_class_names_in_the_metadata(
    ingest: Run, png: Png, tmp_path: Path
) -> None:
    features = {"label": {"names": ["tabby", "black"], "_type": "ClassLabel"}}
    columns = {"file_name": ["1.png", "2.png"], "label": [0, 1]}
    paths = [tmp_path / "1.png", tmp_path / "2.png"]
    for number, path in enumerate(paths):
        path.write_bytes(png(number))
    outcome = ingest([*paths, write(tmp_path / "labels", columns, features)])
    assert outcome.packed.classes == ["black", "tabby"]


@pytest.mark.parametrize(
    "metadata", [b"no json", b"[]", b'{"info": {"features": {"label": {"names": 3}}}}']
)
def test_metadata_in_an_unknown_form_is_ignored(
    ingest: Run, png: Png, tmp_path: Path, metadata: bytes
) -> None:
    table = pa.table({"image": files(png, 3), "label": [0, 1, -1]})
    parquet.write_table(table.replace_schema_metadata({"huggingface": metadata}), tmp_path / "a")
    assert ingest([tmp_path / "a"]).packed.classes is None  # -1 means no label


LABELS: dict[str, tuple[Any, list[str]]] = {
    "strings": (["tabby", "white"] * 2, ["tabby", "white"]),
    "large strings": (pa.array(["tabby", "white"] * 2, pa.large_string()), ["tabby", "white"]),
    "categories": (pa.array(["white", "tabby"] * 2).dictionary_encode(), ["tabby", "white"]),
    "numbered categories": (pa.array([7, 11] * 2).dictionary_encode(), ["7", "11"]),
    "booleans": ([True, False] * 2, ["false", "true"]),
    "whole floats": ([1.0, 2.0] * 2, ["1", "2"]),
    "small floats": (pa.array(np.array([3, 4] * 2, np.float16)), ["3", "4"]),
}


@pytest.mark.parametrize("kind", LABELS)
def test_labels_of_every_type_are_classes(ingest: Run, png: Png, tmp_path: Path, kind: str) -> None:
    labels, classes = LABELS[kind]
    outcome = ingest([write(tmp_path / "a", {"image": files(png, 4), "label": labels})])
    assert outcome.packed.classes == classes
    assert len(set(np.load(outcome.folder / "labels.npy").tolist())) == 2


def test_fractions_are_not_classes_and_the_report_says_so(
    ingest: Run, png: Png, tmp_path: Path
) -> None:
    columns = {"image": files(png, 4), "label": [1.0, 2.0, 0.5, 1.0]}
    outcome = ingest([write(tmp_path / "a", columns)])
    assert (outcome.report["accepted"], outcome.packed.classes) == (4, None)
    (note,) = outcome.report["notes"]
    assert note == "a: column label holds fractions such as 0.5, not classes."


def test_all_images_in_lists_and_structs_are_read(ingest: Run, png: Png, tmp_path: Path) -> None:
    encoded = files(png, 12)
    lists = {"images": [encoded[:2], encoded[2:3], []], "label": ["a", "b", "a"]}
    outcome = ingest([write(tmp_path / "lists", lists)])
    assert outcome.packed.classes == ["a", "b"]
    assert np.load(outcome.folder / "labels.npy").tolist() == [0, 0, 1]
    assert outcome.reasons == {"lists[2]": "no picture: the row holds none"}
    pairs = [{"left": encoded[n], "right": encoded[n + 1]["bytes"]} for n in (4, 6)]
    outcome = ingest([write(tmp_path / "structs", {"pair": pairs, "label": [0, 1]})])
    assert outcome.report["accepted"] == 4
    assert np.load(outcome.folder / "labels.npy").tolist() == [0, 0, 1, 1]
    plain = [[encoded[n]["bytes"], encoded[n + 1]["bytes"]] for n in (8, 10)]
    assert ingest([write(tmp_path / "plain", {"image": plain})]).report["accepted"] == 4


def test_rows_that_only_name_a_file_are_rejected_with_the_reason(
    ingest: Run, png: Png, tmp_path: Path
) -> None:
    rows = [{"bytes": None, "path": "x.png"}, {"bytes": None, "path": "y.png"}]
    outcome = ingest([write(tmp_path / "a", {"image": rows}), good(tmp_path)])
    assert outcome.reasons["a[0]"] == (
        "path without a picture: the row names a file 'x.png' and holds no picture: upload the "
        "files themselves"
    )
    outcome = ingest([write(tmp_path / "b", {"image": ["x.png"], "size": [3]}), good(tmp_path)])
    assert "column image names files: upload the files themselves" in outcome.reasons["b"]


def test_a_row_without_an_image_is_rejected(ingest: Run, png: Png, tmp_path: Path) -> None:
    rows = [*files(png, 2), {"bytes": b"text", "path": ""}, {"bytes": None, "path": "a.png"}, None]
    outcome = ingest([write(tmp_path / "a.parquet", {"image": rows})])
    assert outcome.report["accepted"] == 2
    assert {name: reason.partition(":")[0] for name, reason in outcome.reasons.items()} == {
        "a.parquet[2]": "not read",
        "a.parquet[3]": "path without a picture",
        "a.parquet[4]": "no picture",
    }


def good(folder: Path) -> Path:
    (folder / "good.npy").write_bytes(npy(images(3, 32, 32)))
    return folder / "good.npy"


def test_a_table_without_images_is_rejected(ingest: Run, tmp_path: Path) -> None:
    table = write(tmp_path / "a", {"name": ["x"], "age": [3]})
    assert ingest([table, good(tmp_path)]).reasons["a"].startswith("not pictures: no column")


@pytest.mark.parametrize("part", [0.1, 0.5, 0.99])
def test_a_cut_file_is_rejected(ingest: Run, png: Png, tmp_path: Path, part: float) -> None:
    table = write(tmp_path / "a", {"image": files(png, 20)})
    table.write_bytes(table.read_bytes()[: int(table.stat().st_size * part)])
    assert ingest([table, good(tmp_path)]).reasons["a"].startswith("damaged: after 0 rows")


def test_a_damaged_file_is_at_worst_rejected(ingest: Run, png: Png, tmp_path: Path) -> None:
    data = write(tmp_path / "a", {"image": files(png, 5), "label": range(5)}).read_bytes()
    chance = np.random.default_rng(5)
    for _ in range(40):
        damaged = bytearray(data)
        for offset in chance.integers(4, len(data), 20):
            damaged[offset] = chance.integers(256)
        (tmp_path / "a").write_bytes(damaged)
        assert ingest([tmp_path / "a", good(tmp_path)]).report["accepted"] >= 3


def test_without_pyarrow_the_extra_is_named(
    ingest: Run, png: Png, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = write(tmp_path / "a", {"image": files(png, 2)})
    (tmp_path / "pyarrow.py").write_text("raise ImportError")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert 'pip install "moggy[parquet]"' in ingest([table, good(tmp_path)]).reasons["a"]


def test_unused_columns_are_reported(ingest: Run, png: Png, tmp_path: Path) -> None:
    encoded = [png(number) for number in range(4)]
    columns = {"image": encoded, "mask": encoded[::-1], "label": [[0], [1], [0], [1]]}
    parquet.write_table(pa.table(columns), tmp_path / "a.parquet")
    assert ingest([tmp_path / "a.parquet"]).report["notes"][-2:] == [
        "a.parquet: column label holds list<element: int64>, which is not a class.",
        "a.parquet: only the pictures of column image were read, not of mask.",
    ]
