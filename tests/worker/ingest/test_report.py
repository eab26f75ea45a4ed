import numpy as np

from worker.ingest.report import (
    MAX_LISTED_FILES,
    MAX_THUMBNAILS,
    LabelFileReport,
    LabelReport,
    Report,
)


def test_every_file_counts_but_only_the_first_are_listed() -> None:
    report = Report(accepted=5, duplicates=2)
    for number in range(MAX_LISTED_FILES + 10):
        report.reject(f"{number}.txt", "not an image: a text")
    shown = report.to_json()
    assert shown["received"] == MAX_LISTED_FILES + 17
    assert shown["rejected_count"] == MAX_LISTED_FILES + 10
    assert len(shown["rejected"]) == MAX_LISTED_FILES
    first = {"file": "0.txt", "reason": "not an image: a text", "kind": "not_an_image"}
    assert shown["rejected"][0] == first


def test_the_first_thumbnails_are_kept_and_named() -> None:
    report, picture = Report(), np.zeros((64, 64, 4), np.uint8)
    report.reject("a.txt", "not an image: a text")
    for number in range(MAX_THUMBNAILS + 1):
        report.reject(f"{number}.png", "too small: 3 × 3", picture)
    thumbnails = [file.get("thumbnail") for file in report.to_json()["rejected"]]
    assert thumbnails == [None, *range(MAX_THUMBNAILS), None]
    assert len(report.thumbnails) == MAX_THUMBNAILS


def test_too_few_says_how_many_came_and_why_they_went() -> None:
    report = Report(accepted=1, duplicates=2)
    for side in range(3):
        report.reject(f"{side}.png", f"too small: {side} × {side}")
    report.reject("a.txt", "not an image: a text")
    sentence = report.too_few(2)
    assert "1 of 7 files can be used" in sentence
    assert "3 × too small, 2 × duplicate, 1 × not an image" in sentence
    assert "0.png: too small: 0 × 0" in sentence
    assert Report().too_few(2).endswith("needs at least 2")


def test_dropped_near_duplicates_count_as_duplicates() -> None:
    report = Report(accepted=5, duplicates=2)
    report.drop_near_duplicates(3)
    shown = report.to_json()
    assert (shown["received"], shown["accepted"], shown["duplicates"]) == (7, 2, 5)


def test_labels_are_described_in_the_singular_and_the_plural() -> None:
    files = [LabelFileReport("a.csv", 1, 9, 7, 1, ["ghost.png"])]
    report = LabelReport("files", files, with_class=7, without_class_count=1)
    assert report.to_json()["says"].endswith(
        "; 1 picture has no class; 1 row names no picture of the upload"
    )
    report = LabelReport("files", files * 2, with_class=7, without_class_count=2)
    assert report.to_json()["says"].endswith(
        "; 2 pictures have no class; 2 rows name no picture of the upload"
    )
