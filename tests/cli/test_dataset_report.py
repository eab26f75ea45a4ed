"""What `moggy dataset add` says of pictures that were examined, and how far that is."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from .conftest import FakeService, Result, as_events, as_json, as_problem

Moggy = Callable[..., Result]

JOB = {"id": "j1", "status": "running", "position": None, "error": None}
PROGRESS = {
    "phase": "embedding",
    "files": 10,
    "accepted": 10,
    "duplicates": 0,
    "rejected": 0,
    "examined": 4,
    "bytes_read": 10,
    "bytes_total": 10,
}


def finding(kind: str, count: int, says: str, suggests: str | None) -> dict[str, Any]:
    return {"kind": kind, "count": count, "says": says, "suggests": suggests, "examples": []}


DATASET: dict[str, Any] = {
    "name": "cats",
    "job": "j1",
    "images": 10,
    "shape": [64, 64, 3],
    "classes": None,
    "horizontal_flip": True,
    "report": {
        "received": 10,
        "accepted": 10,
        "duplicates": 0,
        "rejected_count": 0,
        "rejected": [],
        "doctor": {
            "findings": [
                finding("near_duplicates", 0, "No picture repeats another.", None),
                finding("blurred", 2, "2 pictures show no fine detail.", "Leave them out."),
            ],
            "class_balance": None,
            "effective_images": {"says": "10 of them are as varied as 7.", "suggests": None},
        },
    },
}


def test_what_the_doctor_found_is_printed_with_its_advice(
    service: FakeService, moggy: Moggy, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(b"aaa")
    service.on("POST /v1/datasets", as_json(DATASET, 202))
    service.on("GET /v1/datasets/cats", as_problem(404, "Not found", "no"), as_json(DATASET))
    service.on(
        "GET /v1/jobs/j1/events",
        as_events((1, "progress", PROGRESS), (2, "end", JOB | {"status": "succeeded"})),
    )
    result = moggy(
        *("dataset", "add", tmp_path / "a.png", "--name", "cats", "--near-duplicates", "drop")
    )
    assert result.code == 0
    assert result.out.splitlines()[2:] == [
        "  2 pictures show no fine detail. Leave them out.",
        "  10 of them are as varied as 7.",
        "  to see them: GET /v1/datasets/cats/doctor.png",
    ]
    assert "embedding: 40 % 4 pictures" in result.err
    assert b'name="near_duplicates"\r\n\r\ndrop' in service.asked[1].body


def test_notes_are_printed_and_the_code_page_is_sent(
    service: FakeService, moggy: Moggy, tmp_path: Path
) -> None:
    (tmp_path / "a.zip").write_bytes(b"aaa")
    report = DATASET["report"] | {"notes": ["a.zip: 3 names are not UTF-8."], "doctor": None}
    dataset = DATASET | {"report": report}
    service.on("POST /v1/datasets", as_json(DATASET, 202))
    service.on("GET /v1/datasets/cats", as_problem(404, "Not found", "no"), as_json(dataset))
    service.on("GET /v1/jobs/j1/events", as_events((1, "end", JOB | {"status": "succeeded"})))
    result = moggy(*("dataset", "add", tmp_path / "a.zip", "--name", "cats", "--names", "gbk"))
    lines = result.out.splitlines()
    assert "  a.zip: 3 names are not UTF-8." in lines
    assert b'name="names"\r\n\r\ngbk' in service.asked[1].body
