"""Commands that queue a job."""

import signal
import subprocess
import sys
import time

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
SUCCEEDED = {"status": "succeeded", "error": None}


def test_train_sends_the_given_options_and_prints_the_job(
    service: FakeService, moggy: Moggy
) -> None:
    service.on("POST /v1/jobs", as_json({"id": "j1"}, 202))
    result = moggy(
        *("train", "--dataset", "cats", "--model", "c", "--preset", "dcgan", "--epochs", "3"),
        *("--set", "width=16", "--set", "precision=float32"),
    )
    assert (result.code, result.out) == (0, "j1\n")
    assert service.received[0].json == {
        "dataset": "cats",
        "model": "c",
        "preset": "dcgan",
        "epochs": 3,
        "overrides": {"width": 16, "precision": "float32"},
    }


def test_a_refusal_is_printed_in_the_words_of_the_service(
    service: FakeService, moggy: Moggy
) -> None:
    service.on("POST /v1/jobs", as_problem(409, "Conflict", "dataset 'cats' is\ningesting"))
    result = moggy("train", "--dataset", "cats", "--model", "c")
    assert (result.code, result.out) == (1, "")
    assert result.err == "Conflict: dataset 'cats' is ingesting\n"


def test_a_followed_training_shows_its_figures_until_it_succeeds(
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
    assert service.received[0].json == {"dataset": "d", "model": "c", "resume_from": "cats"}
    assert result.err.splitlines() == [
        "training on cpu",
        "training on cpu: 50 % 640/1,280 images, 400/s, 2 s left, G 1.00 D 0.50",
        "rolled back to 64 images seen",
        "checkpoint c1 at 1,280 images",
        "Job j1 succeeded: c has seen 1,280 images.",
    ]


def test_a_dry_run_prints_the_estimate_and_the_warnings(service: FakeService, moggy: Moggy) -> None:
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
    command = ("train", "--dataset", "d", "--model", "c", "--stability", "auto", "--dry-run")
    result = moggy(*command)
    assert service.received[0].json == {"dataset": "d", "model": "c", "stability": "auto"}
    assert (result.code, result.out.splitlines()) == (
        0,
        [
            "small-data, 700,000 images: nothing is queued",
            "  time    about 16 min 10 s (cpu, 781 images/s)",
            "  memory  540.0 MB",
            "  disk    110.0 MB for the checkpoints that are kept of 10",
            "  warning: 200 pictures are few.",
        ],
    )
    assert "  time    unknown (cpu)" in moggy(*command).out


def test_an_evaluation_prints_a_table_of_scores(service: FakeService, moggy: Moggy) -> None:
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
    body = {"kind": "evaluate", "model": "c", "dataset": "d", "images": 3000, "checkpoint": "c9"}
    assert service.received[0].json == body
    first, head, *rows, last = answer.out.splitlines()
    assert last == "no Inception scores: torch_fidelity is not installed"
    assert first == "c, checkpoint c9: 3,000 generated images compared with 2,990 images of d"
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


def test_ctrl_c_while_following_leaves_the_job_running(service: FakeService) -> None:
    service.on("POST /v1/jobs", as_json({"id": "j1"}, 202))
    service.on(EVENTS, as_events((1, "state", RUNNING)))
    arguments = ["train", "--dataset", "d", "--model", "c", "--follow"]
    # A test run in the background ignores Ctrl-C, and child processes inherit that.
    interruptible = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    code = f"{interruptible}; from app.cli.main import main; main()"
    command = [sys.executable, "-c", code, *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "j1\n"
        while EVENTS not in service.lines():
            time.sleep(0.02)
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=10)
    assert process.returncode == 130
    assert err.splitlines()[-1] == (
        "Stopped following: job j1 continues. `moggy follow j1` shows its progress again, "
        "`moggy cancel j1` ends it."
    )
    assert not any("cancel" in request for request in service.lines())
