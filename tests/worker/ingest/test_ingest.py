"""Whole ingests in this process: which files are accepted and how they are packed."""

import gzip
import io
import shutil
import tarfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from real_images import every_nth

from worker.ingest.decoding.reader import Reader
from worker.ingest.errors import IngestError, Rejected
from worker.ingest.ingest import Ingest
from worker.ingest.request import IngestRequest

Png = Callable[[int], bytes]
Run = Callable[..., Any]


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def tarred(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def loose(folder: Path, files: dict[str, bytes]) -> list[Path]:
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return [folder / name for name in files]


def test_real_cats_are_all_accepted(ingest: Run, shared_data: Path, tmp_path: Path) -> None:
    source = every_nth(shared_data / "cats-3000.zip", 5, tmp_path / "cats.zip")
    outcome = ingest([source], size=64)
    assert outcome.packed.shape == [64, 64, 3]
    assert outcome.packed.horizontal_flip is True
    assert outcome.packed.classes is None
    counts = {name: value for name, value in outcome.report.items() if name != "doctor"}
    assert counts == {
        "received": 600,
        "accepted": 600,
        "duplicates": 0,
        "rejected_count": 0,
        "rejected": [],
        "notes": [],
        "remarks": [],
        "unclassified": None,
        "labels": None,
    }
    with zipfile.ZipFile(source) as archive:
        names = archive.namelist()
        for number in (0, 1, 177, 599):
            with Image.open(io.BytesIO(archive.read(names[number]))) as image:
                assert np.array_equal(outcome.images[number], np.asarray(image))


def test_real_digits_have_their_classes(ingest: Run, shared_data: Path, tmp_path: Path) -> None:
    source = every_nth(shared_data / "digits-labelled.zip", 10, tmp_path / "digits.zip")
    outcome = ingest([source], size=28)
    assert outcome.packed.shape == [28, 28, 1]
    assert outcome.packed.classes == [str(digit) for digit in range(10)]
    labels = np.load(outcome.folder / "labels.npy")
    with zipfile.ZipFile(source) as archive:
        folders = [int(name.split("/")[-2]) for name in archive.namelist()]
    assert labels.tolist() == folders


def test_the_same_pictures_in_any_archive_make_the_same_dataset(
    ingest: Run, png: Png, tmp_path: Path
) -> None:
    files = {f"{number}.png": png(number) for number in range(50)}
    hashes = {
        ingest(sources).packed.content_hash
        for sources in (
            [zipped(tmp_path / "a.zip", files)],
            [zipped(tmp_path / "a.zip", files)],
            [tarred(tmp_path / "a.tar.gz", files)],
            loose(tmp_path, files),
        )
    }
    assert len(hashes) == 1


def test_archives_and_pictures_together_make_one_dataset(
    ingest: Run, png: Png, tmp_path: Path
) -> None:
    sources = [
        zipped(tmp_path / "a.zip", {"cats/1.png": png(1)}),
        *loose(tmp_path, {"2.png": png(2)}),
        tarred(tmp_path / "b.tgz", {"cats/3.png": png(3)}),
    ]
    assert ingest(sources).report["accepted"] == 3


def test_a_kind_is_known_by_content_not_by_name(ingest: Run, png: Png, tmp_path: Path) -> None:
    sources = [
        zipped(tmp_path / "a.png", {"x": png(1)}),
        tarred(tmp_path / "b.zip", {"y.txt": png(2)}),
        *loose(tmp_path, {"c.tar.gz": png(3)}),
    ]
    assert ingest(sources).report["accepted"] == 3


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_files_that_systems_leave_behind_are_not_received(
    ingest: Run, png: Png, tmp_path: Path, pack: Callable[..., Path]
) -> None:
    files = {"cats/1.png": png(1), "cats/2.png": png(2)}
    litter = ["__MACOSX/cats/._1.png", "cats/._2.png", ".DS_Store", "cats/Thumbs.db"]
    outcome = ingest([pack(tmp_path / "a", files | dict.fromkeys(litter, b"litter"))])
    assert (outcome.report["received"], outcome.report["accepted"]) == (2, 2)


def test_folders_are_not_received(ingest: Run, png: Png, tmp_path: Path) -> None:
    for name in ("cats/1.png", "dogs/deep/2.png"):
        (tmp_path / "all" / name).parent.mkdir(parents=True)
        (tmp_path / "all" / name).write_bytes(png(len(name)))
    for kind in ("zip", "tar", "gztar"):
        source = Path(shutil.make_archive(str(tmp_path / "a"), kind, tmp_path / "all"))
        outcome = ingest([source])
        assert outcome.report["received"] == 2
        assert outcome.packed.classes == ["cats", "deep"]


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_each_file_that_is_no_picture_is_rejected_with_the_reason(
    ingest: Run, png: Png, tmp_path: Path, pack: Callable[..., Path]
) -> None:
    small = io.BytesIO()
    Image.new("RGB", (7, 7)).save(small, "PNG")
    large = io.BytesIO()
    Image.new("L", (1100, 1000)).save(large, "PNG")
    inner = zipped(tmp_path / "inner", {"1.png": png(9)}).read_bytes()
    inner_tar = tarred(tmp_path / "inner.tgz", {"1.png": png(9)}).read_bytes()
    expected = {
        "cats/readme.txt": (b"about cats", "not read: a text file"),
        "cats/empty.png": (b"", "not an image: the file is empty"),
        "cats/cut.png": (png(3)[:1500], "truncated: "),
        "cats/small.png": (small.getvalue(), "too small: 7 × 7"),
        "cats/large.png": (large.getvalue(), "too many pixels: 1100 × 1000"),
        "cats/more.zip": (inner, "nested archive: a zip"),
        "cats/more.tgz": (inner_tar, "nested archive: a gzip"),
        "../../outside.png": (png(4), "unsafe path"),
        "/etc/absolute.png": (png(5), "unsafe path"),
    }
    files = {name: data for name, (data, _) in expected.items()}
    files |= {"cats/1.png": png(1), "cats/2.png": png(2)}
    outcome = ingest([pack(tmp_path / "a", files)], max_pixels=1_000_000)
    assert outcome.report["received"] == len(files)
    assert outcome.report["accepted"] == 2
    assert outcome.reasons.keys() == expected.keys()
    for name, (_, reason) in expected.items():
        assert outcome.reasons[name].startswith(reason), name
    pictured = {file["file"] for file in outcome.report["rejected"] if "thumbnail" in file}
    assert pictured == {"cats/cut.png", "cats/small.png"}
    thumbnails = np.load(outcome.folder / "rejected.npy")
    assert thumbnails.shape == (2, 64, 64, 4)
    assert not (tmp_path.parent / "outside.png").exists()


def test_a_source_that_is_neither_archive_nor_picture_is_rejected(
    ingest: Run, png: Png, tmp_path: Path
) -> None:
    sources = loose(
        tmp_path,
        {
            "a.png": png(1),
            "b.png": png(2),
            "notes.txt": b"of cats",
            "c.7z": b"7z\xbc\xaf\x27\x1c" + bytes(50),
            ".DS_Store": b"litter",
            "train.gz": gzip.compress(b"an array"),
        },
    )
    outcome = ingest(sources)
    assert outcome.report["received"] == 5
    assert outcome.reasons["notes.txt"].startswith("not read: a text file")
    assert outcome.reasons["c.7z"].startswith("unsupported archive: 7z")
    assert outcome.reasons["train.gz"] == "not an image: a gzip without a tar or an array in it"


def test_copies_are_duplicates_whatever_their_name_or_format(
    ingest: Run, png: Png, tmp_path: Path
) -> None:
    with Image.open(io.BytesIO(png(1))) as image:
        bmp = io.BytesIO()
        image.save(bmp, "BMP")
    files = {"1.png": png(1), "2.png": png(2), "copy of 1.png": png(1), "1.bmp": bmp.getvalue()}
    report = ingest([zipped(tmp_path / "a.zip", files)]).report
    assert (report["accepted"], report["duplicates"]) == (2, 2)


def test_treatments_of_duplicates_are_not_counted(ingest: Run, png: Png, tmp_path: Path) -> None:
    small = io.BytesIO()
    Image.new("RGB", (16, 16), "red").save(small, "PNG")
    files = {"1.png": png(1), "small.png": small.getvalue(), "copy.png": small.getvalue()}
    (note,) = ingest([zipped(tmp_path / "a.zip", files)]).report["notes"]
    assert note.startswith("1 picture was enlarged")
    assert note.endswith("(small.png).")


def test_grey_and_coloured_pictures_make_a_coloured_dataset(
    ingest: Run, png: Png, tmp_path: Path
) -> None:
    files = {}
    for value in range(3):
        grey = io.BytesIO()
        Image.new("L", (32, 32), value).save(grey, "PNG")
        files[f"{value}.png"] = grey.getvalue()
    assert ingest([zipped(tmp_path / "a.zip", files)]).packed.shape == [32, 32, 1]
    mixed = ingest([zipped(tmp_path / "a.zip", files | {"z.png": png(1)})])
    assert mixed.packed.shape == [32, 32, 3]
    assert mixed.images[2, 0, 0].tolist() == [2, 2, 2]


def test_fewer_than_two_pictures_are_no_dataset(ingest: Run, png: Png, tmp_path: Path) -> None:
    files = {"1.png": png(1), "copy.png": png(1), "a.txt": b"text", "b.txt": b"text"}
    with pytest.raises(IngestError, match=r"1 of 4 files can be used.*2 × not read"):
        ingest([zipped(tmp_path / "a.zip", files)])
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["run.json"]


def test_work_grows_with_what_is_done_and_not_with_time(
    run_dir: Callable[..., Path], png: Png, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hang(*_: object, **__: object) -> None:
        time.sleep(0.7)  # in a decoder's thread: the ingest ticks while it waits
        raise Rejected("damaged")

    monkeypatch.setattr(Reader, "fit", hang)
    works: list[int] = []
    folder = run_dir([zipped(tmp_path / "a.zip", {"1.png": png(1)})])
    request = IngestRequest.read(folder / "run.json")
    ingest = Ingest(request, folder / "packed", lambda: works.append(ingest.work))
    with pytest.raises(IngestError):
        ingest.run()
    assert works == sorted(works)
    assert works[0] < works[-1]
    assert max(Counter(works).values()) >= 5  # the ticks while it hung


def test_more_pictures_than_the_limit_fail(ingest: Run, png: Png, tmp_path: Path) -> None:
    files = {f"{number}.png": png(number) for number in range(6)}
    assert ingest([zipped(tmp_path / "a.zip", files)], max_images=6).packed.images == 6
    with pytest.raises(IngestError, match=r"more than 5 pictures.*MOGGY_MAX_DATASET_IMAGES"):
        ingest([zipped(tmp_path / "a.zip", files)], max_images=5)


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_more_bytes_than_the_limit_fail(
    ingest: Run, png: Png, tmp_path: Path, pack: Callable[..., Path]
) -> None:
    files = {f"{number}.png": png(number) for number in range(60)}
    source = pack(tmp_path / "a", files)
    assert ingest([source], max_unpacked_bytes=400_000).report["accepted"] == 60
    with pytest.raises(IngestError, match=r"unpacks to more than 100,000 bytes"):
        ingest([source], max_unpacked_bytes=100_000)


def half_in_classes(png: Png, cover: str = "cover.png") -> dict[str, bytes]:
    classes = {f"{'cat' if n % 2 else 'dog'}/{n}.png": png(n) for n in range(4)}
    return {cover: png(9)} | classes | {"menu.png": png(8)}


def test_pictures_without_a_class_are_reported_and_leave_the_others_none(
    ingest: Run, png: Png, tmp_path: Path
) -> None:
    outcome = ingest([zipped(tmp_path / "a.zip", half_in_classes(png))])
    assert (outcome.packed.images, outcome.packed.classes) == (6, None)
    assert outcome.report["unclassified"] == {
        "count": 2,
        "files": ["cover.png", "menu.png"],
        "left_out": False,
    }
    (note,) = outcome.report["notes"]
    assert note.startswith("2 pictures have no class (cover.png, menu.png), so the dataset has ")
    assert "none of the 2 classes" in note
    assert "unclassified=drop" in note


def test_pictures_without_a_class_are_left_out_on_request(
    ingest: Run, png: Png, tmp_path: Path
) -> None:
    source = zipped(tmp_path / "a.zip", half_in_classes(png))
    outcome = ingest([source], drop_unclassified=True, drop_near_duplicates=True)
    assert (outcome.packed.images, outcome.packed.classes) == (4, ["cat", "dog"])
    assert np.load(outcome.folder / "labels.npy").tolist() == [1, 0, 1, 0]
    assert outcome.report["unclassified"]["left_out"]
    assert outcome.reasons.keys() == {"cover.png", "menu.png"}
    assert all(reason.startswith("no class: ") for reason in outcome.reasons.values())
    for thumbnail, number in zip(np.load(outcome.folder / "rejected.npy"), (9, 8), strict=True):
        with Image.open(io.BytesIO(png(number))) as image:
            enlarged = image.resize((64, 64), Image.Resampling.LANCZOS)
            expected = np.asarray(enlarged.convert("RGBA"))
        assert np.array_equal(thumbnail, expected)
    examples = [
        example
        for finding in outcome.report["doctor"]["findings"]
        for example in finding["examples"]
    ]
    assert {example["file"] for example in examples} <= {
        f"{(n % 2 and 'cat') or 'dog'}/{n}.png" for n in range(4)
    }


def test_a_copy_in_a_class_folder_gives_its_picture_the_class(
    ingest: Run, png: Png, tmp_path: Path
) -> None:
    files = half_in_classes(png) | {"cat/cover.png": png(9), "dog/menu.png": png(8)}
    outcome = ingest([zipped(tmp_path / "a.zip", files | {"dog/1.png": png(1)})])
    assert (outcome.packed.images, outcome.packed.classes) == (6, ["cat", "dog"])
    assert outcome.report["unclassified"] is None
    (note,) = outcome.report["notes"]
    assert note.startswith("1 duplicate lies in another class")
