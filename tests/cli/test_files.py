"""Bringing the files of a job: all of them, each once, and none that is not what was stored."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import RUNNING_JOB, Answer, FakeService, Result, as_events, as_json

Moggy = Callable[..., Result]

FILES = {
    "cats-000000.zip": b"a shard" * 1000,
    "cats-000000.jsonl": b"{}\n",
    "manifest.json": b'{"shards": []}',
}
SUCCEEDED = {"status": "succeeded", "error": None}
PROGRESS = {
    "images_seen": 10,
    "images_total": 20,
    "images_per_second": 400.0,
    "eta_seconds": 2.0,
}


def listed(name: str) -> dict[str, Any]:
    data = FILES[name]
    found = {"sha256": hashlib.sha256(data).hexdigest(), "images": None, "url": ""}
    return {"name": name, "bytes": len(data)} | found


def as_file(data: bytes) -> Answer:
    return 200, "application/zip", data


@pytest.fixture
def files(service: FakeService) -> None:
    """The files of job j1, in two pages, newest first."""
    first, *others = (listed(name) for name in reversed(FILES))
    path = "GET /v1/jobs/j1/files"
    service.on("GET /v1/jobs/j1", as_json({"id": "j1", "kind": "synthesize"}))
    service.on(f"{path}?limit=200", as_json({"items": [first], "next": "2"}))
    service.on(f"{path}?limit=200&cursor=2", as_json({"items": others, "next": None}))
    for name, data in FILES.items():
        service.on(f"{path}/{name}", as_file(data))


def fetched(service: FakeService) -> list[str]:
    return [one.path.rpartition("/")[2] for one in service.asked if "/files/" in one.path]


@pytest.mark.usefixtures("files")
def test_a_synthesis_is_followed_and_its_files_are_fetched(
    service: FakeService, moggy: Moggy, tmp_path: Path
) -> None:
    job = RUNNING_JOB | {
        "kind": "synthesize",
        "model": "cats",
        "config": {"layout": "imagefolder"},
        "result": {"images": 20, "shards": 1},
    }
    service.on("POST /v1/jobs", as_json(job, 202))
    service.on("GET /v1/jobs/j1", as_json(job))
    progress = (1, "progress", PROGRESS)
    service.on("GET /v1/jobs/j1/events", as_events(progress, (2, "end", SUCCEEDED)))
    result = moggy(
        *("synthesize", "cats", "--images", 20, "--out", tmp_path / "new" / "folder"),
        *("--layout", "imagefolder", "--class", "white", "--format", "jpg", "--seed", 7),
        *("--shard-images", 10, "--reject-copies", "--checkpoint", "c1"),
    )
    assert (result.code, result.out) == (0, "j1\n")
    assert service.asked[0].json == {
        "kind": "synthesize",
        "model": "cats",
        "images": 20,
        "seed": 7,
        "class": "white",
        "layout": "imagefolder",
        "format": "jpg",
        "shard_images": 10,
        "reject_copies": True,
        "checkpoint": "c1",
    }
    assert "50 % 10/20 images, 400/s, 2 s left" in result.err
    assert "Job j1 succeeded: 20 images of cats in 1 imagefolder shard." in result.err
    assert result.err.endswith(f"{tmp_path}/new/folder: 3 files, 7.0 kB\n")
    assert fetched(service) == list(FILES)
    for name, data in FILES.items():
        assert (tmp_path / "new" / "folder" / name).read_bytes() == data
    assert "`moggy download j1 --out FOLDER`" in moggy("follow", "j1").err


@pytest.mark.usefixtures("files")
def test_what_is_there_already_is_not_fetched_again(
    service: FakeService, moggy: Moggy, tmp_path: Path
) -> None:
    (tmp_path / "cats-000000.zip").write_bytes(FILES["cats-000000.zip"])
    (tmp_path / "cats-000000.jsonl").write_bytes(b"[]\n")  # as long, and not the same
    assert moggy("download", "j1", "--out", tmp_path).code == 0
    assert fetched(service) == ["cats-000000.jsonl", "manifest.json"]
    assert (tmp_path / "cats-000000.jsonl").read_bytes() == FILES["cats-000000.jsonl"]


@pytest.mark.usefixtures("files")
def test_what_comes_damaged_is_refused_and_leaves_nothing(
    service: FakeService, moggy: Moggy, tmp_path: Path
) -> None:
    service.on("GET /v1/jobs/j1/files/cats-000000.jsonl", as_file(b"[]\n"))
    result = moggy("download", "j1", "--out", tmp_path)
    assert result.code == 1
    assert "cats-000000.jsonl: what came has the sha256" in result.err
    assert [path.name for path in tmp_path.iterdir()] == ["cats-000000.zip"]


def test_a_file_is_no_folder(service: FakeService, moggy: Moggy, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")
    result = moggy("synthesize", "cats", "--images", 20, "--out", tmp_path / "a")
    assert (result.code, result.err) == (2, f"{tmp_path / 'a'} is no folder\n")
    assert service.asked == []
