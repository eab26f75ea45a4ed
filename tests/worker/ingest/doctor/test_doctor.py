"""The whole examination, in an ingest of real cats with planted faults."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFilter
from real_images import cats, digits

CATS = 240
PLANTED = {
    "near_duplicates": 4,
    "outliers": 0,
    "letterboxed": 4,
    "blurred": 4,
    "blank": 3,
    "levels": 0,
}
KINDS = list(PLANTED)

Run = Callable[..., Any]


def jpeg(image: Image.Image) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=50)
    return Image.open(file)


def faults(pictures: np.ndarray) -> dict[str, list[Image.Image]]:
    images = [Image.fromarray(picture) for picture in pictures]
    boxed = pictures.copy()
    boxed[:, :9] = boxed[:, -9:] = 0
    return {
        "near_duplicates": [
            images[0].crop((1, 1, 63, 63)).resize((64, 64)),
            jpeg(images[1]),
            images[2].point([min(255, round(1.1 * level)) for level in range(256)] * 3),
            images[3].transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        ],
        "letterboxed": [Image.fromarray(picture) for picture in boxed[10:14]],
        "blurred": [image.filter(ImageFilter.GaussianBlur(2)) for image in images[14:18]],
        "blank": [Image.new("RGB", (64, 64), (level, 90, 40)) for level in (0, 90, 200)],
    }


@pytest.fixture(scope="module")
def upload(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A zip of real cats, and after them the faults, each named by its kind."""
    pictures = cats(shared_data, CATS)
    path = tmp_path_factory.mktemp("upload") / "cats.zip"
    with zipfile.ZipFile(path, "w") as archive:

        def write(name: str, image: Image.Image) -> None:
            file = io.BytesIO()
            image.save(file, "PNG")
            archive.writestr(name, file.getvalue())

        for number, picture in enumerate(pictures):
            write(f"{number:03}.png", Image.fromarray(picture))
        planted = cats(shared_data, 10, 0), cats(shared_data, 8, CATS)
        for kind, images in faults(np.concatenate(planted)).items():
            for number, image in enumerate(images):
                write(f"{kind}-{number}.png", image)
    return path


def findings(outcome: Any) -> dict[str, Any]:
    doctor = outcome.report["doctor"]
    assert [finding["kind"] for finding in doctor["findings"]] == KINDS
    return {finding["kind"]: finding for finding in doctor["findings"]}


def files(finding: dict[str, Any]) -> list[str]:
    return [example["file"] for example in finding["examples"]]


def test_planted_faults_are_found_and_named(ingest: Run, upload: Path) -> None:
    outcome = ingest([upload], size=64)
    found = findings(outcome)
    for kind in KINDS:
        planted = {f"{kind}-{number}.png" for number in range(PLANTED[kind])}
        assert planted <= set(files(found[kind])), kind
        assert found[kind]["count"] == len(files(found[kind])) < PLANTED[kind] + 8
        assert found[kind]["share"] == pytest.approx(found[kind]["count"] / CATS, rel=0.2)
        assert found[kind]["suggests"] or not found[kind]["count"]
    for example in found["near_duplicates"]["examples"]:
        if example["file"].startswith("near"):
            number = int(example["file"].split("-")[1][0])
            assert example["like"] == {
                "index": number,
                "file": f"{number:03}.png",
                "value": None,
                "like": None,
            }


def test_a_cat_among_digits_is_an_outlier(ingest: Run, shared_data: Path, tmp_path: Path) -> None:
    cat = Image.fromarray(cats(shared_data, 1)[0]).convert("L").resize((28, 28))
    cat.save(tmp_path / "cat.png")
    np.save(tmp_path / "digits.npy", digits(shared_data, 300))
    outcome = ingest([tmp_path / "digits.npy", tmp_path / "cat.png"], size=28)
    worst = findings(outcome)["outliers"]["examples"][0]
    assert (worst["file"], worst["index"]) == ("cat.png", 300)
    assert findings(outcome)["outliers"]["count"] < 6
    assert findings(outcome)["near_duplicates"]["count"] < 6


def test_the_folder_holds_features_index_and_sheet(ingest: Run, upload: Path) -> None:
    outcome = ingest([upload], size=64)
    names = {path.name for path in outcome.folder.iterdir()}
    assert names == {
        *("images.npy", "features.npy", "neighbours.npy", "dataset.json"),
        *("preview.png", "doctor.png"),
    }
    features = np.load(outcome.folder / "features.npy")
    assert (features.shape, features.dtype) == ((len(outcome.images), 128), np.float16)
    assert np.linalg.norm(features.astype(float), axis=1) == pytest.approx(1, abs=2e-3)
    described = json.loads((outcome.folder / "dataset.json").read_text())
    assert described["embedding"] == outcome.report["doctor"]["embedding"]
    assert described["report"] == outcome.report
    with Image.open(outcome.folder / "doctor.png") as sheet:
        assert sheet.width > 1000


def test_near_duplicates_are_dropped_on_request(ingest: Run, upload: Path) -> None:
    kept, dropped = (ingest([upload], size=64, drop_near_duplicates=drop) for drop in (False, True))
    count = findings(kept)["near_duplicates"]["count"]
    assert count >= 4
    assert findings(dropped)["near_duplicates"]["count"] == count
    assert dropped.packed.images == dropped.report["accepted"] == kept.packed.images - count
    assert dropped.report["duplicates"] == kept.report["duplicates"] + count
    assert dropped.packed.content_hash != kept.packed.content_hash
    assert np.load(dropped.folder / "features.npy").shape == (dropped.packed.images, 128)
    for example in findings(dropped)["near_duplicates"]["examples"]:
        assert example["index"] is None
        assert example["like"]["index"] is not None
    # The indices of the other examples are those of the packed images.
    for example in findings(dropped)["blank"]["examples"]:
        assert dropped.images[example["index"]].reshape(-1, 3).std(0).max() < 5


def test_classes_are_those_of_the_remaining_images(
    ingest: Run, shared_data: Path, tmp_path: Path
) -> None:
    pictures = cats(shared_data, 6)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for number, name in enumerate(["a/0", "a/1", "b/2", "b/3", "c/4", "c/5"]):
            picture = Image.fromarray(pictures[0 if name[0] == "c" else number])
            file = io.BytesIO()
            (jpeg(picture) if number < 5 else picture.rotate(1)).save(file, "PNG")
            archive.writestr(f"{name}.png", file.getvalue())
    outcome = ingest([tmp_path / "a.zip"], size=64, drop_near_duplicates=True)
    assert outcome.packed.classes == ["a", "b"]
    assert outcome.report["doctor"]["class_balance"]["counts"] == [2, 2]


def test_pictures_that_are_all_the_same_are_no_dataset_without_repeats(
    ingest: Run, shared_data: Path, tmp_path: Path
) -> None:
    from worker.ingest.errors import IngestError

    picture = Image.fromarray(cats(shared_data, 1)[0])
    for quality in (70, 80, 90):
        picture.save(tmp_path / f"{quality}.jpg", quality=quality)
    sources = sorted(tmp_path.glob("*.jpg"))
    assert ingest(sources, size=64).packed.images == 3
    with pytest.raises(IngestError, match=r"all 3 pictures show almost the same.*=keep"):
        ingest(sources, size=64, drop_near_duplicates=True)
