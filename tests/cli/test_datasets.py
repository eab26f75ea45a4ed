"""Datasets: uploaded, followed until they are packed, listed, shown."""

import email
import email.policy
import io
import os
import re
import tarfile
from pathlib import Path
from typing import Any

import pytest

from .conftest import (
    RUNNING_JOB,
    FakeService,
    Moggy,
    as_events,
    as_json,
    as_problem,
)

pytestmark = pytest.mark.usefixtures("quick_retries")

DATASET: dict[str, Any] = {
    "name": "cats",
    "status": "ready",
    "job": "j1",
    "size": "64",
    "fit": "crop",
    "channels": "auto",
    "images": 10,
    "shape": [64, 96, 3],
    "classes": ["tabby", "white"],
    "horizontal_flip": True,
    "bytes": 368_640,
    "error": None,
    "created_at": "2026-01-02T03:04:05Z",
    "report": {
        "received": 11,
        "accepted": 10,
        "duplicates": 0,
        "rejected_count": 1,
        "rejected": [{"file": "a.txt", "reason": "not an image"}],
        "doctor": {
            "embedding": "e",
            "findings": [
                {"kind": "blank", "count": 2, "says": "2 are blank.", "suggests": "Look.",
                 "examples": []}
            ],
            "class_balance": {"counts": [7, 3], "effective": 1.8, "says": "2 classes.",
                              "suggests": None},
            "effective_images": None,
        },
    },
}  # fmt: skip
INGESTED = {
    "files": 4,
    "accepted": 3,
    "duplicates": 0,
    "rejected": 1,
    "bytes_read": 10,
    "bytes_total": 10,
}
EVENTS = "GET /v1/jobs/j1/events"
RUNNING = {"status": "running", "attempt": 1, "error": None}
SUCCEEDED = {"status": "succeeded", "error": None}
PACKED: dict[str, Any] = {
    "name": "cats",
    "status": "ready",
    "job": "j1",
    "images": 10,
    "shape": [64, 64, 3],
    "classes": ["tabby", "white"],
    "horizontal_flip": True,
    "report": {
        "received": 17,
        "accepted": 10,
        "duplicates": 1,
        "rejected_count": 6,
        "rejected": [{"file": f"{n}.txt", "reason": "not an image"} for n in range(6)],
    },
}
OPTIONS = {
    "--size": "96x64",
    "--fit": "pad",
    "--channels": "grey",
    "--horizontal-flip": "no",
    "--near-duplicates": "drop",
    "--unclassified": "drop",
    "--names": "shift_jis",
    "--levels": "auto",
}
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


EXAMINED: dict[str, Any] = {
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


def form_parts(content_type: str, body: bytes) -> list[tuple[str, str | None, Any]]:
    """(name, file name, content) of each part of a multipart form."""
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    message = email.message_from_bytes(head + body, policy=email.policy.HTTP)
    return [
        (
            str(part.get_param("name", header="content-disposition")),
            part.get_filename(),
            part.get_payload(decode=True),
        )
        for part in message.iter_parts()
    ]


def test_add_uploads_waits_and_prints_the_report(
    service: FakeService, moggy: Moggy, tmp_path: Path
) -> None:
    folder = tmp_path / "cats"
    folder.mkdir()
    (folder / "a.png").write_bytes(b"aaa")
    archive = tmp_path / "more.zip"
    archive.write_bytes(os.urandom(200_000))
    service.on("POST /v1/datasets", as_json(PACKED, 202))
    missing = as_problem(404, "Not found", "no dataset")
    service.on("GET /v1/datasets/cats", missing, as_json(PACKED))
    service.on(
        EVENTS,
        as_events((1, "state", RUNNING), (2, "progress", INGESTED), (3, "end", SUCCEEDED)),
    )
    result = moggy(
        *("dataset", "add", folder, archive, "--name", "cats", "--size", "96x64", "--fit", "pad"),
        *("--channels", "rgba", "--horizontal-flip", "no"),
    )
    assert result.code == 0
    assert result.out.splitlines() == [
        "cats: 10 images of 64×64×3 from 17 files: 10 accepted, 1 duplicates, 6 rejected",
        "  classes: tabby, white",
        "  training may mirror the pictures: yes",
        *(f"  rejected {n}.txt: not an image" for n in range(5)),
        "  … and 1 more",
    ]
    assert "10 B of 10 B, 3 accepted, 1 rejected" in result.err
    upload = service.received[1]
    assert int(upload.headers["Content-Length"]) == len(upload.body)
    *fields, first, second = form_parts(upload.headers["Content-Type"], upload.body)
    assert {name: content for name, _, content in fields} == {
        "name": b"cats",
        "size": b"96x64",
        "fit": b"pad",
        "channels": b"rgba",
        "horizontal_flip": b"no",
    }
    assert first[:2] == ("files", "cats.tar")
    with tarfile.open(fileobj=io.BytesIO(first[2])) as packed:
        assert packed.getnames() == ["cats/a.png"]  # several paths were given
    assert second == ("files", "more.zip", archive.read_bytes())


def test_a_name_in_use_is_refused_before_the_upload(
    service: FakeService, moggy: Moggy, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(b"aaa")
    service.on("GET /v1/datasets/cats", as_json(PACKED))
    result = moggy("dataset", "add", tmp_path / "a.png", "--name", "cats")
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("Conflict: there is a dataset 'cats' already")
    assert service.lines() == ["GET /v1/datasets/cats"]


def test_a_failed_dataset_can_be_uploaded_again(
    service: FakeService, moggy: Moggy, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(b"aaa")
    service.on("GET /v1/datasets/cats", as_json(PACKED | {"status": "failed"}))
    service.on("POST /v1/datasets", as_json(PACKED, 202))
    assert moggy("dataset", "add", tmp_path / "a.png", "--name", "cats", "--no-wait").code == 0


def test_a_failed_ingest_prints_its_error(
    service: FakeService, moggy: Moggy, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(b"aaa")
    service.on("POST /v1/datasets", as_json(PACKED, 202))
    ended = {"status": "failed", "error": "only 1 usable image: at least 2 are needed"}
    service.on(EVENTS, as_events((1, "end", ended)))
    result = moggy("dataset", "add", tmp_path / "a.png", "--name", "cats")
    assert result.code == 1
    assert result.err.splitlines()[-1] == "cats: only 1 usable image: at least 2 are needed"


def test_without_waiting_the_ingest_job_is_printed(
    service: FakeService, moggy: Moggy, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(b"aaa")
    service.on("POST /v1/datasets", as_json(PACKED, 202))
    result = moggy("dataset", "add", tmp_path / "a.png", "--name", "cats", "--no-wait")
    assert (result.code, result.out) == (0, "cats: uploaded, and being packed by job j1\n")


def test_every_option_of_an_upload_is_sent_as_a_field(
    service: FakeService, moggy: Moggy, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(b"aaa")
    service.on("POST /v1/datasets", as_json(PACKED, 202))
    service.on("GET /v1/datasets/cats", as_problem(404, "Not found", "no"))
    options = [word for option in OPTIONS.items() for word in option]
    command = ("dataset", "add", tmp_path / "a.png", "--name", "cats", "--no-wait", *options)
    assert moggy(*command).code == 0
    for option, value in OPTIONS.items():
        field = option[2:].replace("-", "_")
        assert f'name="{field}"\r\n\r\n{value}\r\n'.encode() in service.received[1].body
    help_text = moggy("dataset", "add", "--help").out
    assert set(re.findall(r"--[a-z-]+", help_text)) == {
        *OPTIONS, "--name", "--wait", "--no-wait", "--help"
    }  # fmt: skip


def test_following_an_ingest_prints_the_report(service: FakeService, moggy: Moggy) -> None:
    service.on("GET /v1/jobs/j1", as_json(RUNNING_JOB | {"kind": "ingest", "dataset": "cats"}))
    service.on("GET /v1/datasets/cats", as_json(PACKED))
    service.on(EVENTS, as_events((1, "state", RUNNING), (2, "end", SUCCEEDED)))
    result = moggy("follow", "j1")
    assert result.code == 0
    assert result.out.startswith("cats: ")


def test_the_findings_of_the_doctor_are_printed_with_its_advice(
    service: FakeService, moggy: Moggy, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(b"aaa")
    service.on("POST /v1/datasets", as_json(EXAMINED, 202))
    service.on("GET /v1/datasets/cats", as_problem(404, "Not found", "no"), as_json(EXAMINED))
    service.on(
        "GET /v1/jobs/j1/events",
        as_events((1, "progress", PROGRESS), (2, "end", SUCCEEDED)),
    )
    result = moggy(
        *("dataset", "add", tmp_path / "a.png", "--name", "cats", "--near-duplicates", "drop")
    )
    assert result.code == 0
    assert result.out.splitlines()[2:] == [
        "  2 pictures show no fine detail. Leave them out.",
        "  10 of them are as varied as 7.",
        f"  to see them: {service.url}/v1/datasets/cats/doctor.png",
    ]
    assert "embedding: 40 % 4 pictures" in result.err
    assert b'name="near_duplicates"\r\n\r\ndrop' in service.received[1].body


def test_notes_are_printed_and_the_code_page_is_sent(
    service: FakeService, moggy: Moggy, tmp_path: Path
) -> None:
    (tmp_path / "a.zip").write_bytes(b"aaa")
    report = EXAMINED["report"] | {"notes": ["a.zip: 3 names are not UTF-8."], "doctor": None}
    dataset = EXAMINED | {"report": report}
    service.on("POST /v1/datasets", as_json(EXAMINED, 202))
    service.on("GET /v1/datasets/cats", as_problem(404, "Not found", "no"), as_json(dataset))
    service.on("GET /v1/jobs/j1/events", as_events((1, "end", SUCCEEDED)))
    result = moggy(*("dataset", "add", tmp_path / "a.zip", "--name", "cats", "--names", "gbk"))
    lines = result.out.splitlines()
    assert "  a.zip: 3 names are not UTF-8." in lines
    assert b'name="names"\r\n\r\ngbk' in service.received[1].body


def test_a_dataset_is_shown_with_its_classes_and_findings(
    service: FakeService, moggy: Moggy
) -> None:
    service.on("GET /v1/datasets/cats", as_json(DATASET))
    shown = moggy("dataset", "show", "cats")
    assert (shown.code, shown.err) == (0, "")
    first, *lines = shown.out.splitlines()
    assert first.startswith("cats: ready, added 2026-01-0")
    assert lines == [
        "  packed by job j1: size 64, fit crop, channels auto",
        "cats: 10 images of 96×64×3 from 11 files: 10 accepted, 0 duplicates, 1 rejected",
        "  classes: tabby 7, white 3",
        "  training may mirror the pictures: yes",
        "  2 are blank. Look.",
        "  2 classes.",
        f"  to see them: {service.url}/v1/datasets/cats/doctor.png",
        "  rejected a.txt: not an image",
    ]


def test_a_dataset_that_is_not_ready_is_shown_with_its_job_or_error(
    service: FakeService, moggy: Moggy
) -> None:
    waiting = DATASET | dict.fromkeys(("images", "shape", "classes", "bytes", "report"))
    service.on(
        "GET /v1/datasets/cats",
        as_json(waiting | {"status": "ingesting"}),
        as_json(waiting | {"status": "failed", "error": "0 of 3 files can be used"}),
    )
    assert "`moggy follow j1`" in moggy("dataset", "show", "cats").out
    assert "error: 0 of 3 files can be used" in moggy("dataset", "show", "cats").out


def test_of_many_classes_only_the_first_are_printed(service: FakeService, moggy: Moggy) -> None:
    report = DATASET["report"] | {"doctor": None}
    many = {"classes": [f"class {n}" for n in range(10_000)], "report": report}
    service.on("GET /v1/datasets/cats", as_json(DATASET | many))
    line = moggy("dataset", "show", "cats").out.splitlines()[3]
    assert line.endswith("class 19 and 9,980 more")
