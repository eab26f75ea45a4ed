"""Jobs: listed, followed, steered, and their logs, files and samples fetched."""

from pathlib import Path

import pytest

from .conftest import (
    LISTED_JOB,
    RUNNING_JOB,
    FakeService,
    Moggy,
    Result,
    as_json,
    as_problem,
)

pytestmark = pytest.mark.usefixtures("quick_retries")


def test_filters_are_sent_with_every_page_of_the_list(service: FakeService, moggy: Moggy) -> None:
    query = "kind=train&model=cats&dataset=d&status=queued"
    first, second = (f"GET /v1/jobs?limit=200&{query}{more}" for more in ("", "&cursor=7"))
    service.on(first, as_json({"items": [LISTED_JOB], "next": "7"}))
    service.on(second, as_json({"items": [LISTED_JOB | {"id": "j2"}], "next": None}))
    filters = ("--kind", "train", "--model", "cats", "--dataset", "d", "--status", "queued")
    assert [line.split()[0] for line in moggy("jobs", *filters).out.splitlines()] == [
        *("JOB", "j1", "j2"),
    ]
    refused = moggy("jobs", "--status", "done")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.startswith("Invalid value for '--status': 'done' is not one of 'queued'")


@pytest.mark.parametrize("action", ["cancel", "pause", "resume"])
def test_cancel_pause_and_resume_name_exactly_one_job(
    action: str, service: FakeService, moggy: Moggy
) -> None:
    answer = LISTED_JOB | {"status": "running", "stop_requested": "cancel"}
    service.on(f"POST /v1/jobs/j1/{action}", as_json(answer))
    assert moggy(action, "j1").out == "Job j1 is running, and cancel is requested.\n"
    assert service.lines() == [f"POST /v1/jobs/j1/{action}"]


def test_the_list_shows_owners_where_there_are_any(service: FakeService, moggy: Moggy) -> None:
    owned = {"items": [LISTED_JOB | {"owner": "ada"}, LISTED_JOB | {"id": "j2"}], "next": None}
    service.on("GET /v1/jobs?limit=200", as_json({"items": [LISTED_JOB], "next": None}))
    assert "OWNER" not in moggy("jobs").out
    service.on("GET /v1/jobs?limit=200&owner=ada", as_json(owned))
    lines = moggy("jobs", "--owner", "ada").out.splitlines()
    assert [line.split()[-1] for line in lines] == ["OWNER", "ada", "-"]


def test_a_service_of_another_version_is_recognised_by_a_missing_field(
    service: FakeService, moggy: Moggy
) -> None:
    job = {name: value for name, value in LISTED_JOB.items() if name != "owner"}
    service.on("GET /v1/jobs?limit=200", as_json({"items": [job], "next": None}))
    result = moggy("jobs")
    assert (result.code, result.out) == (1, "")
    assert "lacks the field 'owner'" in result.err
    assert "Install the same version of Moggy for both." in result.err


@pytest.mark.parametrize(("options", "position"), [((), 1), (("--to", "3"), 3)])
def test_move_sends_the_new_place_and_prints_it(
    service: FakeService, moggy: Moggy, options: tuple[str, ...], position: int
) -> None:
    service.on("PATCH /v1/jobs/j1", as_json(LISTED_JOB | {"position": position}))
    result = moggy("move", "j1", *options)
    assert result.out == f"Job j1 is queued, at place {position} of its queue.\n"
    assert service.received[0].json == {"position": position}


def test_a_move_that_the_service_refuses_is_an_error(service: FakeService, moggy: Moggy) -> None:
    detail = "job j1 is running: only a queued job can be moved"
    service.on("PATCH /v1/jobs/j1", as_problem(409, "Conflict", detail))
    assert moggy("move", "j1") == Result(1, "", f"Conflict: {detail}\n")
    assert moggy("move", "j1", "--to", "0").code == 2


@pytest.mark.parametrize("kind", ["train", "ingest", "evaluate"])
def test_only_a_synthesis_has_files_to_download(
    service: FakeService, moggy: Moggy, tmp_path: Path, kind: str
) -> None:
    service.on("GET /v1/jobs/j1", as_json({"id": "j1", "kind": kind}))
    result = moggy("download", "j1", "--out", tmp_path / "out")
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith(f"Job j1 is of kind {kind}, which makes no files to download")
    assert service.lines() == ["GET /v1/jobs/j1"]
    assert not (tmp_path / "out").exists()


def test_the_log_of_a_job_is_printed_line_by_line(service: FakeService, moggy: Moggy) -> None:
    text = b"worker a: begins\nTraceback\n  File x\n\x1b[31mred\n"
    service.on("GET /v1/jobs/j1/log", (200, "text/plain", text), (200, "text/plain", b""))
    service.on("GET /v1/jobs/j1", as_json(RUNNING_JOB | {"kind": "train"}))
    expected = "worker a: begins\nTraceback\n  File x\n\\x1b[31mred\n"
    assert moggy("logs", "j1") == Result(0, expected, "")
    nothing = "Job j1 is running: nothing is logged about it yet.\n"
    assert moggy("logs", "j1") == Result(0, "", nothing)


def test_sample_grids_are_fetched_with_names_in_their_order(
    service: FakeService, moggy: Moggy, tmp_path: Path
) -> None:
    service.on("GET /v1/jobs/j1", as_json(RUNNING_JOB | {"kind": "train"}))
    grids = [{"images_seen": seen, "url": "/"} for seen in (0, 640, 12_800)]
    service.on("GET /v1/jobs/j1/samples", as_json({"items": grids, "next": None}))
    for grid in grids:
        seen = grid["images_seen"]
        service.on(f"GET /v1/jobs/j1/samples/{seen}.png", (200, "image/png", str(seen).encode()))
    result = moggy("samples", "j1", "--out", tmp_path / "new")
    assert (result.code, result.out) == (0, "")
    assert result.err.endswith("new: 3 sample grids, 9 B\n")
    files = sorted((tmp_path / "new").iterdir())
    assert [file.read_bytes() for file in files] == [b"0", b"640", b"12800"]
    service.on("GET /v1/jobs/j1", as_json(RUNNING_JOB | {"kind": "ingest"}))
    refused = moggy("samples", "j1", "--out", tmp_path / "other")
    assert (refused.code, (tmp_path / "other").exists()) == (1, False)
    assert "Job j1 is of kind ingest, which has no samples" in refused.err


def test_a_timelapse_is_written_in_the_format_of_its_name(
    service: FakeService, moggy: Moggy, tmp_path: Path
) -> None:
    path = "GET /v1/jobs/j1/timelapse"
    service.on(f"{path}.webp", (200, "image/webp", b"film"))
    service.on(f"{path}.mp4?fps=20.0&scale=2", (200, "video/mp4", b"video"))
    assert moggy("timelapse", "j1", "--out", tmp_path / "film.webp").code == 0
    assert (tmp_path / "film.webp").read_bytes() == b"film"
    options = ("--fps", "20", "--scale", "2")
    assert moggy("timelapse", "j1", "--out", tmp_path / "film.mp4", *options).code == 0
    assert (tmp_path / "film.mp4").read_bytes() == b"video"
    refused = moggy("timelapse", "j1", "--out", tmp_path / "film.gif")
    assert "the file's name must end in .webp, .mp4" in refused.err
