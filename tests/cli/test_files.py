"""Files that commands write: complete, verified, and each fetched once."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.cli.errors import CommandError
from app.cli.files import write_file

from .conftest import (
    RUNNING_JOB,
    Answer,
    FakeService,
    Moggy,
    as_events,
    as_json,
)

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
    fields = {"sha256": hashlib.sha256(data).hexdigest(), "images": None, "url": ""}
    return {"name": name, "bytes": len(data)} | fields


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
    requests = [request.path for request in service.received if "/files/" in request.path]
    return [path.rpartition("/")[2] for path in requests]


@pytest.mark.usefixtures("files")
def test_synthesize_follows_the_job_and_fetches_its_files(
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
    assert service.received[0].json == {
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
def test_a_file_that_the_folder_holds_is_not_fetched_again(
    service: FakeService, moggy: Moggy, tmp_path: Path
) -> None:
    (tmp_path / "cats-000000.zip").write_bytes(FILES["cats-000000.zip"])
    (tmp_path / "cats-000000.jsonl").write_bytes(b"[]\n")  # of the same length, with other content
    assert moggy("download", "j1", "--out", tmp_path).code == 0
    assert fetched(service) == ["cats-000000.jsonl", "manifest.json"]
    assert (tmp_path / "cats-000000.jsonl").read_bytes() == FILES["cats-000000.jsonl"]


@pytest.mark.usefixtures("files")
def test_a_damaged_download_is_refused_and_not_kept(
    service: FakeService, moggy: Moggy, tmp_path: Path
) -> None:
    service.on("GET /v1/jobs/j1/files/cats-000000.jsonl", as_file(b"[]\n"))
    result = moggy("download", "j1", "--out", tmp_path)
    assert result.code == 1
    assert "cats-000000.jsonl: the downloaded file has the sha256" in result.err
    assert [path.name for path in tmp_path.iterdir()] == ["cats-000000.zip"]


def test_an_out_that_is_a_file_is_refused(
    service: FakeService, moggy: Moggy, tmp_path: Path
) -> None:
    (tmp_path / "a").write_bytes(b"")
    result = moggy("synthesize", "cats", "--images", 20, "--out", tmp_path / "a")
    assert (result.code, result.err) == (2, f"{tmp_path / 'a'} is not a folder\n")
    assert service.received == []


def test_an_interrupted_write_keeps_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    out = tmp_path / "cats.png"
    out.write_bytes(b"old")

    def broken() -> Iterator[bytes]:
        yield b"new"
        raise CommandError("the connection broke")

    with pytest.raises(CommandError, match="the connection broke"):
        write_file(out, broken())
    assert out.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [out]


def test_a_written_file_has_the_permissions_of_the_umask(tmp_path: Path) -> None:
    assert write_file(tmp_path / "cats.png", [b"ab", b"c"]) == 3
    assert (tmp_path / "cats.png").read_bytes() == b"abc"
    mask = os.umask(0)
    os.umask(mask)
    assert (tmp_path / "cats.png").stat().st_mode & 0o777 == 0o666 & ~mask
