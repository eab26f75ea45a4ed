import email
import email.policy
import io
import os
import re
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.cli import follow

from .conftest import RUNNING_JOB, FakeService, Result, as_events, as_json, as_problem

Moggy = Callable[..., Result]

EVENTS = "GET /v1/jobs/j1/events"
RUNNING = {"status": "running", "attempt": 1, "error": None}
PROGRESS = {
    "images_seen": 640,
    "images_total": 1280,
    "images_per_second": 400.0,
    "eta_seconds": 2.0,
    "generator_loss": 1.0,
    "discriminator_loss": 0.5,
}
INGESTED = {
    "files": 4,
    "accepted": 3,
    "duplicates": 0,
    "rejected": 1,
    "bytes_read": 10,
    "bytes_total": 10,
}
SUCCEEDED = {"status": "succeeded", "error": None}
DATASET: dict[str, Any] = {
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


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "RETRY_SECONDS", (0.01,))


def form_parts(content_type: str, body: bytes) -> list[tuple[str, str | None, bytes]]:
    """(name, file name, content) of each part of a multipart form."""
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    message = email.message_from_bytes(head + body, policy=email.policy.HTTP)
    return [
        (
            str(part.get_param("name", header="content-disposition")),
            part.get_filename(),
            part.get_payload(decode=True),  # type: ignore[misc]
        )
        for part in message.iter_parts()  # type: ignore[attr-defined]
    ]


def test_a_dataset_is_uploaded_waited_for_and_reported(
    service: FakeService, moggy: Moggy, tmp_path: Path
) -> None:
    folder = tmp_path / "cats"
    folder.mkdir()
    (folder / "a.png").write_bytes(b"aaa")
    archive = tmp_path / "more.zip"
    archive.write_bytes(os.urandom(200_000))
    service.on("POST /v1/datasets", as_json(DATASET, 202))
    missing = as_problem(404, "Not found", "no dataset")
    service.on("GET /v1/datasets/cats", missing, as_json(DATASET))
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
    upload = service.asked[1]
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
        assert packed.getnames() == ["cats/a.png"]  # several things were named
    assert second == ("files", "more.zip", archive.read_bytes())


def test_a_taken_name_is_known_before_the_upload(
    service: FakeService, moggy: Moggy, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(b"aaa")
    service.on("GET /v1/datasets/cats", as_json(DATASET))
    result = moggy("dataset", "add", tmp_path / "a.png", "--name", "cats")
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("Conflict: there is a dataset 'cats' already")
    assert service.requests() == ["GET /v1/datasets/cats"]


def test_a_failed_dataset_may_be_uploaded_again(
    service: FakeService, moggy: Moggy, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(b"aaa")
    service.on("GET /v1/datasets/cats", as_json(DATASET | {"status": "failed"}))
    service.on("POST /v1/datasets", as_json(DATASET, 202))
    assert moggy("dataset", "add", tmp_path / "a.png", "--name", "cats", "--no-wait").code == 0


def test_an_ingest_that_fails_says_why(service: FakeService, moggy: Moggy, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"aaa")
    service.on("POST /v1/datasets", as_json(DATASET, 202))
    ended = {"status": "failed", "error": "only 1 usable image: at least 2 are needed"}
    service.on(EVENTS, as_events((1, "end", ended)))
    result = moggy("dataset", "add", tmp_path / "a.png", "--name", "cats")
    assert result.code == 1
    assert result.err.splitlines()[-1] == "cats: only 1 usable image: at least 2 are needed"


def test_without_waiting_the_job_is_named(
    service: FakeService, moggy: Moggy, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(b"aaa")
    service.on("POST /v1/datasets", as_json(DATASET, 202))
    result = moggy("dataset", "add", tmp_path / "a.png", "--name", "cats", "--no-wait")
    assert (result.code, result.out) == (0, "cats: uploaded, and being packed by job j1\n")


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


def test_every_option_of_an_upload_is_sent_as_a_field(
    service: FakeService, moggy: Moggy, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(b"aaa")
    service.on("POST /v1/datasets", as_json(DATASET, 202))
    service.on("GET /v1/datasets/cats", as_problem(404, "Not found", "no"))
    options = [word for option in OPTIONS.items() for word in option]
    command = ("dataset", "add", tmp_path / "a.png", "--name", "cats", "--no-wait", *options)
    assert moggy(*command).code == 0
    for option, value in OPTIONS.items():
        field = option[2:].replace("-", "_")
        assert f'name="{field}"\r\n\r\n{value}\r\n'.encode() in service.asked[1].body
    help_text = moggy("dataset", "add", "--help").out
    assert set(re.findall(r"--[a-z-]+", help_text)) == {
        *OPTIONS, "--name", "--wait", "--no-wait", "--help"
    }  # fmt: skip


def test_an_ingest_is_followed_as_one(service: FakeService, moggy: Moggy) -> None:
    service.on("GET /v1/jobs/j1", as_json(RUNNING_JOB | {"kind": "ingest", "dataset": "cats"}))
    service.on("GET /v1/datasets/cats", as_json(DATASET))
    service.on(EVENTS, as_events((1, "state", RUNNING), (2, "end", SUCCEEDED)))
    result = moggy("follow", "j1")
    assert result.code == 0
    assert result.out.startswith("cats: ")


def test_a_followed_training_shows_its_figures_and_ends_well(
    service: FakeService, moggy: Moggy
) -> None:
    job = {"id": "j1", "kind": "train", "model": "c", "progress": {"images_seen": 1280}}
    service.on("POST /v1/jobs", as_json(job, 202))
    service.on("GET /v1/jobs/j1", as_json(job))
    service.on(
        EVENTS,
        as_events((1, "state", RUNNING | {"device": "cpu"}), (2, "progress", PROGRESS)),
        as_events(
            (3, "health", {"kind": "rollback", "message": "rolled back to 64 images seen"}),
            (4, "checkpoint", {"id": "c1", "images_seen": 1280}),
            (5, "end", SUCCEEDED),
        ),
    )
    result = moggy("train", "--dataset", "d", "--model", "c", "--resume-from", "cats", "--follow")
    assert (result.code, result.out) == (0, "j1\n")
    assert service.asked[0].json == {"dataset": "d", "model": "c", "resume_from": "cats"}
    assert result.err.splitlines() == [
        "training on cpu",
        "training on cpu: 50 % 640/1,280 images, 400/s, 2 s left, G 1.00 D 0.50",
        "rolled back to 64 images seen",
        "checkpoint c1 at 1,280 images",
        "Job j1 succeeded: c has seen 1,280 images.",
    ]


def test_a_dry_run_prints_what_it_would_take_and_its_warnings(
    service: FakeService, moggy: Moggy
) -> None:
    estimate = {
        "seconds": 970.0,
        "memory_bytes": 540_000_000,
        "disk_bytes": 110_000_000,
        "device": "cpu",
        "images_per_second": 781.2,
        "checkpoints": 10,
    }
    config = {"preset": "small-data", "images": 700_000}
    quote = {"config": config, "estimate": estimate, "warnings": ["200 pictures are few."]}
    unknown = quote | {"estimate": estimate | {"seconds": None, "images_per_second": None}}
    service.on("POST /v1/jobs?dry_run=true", as_json(quote), as_json(unknown))
    asked = ("train", "--dataset", "d", "--model", "c", "--stability", "auto", "--dry-run")
    result = moggy(*asked)
    assert service.asked[0].json == {"dataset": "d", "model": "c", "stability": "auto"}
    assert (result.code, result.out.splitlines()) == (
        0,
        [
            "small-data, 700,000 images: nothing is queued",
            "  time    about 16 min 10 s (cpu, 781 images/s)",
            "  memory  540.0 MB",
            "  disk    110.0 MB, with 10 checkpoints",
            "  warning: 200 pictures are few.",
        ],
    )
    assert "  time    unknown (cpu)" in moggy(*asked).out


def test_an_evaluation_is_waited_for_and_its_scores_are_a_table(
    service: FakeService, moggy: Moggy
) -> None:
    names = ("precision", "recall", "density", "coverage", "diversity", "swd")
    result = {
        **{"kid": 0.012, "kid_interval": [0.0099, 0.0141], "frechet": 0.2},
        **{"frechet_interval": [0.19, 0.21], "copy_rate": 0.0, "images": 3000},
        **dict.fromkeys(names, 0.5),
        "real": dict.fromkeys(names, 0.9),
        "floor": {"kid": 0.001, "frechet": 0.01},
        "ceiling": {"kid": 1.5, "frechet": 1.75},
        "real_images": 2990,
        "inception": {"absent": "torch_fidelity is not installed"},
    }
    job = RUNNING_JOB | {"kind": "evaluate", "model": "c", "dataset": "d", "checkpoint": "c9"}
    service.on("POST /v1/jobs", as_json(job, 202))
    service.on("GET /v1/jobs/j1", as_json(job | {"result": result}))
    made = PROGRESS | {"images_seen": 3000, "images_total": 3000}
    service.on(
        EVENTS, as_events((1, "state", RUNNING), (2, "progress", made), (3, "end", SUCCEEDED))
    )
    answer = moggy("evaluate", "c", "--dataset", "d", "--images", "3000", "--checkpoint", "c9")
    asked = {"kind": "evaluate", "model": "c", "dataset": "d", "images": 3000, "checkpoint": "c9"}
    assert service.asked[0].json == asked
    first, head, *rows, last = answer.out.splitlines()
    assert last == "no Inception scores: torch_fidelity is not installed"
    assert first == "c, checkpoint c9: 3,000 of its pictures beside 2,990 of d"
    assert head.split("  ")[0] == "SCORE"
    cells = [[cell for cell in row.split("  ") if cell] for row in rows]
    assert [cell.strip() for cell in cells[0]] == [
        "kid",
        "0.0120",
        "0.00990 to 0.0141",
        "0.00100",
        "1.50",
    ]
    assert [cell.strip() for cell in cells[3]] == ["recall", "0.500", "-", "0.900", "-"]
    assert moggy("follow", "j1").out == answer.out


@pytest.mark.parametrize(
    ("ended", "words"),
    [
        ({"status": "failed", "error": "out of memory"}, "Job j1 failed: out of memory"),
        ({"status": "cancelled", "error": None}, "Job j1 was cancelled"),
    ],
)
def test_following_a_job_that_does_not_succeed_fails(
    ended: dict[str, Any], words: str, service: FakeService, moggy: Moggy
) -> None:
    service.on("GET /v1/jobs/j1", as_json(RUNNING_JOB | {"kind": "train"}))
    service.on(EVENTS, as_events((1, "end", ended)))
    result = moggy("follow", "j1")
    assert (result.code, result.err) == (1, f"starting\n{words}\n")


def test_ctrl_c_while_following_leaves_the_job_running_and_says_so(service: FakeService) -> None:
    service.on("POST /v1/jobs", as_json({"id": "j1"}, 202))
    service.on(EVENTS, as_events((1, "state", RUNNING)))
    arguments = ["train", "--dataset", "d", "--model", "c", "--follow"]
    # Started in the background, a test run hands on that Ctrl-C is ignored.
    interruptible = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    code = f"{interruptible}; from app.cli.main import main; main()"
    command = [sys.executable, "-c", code, *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "j1\n"
        while EVENTS not in service.requests():
            time.sleep(0.02)
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=10)
    assert process.returncode == 130
    assert err.splitlines()[-1] == (
        "Not following any longer: job j1 goes on. `moggy follow j1` shows it again, "
        "`moggy cancel j1` ends it."
    )
    assert not any("cancel" in request for request in service.requests())


def test_a_large_upload_is_never_held_in_memory(tmp_path: Path, service: FakeService) -> None:
    """300 MB through a process whose memory grows by less than 50."""
    folder = tmp_path / "cats"
    folder.mkdir()
    with (folder / "big.png").open("wb") as file:
        file.truncate(300_000_000)
    service.on("POST /v1/datasets", as_json({}, 202))
    code = (
        "import resource\n"
        "from app.cli.client import ServiceClient\n"
        "from app.cli.uploads import plan_upload\n"
        "from pathlib import Path\n"
        f"parts = plan_upload([Path({str(folder)!r})]).parts\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "before = peak()\n"
        f"with ServiceClient({service.url!r}) as client:\n"
        "    client.upload('datasets', {'name': 'cats'}, parts, lambda *_: None)\n"
        "print(peak() - before)\n"
    )
    grown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert service.asked[0].size > 300_000_000
    assert int(grown.stdout) < 50_000  # kB


@pytest.mark.parametrize("kind", ["train", "ingest", "evaluate"])
def test_a_job_that_is_no_synthesis_has_nothing_to_download(
    service: FakeService, moggy: Moggy, tmp_path: Path, kind: str
) -> None:
    service.on("GET /v1/jobs/j1", as_json({"id": "j1", "kind": kind}))
    result = moggy("download", "j1", "--out", tmp_path / "out")
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith(f"Job j1 is of kind {kind}, which makes no files to download")
    assert service.requests() == ["GET /v1/jobs/j1"]
    assert not (tmp_path / "out").exists()


def test_the_log_of_a_job_is_printed_line_by_line(service: FakeService, moggy: Moggy) -> None:
    text = b"worker a: begins\nTraceback\n  File x\n\x1b[31mred\n"
    service.on("GET /v1/jobs/j1/log", (200, "text/plain", text), (200, "text/plain", b""))
    service.on("GET /v1/jobs/j1", as_json(RUNNING_JOB | {"kind": "train"}))
    expected = "worker a: begins\nTraceback\n  File x\n\\x1b[31mred\n"
    assert moggy("logs", "j1") == Result(0, expected, "")
    nothing = "Job j1 is running: nothing is logged about it yet.\n"
    assert moggy("logs", "j1") == Result(0, "", nothing)


def test_samples_are_fetched_into_a_folder_in_the_order_of_their_names(
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
