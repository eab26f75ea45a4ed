import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import FakeService, Result, as_json, as_problem

Moggy = Callable[..., Result]

HEAVY = ("torch", "numpy", "sqlalchemy", "fastapi", "pydantic", "celery", "httpx2", "rich.progress")


def test_help_loads_nothing_that_takes_time() -> None:
    code = (
        "import sys; from app.cli.main import run; run(['--help'])\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stderr == "[]\n"
    assert "generate" in result.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["dataset", "add", "PICTURE", "--name", "cats"],
        ["train", "--dataset", "cats", "--model", "cats"],
        ["train", "--dataset", "cats", "--model", "cats", "--dry-run"],
        ["evaluate", "cats", "--dataset", "cats"],
        ["synthesize", "cats", "--images", "1000", "--out", "PNG"],
        ["download", "j1", "--out", "PNG"],
        ["generate", "cats", "--seeds", "0-63", "--out", "PNG"],
        ["morph", "cats", "7", "42", "--out", "PNG"],
        ["jobs"],
        ["models"],
        ["datasets"],
        ["cancel", "j1"],
    ],
)
def test_every_command_says_in_one_line_that_no_service_runs(
    arguments: list[str], moggy: Moggy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MOGGY_URL", "http://127.0.0.1:9")  # the discard port: nobody listens
    (tmp_path / "cat.png").write_bytes(b"")
    places = {"PICTURE": str(tmp_path / "cat.png"), "PNG": str(tmp_path / "out.png")}
    result = moggy(*(places.get(argument, argument) for argument in arguments))
    assert (result.code, result.out) == (2, "")
    assert result.err == (
        "No Moggy service answers at http://127.0.0.1:9: start one with `moggy up`, "
        "or set MOGGY_URL.\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["cat.png"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "--model", "m"], "--dataset"),
        (["generate", "m", "--seeds", "x", "--out", "a.png"], "neither a seed nor a range"),
        (["generate", "m", "--seeds", "1", "--out", "a.bmp"], "must end in"),
        (["morph", "m", "1", "b", "--out", "a.webp"], "'b' is neither a seed"),
        (["morph", "m", "1", "2", "--out", "a.webp", "--method", "x"], "slerp"),
        (["train", "--dataset", "d", "--model", "m", "--set", "width"], "--set 'width'"),
        (["fly"], "fly"),
        (["dataset"], "Missing command"),
    ],
)
def test_a_wrong_command_line_is_one_line_on_stderr(
    arguments: list[str], words: str, moggy: Moggy
) -> None:
    result = moggy(*arguments)
    assert (result.code, result.out) == (2, "")
    assert words in result.err
    assert result.err.count("\n") == 1


def test_train_sends_what_was_given_and_prints_the_job(service: FakeService, moggy: Moggy) -> None:
    service.on("POST /v1/jobs", as_json({"id": "j1"}, 202))
    result = moggy(
        *("train", "--dataset", "cats", "--model", "c", "--preset", "dcgan", "--epochs", "3"),
        *("--set", "width=16", "--set", "precision=float32"),
    )
    assert (result.code, result.out) == (0, "j1\n")
    assert service.asked[0].json == {
        "dataset": "cats",
        "model": "c",
        "preset": "dcgan",
        "epochs": 3,
        "overrides": {"width": 16, "precision": "float32"},
    }


def test_a_refusal_is_told_as_the_service_words_it(service: FakeService, moggy: Moggy) -> None:
    service.on("POST /v1/jobs", as_problem(409, "Conflict", "dataset 'cats' is\ningesting"))
    result = moggy("train", "--dataset", "cats", "--model", "c")
    assert (result.code, result.out) == (1, "")
    assert result.err == "Conflict: dataset 'cats' is ingesting\n"


def test_generate_writes_a_grid_of_several_and_the_image_of_one(
    service: FakeService, moggy: Moggy, tmp_path: Path
) -> None:
    service.on("POST /v1/models/cats/images", (200, "image/png", b"grid"), (200, "x", b"one"))
    assert moggy("generate", "cats", "--seeds", "0-2,9", "--out", tmp_path / "g.png").code == 0
    one = ("--seeds", "5", "--class", "white cat", "--scale", 4, "--out", tmp_path / "o.webp")
    assert moggy("generate", "cats", *one).code == 0
    assert [asked.json for asked in service.asked] == [
        {"seeds": [0, 1, 2, 9], "format": "grid"},
        {"seeds": [5], "format": "webp", "class": "white cat", "scale": 4},
    ]
    assert (tmp_path / "g.png").read_bytes() == b"grid"
    assert (tmp_path / "o.webp").read_bytes() == b"one"


def test_a_model_name_with_slashes_stays_one_segment(
    service: FakeService, moggy: Moggy, tmp_path: Path
) -> None:
    moggy("generate", "../jobs", "--seeds", "5", "--out", tmp_path / "o.png")
    assert service.requests() == ["POST /v1/models/..%2Fjobs/images"]
    assert list(tmp_path.iterdir()) == []


def test_morph_sends_every_keyframe(service: FakeService, moggy: Moggy, tmp_path: Path) -> None:
    service.on("POST /v1/models/cats/interpolations", (200, "image/webp", b"film"))
    out = tmp_path / "morph.webp"
    arguments = ("--frames", 90, "--fps", 25, "--loop", "--method", "lerp", "--easing", "smooth")
    arguments += ("--class", "white", "--scale", 3, "--resample", "nearest")
    assert moggy("morph", "cats", 7, 42, 8, "--out", out, *arguments).code == 0
    strip = tmp_path / "strip.png"
    assert moggy("morph", "cats", 7, 42, "--no-repeat", "--out", strip).code == 0
    assert [asked.json for asked in service.asked] == [
        {
            "keyframes": [{"seed": 7}, {"seed": 42}, {"seed": 8}],
            "frames": 90,
            "fps": 25,
            "loop": True,
            "method": "lerp",
            "easing": "smooth",
            "class": "white",
            "format": "webp",
            "scale": 3,
            "resample": "nearest",
        },
        {
            "keyframes": [{"seed": 7}, {"seed": 42}],
            "frames": 60,
            "repeat": False,
            "format": "strip",
        },
    ]
    assert out.read_bytes() == b"film"


JOB: dict[str, Any] = {
    "id": "j1",
    "kind": "train",
    "status": "queued",
    "position": 2,
    "stop_requested": None,
    "model": "cats",
    "dataset": "cats",
    "progress": {"images_seen": 1200, "images_total": 750000},
    "created_at": "2026-01-02T03:04:05Z",
}


def test_lists_are_tables(service: FakeService, moggy: Moggy) -> None:
    model = {
        "name": "cats",
        "checkpoints": 10,
        "checkpoint": "c9",
        "images_seen": 750000,
        "served_because": "the newest: none is scored yet",
        "created_at": "2026-01-02T03:04:05Z",
    }
    dataset = {
        "name": "cats",
        "status": "ready",
        "images": 2997,
        "shape": [64, 64, 3],
        "classes": ["tabby", "white"],
        "created_at": "2026-01-02T03:04:05Z",
    }
    for path, item in (("jobs", JOB), ("models", model), ("datasets", dataset)):
        service.on(f"GET /v1/{path}?limit=200", as_json({"items": [item], "next": None}))
    jobs = moggy("jobs").out.splitlines()
    assert jobs[0].split() == ["JOB", "KIND", "STATUS", "MODEL", "DATASET", "IMAGES", "CREATED"]
    assert jobs[1].startswith("j1   train  queued (2)  cats   cats     1,200/750,000  2026-01-0")
    listed = moggy("models").out.splitlines()[1]
    assert listed.split()[:4] == ["cats", "10", "c9", "750,000"]
    assert listed.endswith("  the newest: none is scored yet")
    assert moggy("datasets").out.splitlines()[1].split()[:4] == [
        "cats",
        "ready",
        "2,997",
        "64×64×3",
    ]


def test_the_filters_of_a_list_of_jobs_are_sent_with_every_page(
    service: FakeService, moggy: Moggy
) -> None:
    query = "kind=train&model=cats&dataset=d&status=queued"
    first, second = (f"GET /v1/jobs?limit=200&{query}{more}" for more in ("", "&cursor=7"))
    service.on(first, as_json({"items": [JOB], "next": "7"}))
    service.on(second, as_json({"items": [JOB | {"id": "j2"}], "next": None}))
    filters = ("--kind", "train", "--model", "cats", "--dataset", "d", "--status", "queued")
    assert [line.split()[0] for line in moggy("jobs", *filters).out.splitlines()] == [
        *("JOB", "j1", "j2"),
    ]
    refused = moggy("jobs", "--status", "done")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.startswith("Invalid value for '--status': 'done' is not one of 'queued'")


@pytest.mark.parametrize("action", ["cancel", "pause", "resume"])
def test_steering_names_exactly_one_job(action: str, service: FakeService, moggy: Moggy) -> None:
    answer = JOB | {"status": "running", "stop_requested": "cancel"}
    service.on(f"POST /v1/jobs/j1/{action}", as_json(answer))
    assert moggy(action, "j1").out == "Job j1 is running, and asked to cancel.\n"
    assert service.requests() == [f"POST /v1/jobs/j1/{action}"]


def test_output_that_nobody_reads_any_longer_is_no_error(service: FakeService) -> None:
    page = {"items": [JOB] * 5000, "next": None}
    service.on("GET /v1/jobs?limit=200", as_json(page))
    command = [sys.executable, "-c", "from app.cli.main import main; main()", "jobs"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


def test_migrate_brings_a_database_to_the_newest_schema(
    moggy: Moggy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOGGY_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MOGGY_DATABASE_URL", raising=False)
    assert moggy("migrate").code == 0
    assert (tmp_path / "home" / "moggy.db").stat().st_size > 0
    monkeypatch.setenv("MOGGY_PORT", "none")  # which does not concern it
    assert moggy("migrate").code == 0
    result = moggy("up")
    assert result.code == 1
    assert result.err == "MOGGY_PORT 'none': it is not a whole number from 1 to 65535\n"
