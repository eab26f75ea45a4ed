"""Label files beside images, in the layouts that are in use."""

import codecs
import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from worker.ingest.labels import files as label_files

Png = Callable[[int], bytes]
Run = Callable[..., Any]

NAMES = ["cat" if number % 2 else "dog" for number in range(6)]


def tarred(path: Path, files: list[tuple[str, bytes]]) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def zipped(path: Path, files: list[tuple[str, bytes]]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files:
            archive.writestr(name, data)
    return path


def classes_of(outcome: Any) -> list[str]:
    labels = np.load(outcome.folder / "labels.npy")
    return [outcome.packed.classes[label] for label in labels]


def csv(header: str, path: str = "{}.png", delimiter: str = ",") -> bytes:
    lines = [header, *(path.format(n) + delimiter + name for n, name in enumerate(NAMES))]
    return "\r\n".join(line for line in lines if line).encode()


def as_parquet(columns: dict[str, Any]) -> bytes:
    file = io.BytesIO()
    parquet.write_table(pa.table(columns), file)
    return file.getvalue()


LINES = [json.dumps({"file_name": f"{n}.png", "label": name}) for n, name in enumerate(NAMES)]
# (label file, its bytes, path of image n)
TABLES: dict[str, tuple[str, bytes, str]] = {
    "ImageFolder's metadata.csv": ("metadata.csv", csv("file_name,label"), "{}.png"),
    "in a folder": ("train/metadata.csv", csv("file_name,label"), "train/{}.png"),
    "metadata.jsonl": ("metadata.jsonl", "\n".join(LINES).encode(), "{}.png"),
    "metadata.parquet": (
        "a/metadata.parquet",
        as_parquet({"file_name": [f"{n}.png" for n in range(6)], "label": NAMES}),
        "a/{}.png",
    ),
    "pictures in a folder of their own": ("labels.csv", csv("file,label"), "images/{}.png"),
    "ids without endings": ("train.csv", csv("id,breed", "{}"), "train/{}.jpg"),
    "Excel's semicolons": ("Labels.CSV", csv("File Name;Class", "{}.png", ";"), "{}.png"),
    "UTF-8 with a mark": ("x.csv", b"\xef\xbb\xbf" + csv("path,target"), "{}.png"),
    "Excel's line that declares the delimiter": (
        "labels.csv",
        b"sep=;\r\n" + csv("File, with, commas;file;label", "x;{}.png", ";"),
        "{}.png",
    ),
    "UTF-16 with a mark": ("l.csv", csv("file,label").decode().encode("utf-16"), "{}.png"),
    "UTF-16, big end first": (
        "l.tsv",
        codecs.BOM_UTF16_BE + csv("file\tlabel", "{}.png", "\t").decode().encode("utf-16-be"),
        "{}.png",
    ),
    "tabs": ("list.tsv", csv("image\tcategory", "{}.png", "\t"), "{}.png"),
    "backslashes": ("labels.csv", csv("path,label", "pictures\\{}.png"), "pictures/{}.png"),
    "no line of names": ("labels.csv", csv(""), "{}.png"),
    "paths from the archive's root": ("d/l.csv", csv("file,label", "d/i/{}.png"), "d/i/{}.png"),
}


@pytest.mark.parametrize("is_first", [True, False], ids=["labels first", "labels last"])
@pytest.mark.parametrize("layout", TABLES)
def test_a_table_of_labels_gives_every_image_its_class(
    ingest: Run, png: Png, tmp_path: Path, layout: str, is_first: bool
) -> None:
    name, data, path = TABLES[layout]
    images = [(path.format(number), png(number)) for number in range(6)]
    files = [(name, data), *images] if is_first else [*images, (name, data)]
    outcome = ingest([tarred(tmp_path / "a.tar", files)])
    assert outcome.report["received"] == outcome.report["accepted"] == 6
    assert classes_of(outcome) == NAMES
    labels = outcome.report["labels"]
    assert labels["source"] == "files"
    assert (labels["files"][0]["file"], labels["files"][0]["pictures"]) == (f"a.tar/{name}", 6)
    assert labels["without_class_count"] == labels["files"][0]["without_picture_count"] == 0


def test_the_labels_of_stylegan_count_and_its_folders_do_not(
    ingest: Run, png: Png, tmp_path: Path
) -> None:
    images = [(f"0000{n // 3}/img{n}.png", png(n)) for n in range(6)]
    labels = [[name, number % 2] for number, (name, _) in enumerate(images)]
    labelled = json.dumps({"labels": labels, "other": {"labels": 3}}).encode()
    outcome = ingest([zipped(tmp_path / "a.zip", [("dataset.json", labelled), *images])])
    assert classes_of(outcome) == ["0", "1"] * 3
    unlabelled = b'{"labels": null}'
    outcome = ingest([zipped(tmp_path / "b.zip", [("dataset.json", unlabelled), *images])])
    assert outcome.packed.classes is None
    assert outcome.report["received"] == 6
    assert outcome.report["labels"]["without_class_count"] == 6


def test_a_name_in_a_sidecar_counts_before_a_number(ingest: Run, png: Png, tmp_path: Path) -> None:
    numbered = [
        file
        for n in range(6)
        for file in ((f"s/{n:06}.cls", f"{n % 2}\n".encode()), (f"s/{n:06}.png", png(n)))
    ]
    outcome = ingest([tarred(tmp_path / "a.tar", numbered)])
    assert classes_of(outcome) == ["0", "1"] * 3
    (file,) = outcome.report["labels"]["files"]
    assert (file["file"], file["files"], file["pictures"]) == ("a.tar/*.cls", 6, 6)
    named = [
        (f"s/{n:06}.json", json.dumps({"label": name}).encode()) for n, name in enumerate(NAMES)
    ]
    outcome = ingest([tarred(tmp_path / "b.tar", [*named, *numbered])])
    assert classes_of(outcome) == NAMES
    assert outcome.report["received"] == 6


def test_a_loose_table_labels_the_whole_upload(ingest: Run, png: Png, tmp_path: Path) -> None:
    archive = zipped(tmp_path / "a.zip", [(f"p/{n}.png", png(n)) for n in range(4)])
    for number in (4, 5):
        (tmp_path / f"{number}.png").write_bytes(png(number))
    (tmp_path / "labels.csv").write_bytes(csv("file,label"))
    loose = [tmp_path / name for name in ("4.png", "labels.csv", "5.png")]
    assert classes_of(ingest([archive, *loose])) == NAMES
    table = as_parquet({"image": [f"{n}.png" for n in range(6)], "label": NAMES})
    (tmp_path / "labels.parquet").write_bytes(table)
    loose[1] = tmp_path / "labels.parquet"
    assert classes_of(ingest([archive, *loose])) == NAMES


def test_a_table_with_a_single_class_gives_none_and_the_report_says_so(
    ingest: Run, png: Png, tmp_path: Path
) -> None:
    files = [(f"{n}.png", png(n)) for n in range(3)]
    table = ("labels.csv", b"file,label\n0.png,cat\n1.png,cat\n2.png,cat\n")
    outcome = ingest([zipped(tmp_path / "a.zip", [*files, table])])
    assert outcome.packed.classes is None
    (note,) = outcome.report["notes"]
    assert note.startswith("The label files give all pictures the same class.")


def test_images_and_rows_without_a_match_are_reported(
    ingest: Run, png: Png, tmp_path: Path
) -> None:
    table = b"file_name,label\n0.png,dog\n1.png,cat\n1.png,cow\n2.png,\n9.png,cat\n8.png,cat\n"
    images = [(f"f{n % 2}/{n}.png", png(n)) for n in range(4)]
    outcome = ingest([zipped(tmp_path / "a.zip", [*images, ("metadata.csv", table)])])
    labels = outcome.report["labels"]
    assert (labels["without_class_count"], labels["without_class"]) == (2, ["f0/2.png", "f1/3.png"])
    (file,) = labels["files"]
    assert (file["rows"], file["pictures"]) == (6, 3)
    assert (file["without_picture_count"], file["without_picture"]) == (2, ["9.png", "8.png"])
    assert labels["contradicted"] == 1
    assert "folders are not used" in labels["says"]


UNUSABLE = {
    "cut short": ("dataset.json", b'{"labels": [["0.png", 1], ["1.p', "not JSON"),
    "Latin-1": ("dataset.json", b'{"labels": [["\xe9.png", 1]]}', "invalid bytes in UTF8 string."),
    "vectors": (
        "dataset.json",
        b'{"labels": [["0.png", [0.5, 1]]]}',
        "label 1 is a list of numbers",
    ),
    "other JSON": ("dataset.json", b'{"images": []}', 'no "labels"'),
    "a short line": ("labels.csv", b"file,label\n0.png,1\n1.png,2\n2.png", "line 4 has 1 of 2"),
    "UTF-16 without a mark": (
        "labels.csv",
        "file,label\n0.png,1\n".encode("utf-16-le"),
        "not text in UTF-8",
    ),
    "half of UTF-16": (
        "a.csv",
        csv("file,label").decode().encode("utf-16")[:-1],
        "not text in UTF-8",
    ),
    "other columns": ("a.csv", b"file,width,height\n0.png,1,1\n", "none of its columns holds"),
    "no files": ("a.csv", b"width,height,label\n1,1,cat\n", "none of its columns names files"),
    "captions": ("metadata.csv", b"file_name,text\n0.png,a dog\n", "none of its columns holds"),
    "other pictures": ("a.csv", b"file,label\nx.png,1\n", "none of its 1 rows names a picture"),
    "no rows": ("a.csv", b"file,label\n", "it has no rows"),
    "bad lines": ("a.jsonl", b'{"file_name": "0.png", "label": 1}\n{"fi', "line 2 is not JSON"),
    "nested labels": ("a.jsonl", b'{"file": "0.png", "label": [1]}\n', "line 1: a list"),
    "no Parquet": ("metadata.parquet", b"PAR1 and no more", "damaged"),
    "a pointer": ("metadata.csv", b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
    "several lines": ("f/0.cls", b"1\n2", "several lines"),
    "a long string": (
        "dataset.json",
        b'{"labels": [["' + b"a" * 2_000_000 + b'", 1]]}',
        "a string or number in it is longer",
    ),
    "a long name": ("dataset.json", b'{"' + b"a" * 5000 + b'": [1]}', "nested too deeply"),
    "deep objects": ("dataset.json", b'{"a":' * 100_000, "nested too deeply"),
    "deep lists": ("dataset.json", b'{"labels":' + b"[" * 100_000, "not a pair of a path"),
    "deep lines": ("a.jsonl", b'{"file":' * 100_000 + b"\n", "line 1 is not JSON"),
    "a long number": ("dataset.json", b'{"labels": [["0.png", ' + b"9" * 5000, "not JSON"),
    "a long line": ("a.csv", b"file,label\n" + b"a" * 1_100_000, "line 2 is longer than 1,048,576"),
    "many cells": ("a.csv", b"file,label\n" + b"a," * 600_000, "line 2 is longer than 1,048,576"),
    "a long row": ("a.csv", b"file,label\n" + b'"\n",' * 300_000, "line 2 is longer than"),
    "a long path": (
        "a.jsonl",
        json.dumps({"file": "a" * 5000, "label": 1}).encode(),
        "a path in it",
    ),
    "a long class": ("a.csv", b"file,label\n0.png," + b"c" * 5000, "a class in it has 5,000"),
    "no sidecar": ("f/x.cls", b"1", "no picture of the same name"),
    "no class in it": ("f/0.json", b'{"caption": "a dog"}', "its JSON holds no class"),
}


@pytest.mark.parametrize("fault", UNUSABLE)
def test_an_unusable_label_file_is_rejected_with_the_reason(
    ingest: Run, png: Png, tmp_path: Path, fault: str
) -> None:
    name, data, reason = UNUSABLE[fault]
    images = [(f"{'fg'[n % 2]}/{n}.png", png(n)) for n in range(4)]
    outcome = ingest([zipped(tmp_path / "a.zip", [(name, data), *images])])
    assert outcome.packed.classes == ["f", "g"]  # none of its rows counts
    assert outcome.report["rejected_count"] == 1
    ((file, told),) = outcome.reasons.items()
    assert file.endswith(name)
    assert told.startswith("label file not used: ")
    assert reason in told


def test_the_manifest_of_a_synthesis_is_neither_a_label_file_nor_rejected(
    ingest: Run, png: Png, tmp_path: Path
) -> None:
    images = [(f"{'fg'[n % 2]}/{n}.png", png(n)) for n in range(4)]
    manifest = {"recipe": {}, "encoder": "", "classes": ["f", "g"], "shards": []}
    files = [("manifest.json", json.dumps(manifest).encode()), *images]
    outcome = ingest([zipped(tmp_path / "a.zip", files)])
    assert (outcome.report["received"], outcome.reasons) == (4, {})
    assert outcome.packed.classes == ["f", "g"]
    files[0] = ("manifest.json", b'{"classes": ["f", "g"]}')
    outcome = ingest([zipped(tmp_path / "a.zip", files)])
    assert "its JSON holds no class" in outcome.reasons["manifest.json"]


def test_a_label_file_beyond_the_limits_is_not_read(
    ingest: Run, png: Png, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(label_files, "MAX_TABLE_BYTES", 100)
    images = [(f"{n}.png", png(n)) for n in range(6)]
    padded = csv("file,label") + b" " * 100
    outcome = ingest([zipped(tmp_path / "a.zip", [("a.csv", padded), *images])])
    assert "at most 100 are read" in outcome.reasons["a.csv"]
    monkeypatch.setattr(label_files, "MAX_ROWS", 5)
    outcome = ingest([zipped(tmp_path / "b.zip", [("a.csv", csv("file,label")), *images])])
    assert "at most 5 rows" in outcome.reasons["a.csv"]
    assert outcome.packed.classes is None


def test_a_label_file_that_is_damaged_in_its_zip_is_not_used(
    ingest: Run, png: Png, tmp_path: Path
) -> None:
    images = [(f"{n}.png", png(n)) for n in range(6)]
    path = zipped(tmp_path / "a.zip", [("a.csv", csv("file,label")), *images])
    path.write_bytes(path.read_bytes().replace(b"file,label", b"FILE,label", 1))
    outcome = ingest([path])
    assert outcome.reasons["a.csv"].startswith("label file not used: damaged in its zip")
    assert outcome.report["accepted"] == 6


def test_a_class_may_be_any_json_string(ingest: Run, png: Png, tmp_path: Path) -> None:
    lines = [json.dumps({"file": f"{n}.png", "label": "\ud800" if n % 2 else "a"}) for n in (0, 1)]
    recipe = b'{"model":"m","checkpoint":"c","sha256":"s","class":"\\ud800"}'
    images = [(f"{n}.png", png(n) + recipe) for n in (0, 1)]
    archive = zipped(tmp_path / "a.zip", [("l.jsonl", "\n".join(lines).encode()), *images])
    assert ingest([archive]).packed.classes == ["a", "\N{REPLACEMENT CHARACTER}"]


def test_a_path_above_the_archive_is_found_by_its_end(
    ingest: Run, png: Png, tmp_path: Path
) -> None:
    images = [(f"images/{n}.png", png(n)) for n in range(6)]
    table = csv("file,label", "../images/{}.png")
    outcome = ingest([zipped(tmp_path / "a.zip", [("a.csv", table), *images])])
    assert classes_of(outcome) == NAMES


def test_an_image_without_a_label_takes_that_of_its_duplicate(
    ingest: Run, png: Png, tmp_path: Path
) -> None:
    images = [(f"{n}.png", png(n)) for n in range(3)]
    images += [("copies/0.png", png(0)), ("copies/1.png", png(1))]
    table = b"file,label\n1.png,dog\n2.png,dog\ncopies/0.png,cat\ncopies/1.png,cat\n"
    outcome = ingest([zipped(tmp_path / "a.zip", [*images, ("a.csv", table)])])
    assert classes_of(outcome) == ["cat", "dog", "dog"]
    assert outcome.report["unclassified"] is None
    assert outcome.report["labels"]["without_class"] == []
    (note,) = outcome.report["notes"]
    assert note.startswith("1 duplicate lies in another class than the first copy")


@pytest.mark.parametrize(
    ("limit", "value", "reason"),
    [
        ("MAX_ROWS", 5, "at most 5 rows"),
        ("MAX_TEXT_CHARACTERS", 4, "at most 4 are read"),
        ("MAX_ALL_CHARACTERS", 30, "at most 30 characters"),
    ],
)
@pytest.mark.parametrize("is_loose", [True, False], ids=["loose", "in a zip"])
def test_a_parquet_of_labels_beyond_the_limits_is_rejected_and_the_images_are_packed(
    ingest: Run, png: Png, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    limit: str, value: int, reason: str, is_loose: bool,
) -> None:  # fmt: skip
    monkeypatch.setattr(label_files, limit, value)
    images = [(f"{n}.png", png(n)) for n in range(6)]
    table = as_parquet({"file_name": [name for name, _ in images], "label": NAMES})
    name = "metadata.parquet"
    sources = [zipped(tmp_path / "a.zip", images if is_loose else [(name, table), *images])]
    if is_loose:
        (tmp_path / name).write_bytes(table)
        sources.insert(0, tmp_path / name)
    outcome = ingest(sources)
    assert outcome.report["accepted"] == 6
    assert reason in outcome.reasons[name]
    assert outcome.packed.classes is None


def test_an_image_with_the_name_of_a_label_file_is_an_image(
    ingest: Run, png: Png, tmp_path: Path
) -> None:
    files = [("dataset.json", png(1)), ("labels.csv", png(2)), ("1.cls", png(3))]
    assert ingest([zipped(tmp_path / "a.zip", files)]).report["accepted"] == 3


def test_rows_match_duplicates_and_rejected_images(ingest: Run, png: Png, tmp_path: Path) -> None:
    images = [(f"{n}.png", png(n)) for n in range(4)]
    images += [("4.png", png(0)), ("5.png", b"no picture")]
    outcome = ingest([zipped(tmp_path / "a.zip", [*images, ("a.csv", csv("file,label"))])])
    (file,) = outcome.report["labels"]["files"]
    assert (file["pictures"], file["without_picture_count"]) == (6, 0)
    assert classes_of(outcome) == NAMES[:4]


@pytest.mark.parametrize(
    "path", ["/home/me/pets/img/{}.png", "C:\\pets\\img\\{}.png", "https://example.org/img/{}.png"]
)
def test_a_longer_path_names_the_image_that_it_ends_with(
    ingest: Run, png: Png, tmp_path: Path, path: str
) -> None:
    files = [(f"img/{n}.png", png(n)) for n in range(6)]
    table = ("labels.csv", csv("file,label", path))
    outcome = ingest([zipped(tmp_path / "a.zip", [*files, table])])
    assert classes_of(outcome) == NAMES


def test_longer_paths_with_the_same_end_name_no_image(
    ingest: Run, png: Png, tmp_path: Path
) -> None:
    files = [(f"{n}.png", png(n)) for n in range(3)]
    rows = [f"/{part}/{n}.png,{part}" for part in ("train", "test") for n in range(3)]
    table = ("labels.csv", "\n".join(["file,label", *rows]).encode())
    outcome = ingest([zipped(tmp_path / "a.zip", [*files, table])])
    assert outcome.packed.classes is None
    assert "none of its 6 rows names a picture" in outcome.reasons["a.zip/labels.csv"]


def test_a_byte_order_mark_is_ignored(ingest: Run, png: Png, tmp_path: Path) -> None:
    mark = b"\xef\xbb\xbf"
    images = [(f"{n}.png", png(n)) for n in range(6)]
    sidecars = [(f"{n}.cls", mark + name.encode()) for n, name in enumerate(NAMES)]
    labels = {"labels": [[f"{n}.png", n % 2] for n in range(6)]}
    table = ("dataset.json", mark + json.dumps(labels).encode())
    assert classes_of(ingest([zipped(tmp_path / "a.zip", [*images, *sidecars])])) == NAMES
    outcome = ingest([zipped(tmp_path / "b.zip", [*images, table])])
    assert outcome.packed.classes == ["0", "1"]
