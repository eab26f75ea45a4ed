"""Datasets and models: shown, and deleted only when the user is sure."""

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from .conftest import FakeService, Result, as_json, as_problem

Moggy = Callable[..., Result]

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
CONFIG = {
    "preset": "dcgan",
    "shape": [64, 96, 3],
    "width": 32,
    "conditional": True,
    "classes": ["tabby", "white"],
}
MODEL: dict[str, Any] = {
    "name": "cats",
    "created_at": "2026-01-02T03:04:05Z",
    "checkpoint": "c2",
    "served_because": "the best by KID",
    "checkpoints": 2,
    "images_seen": 1280,
    "config": CONFIG,
}
CHECKPOINT: dict[str, Any] = {
    "id": "c2",
    "images_seen": 1280,
    "job": "j1",
    "metrics": {"kid": 0.0123, "frechet": 0.456},
    "bytes": 2_000_000,
    "created_at": "2026-01-02T03:04:05Z",
    "served": True,
}


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
        "  to see them: GET /v1/datasets/cats/doctor.png",
        "  rejected a.txt: not an image",
    ]


def test_a_dataset_that_is_not_ready_is_shown_with_what_is_known(
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


def test_many_classes_are_counted_and_not_all_printed(service: FakeService, moggy: Moggy) -> None:
    report = DATASET["report"] | {"doctor": None}
    many = {"classes": [f"class {n}" for n in range(10_000)], "report": report}
    service.on("GET /v1/datasets/cats", as_json(DATASET | many))
    line = moggy("dataset", "show", "cats").out.splitlines()[3]
    assert line.endswith("class 19 and 9,980 more")


def test_a_model_is_shown_with_its_checkpoints_and_why_it_serves_one(
    service: FakeService, moggy: Moggy
) -> None:
    unscored = CHECKPOINT | {"id": "c1", "metrics": None, "served": False, "job": None}
    service.on("GET /v1/models/cats", as_json(MODEL))
    page = {"items": [CHECKPOINT, unscored], "next": None}
    service.on("GET /v1/models/cats/checkpoints?limit=200", as_json(page))
    service.on("GET /v1/jobs/j1", as_json({"id": "j1", "dataset": "kittens"}))
    shown = moggy("model", "show", "cats")
    assert (shown.code, shown.err) == (0, "")
    lines = shown.out.splitlines()
    assert lines[0].startswith("cats: 2 checkpoints, created 2026-01-0")
    assert lines[1] == "  serves c2, at 1,280 images: the best by KID"
    assert lines[2] == "  preset dcgan, 96×64×3, width 32, 2 classes"
    served, other = (line.split() for line in lines[4:])
    assert served[:6] == ["c2", "1,280", "0.0123", "0.456", "kittens", "j1"]
    assert served[-1] == "served"
    assert other[:6] == ["c1", "1,280", "-", "-", "-", "-"]


def test_a_model_without_a_checkpoint_says_so(service: FakeService, moggy: Moggy) -> None:
    nothing = dict.fromkeys(("checkpoint", "served_because", "images_seen", "config"))
    service.on("GET /v1/models/cats", as_json(MODEL | nothing | {"checkpoints": 0}))
    service.on("GET /v1/models/cats/checkpoints?limit=200", as_json({"items": [], "next": None}))
    assert "nothing is served yet" in moggy("model", "show", "cats").out


@pytest.mark.parametrize(
    ("noun", "item", "held"),
    [("dataset", DATASET, "10 images"), ("model", MODEL, "2 checkpoints")],
)
def test_deleting_wants_yes_where_nobody_can_be_asked(
    service: FakeService, moggy: Moggy, noun: str, item: dict[str, Any], held: str
) -> None:
    path = f"/v1/{noun}s/cats"
    service.on(f"GET {path}", as_json(item))
    refusal = as_problem(409, "Conflict", "it is in use by job 7")
    service.on(f"DELETE {path}", (204, "text/plain", b""), refusal)
    refused = moggy(noun, "delete", "cats")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.startswith(f"{noun} cats ({held}) was not deleted: ")
    assert "--yes" in refused.err
    assert service.requests() == [f"GET {path}"]
    deleted = f"{noun.capitalize()} cats is deleted.\n"
    assert moggy(noun, "delete", "cats", "--yes") == Result(0, deleted, "")
    assert moggy(noun, "delete", "cats", "-y") == Result(1, "", "Conflict: it is in use by job 7\n")


@pytest.mark.parametrize(("answer", "deleted"), [("y", True), ("n", False), ("", False)])
def test_deleting_asks_on_a_terminal(service: FakeService, answer: str, deleted: bool) -> None:
    service.on("GET /v1/models/cats", as_json(MODEL))
    service.on("DELETE /v1/models/cats", (204, "text/plain", b""))
    terminal, stdin = pty.openpty()
    command = "from app.cli.main import main; main()"
    with subprocess.Popen(
        [sys.executable, "-c", command, "model", "delete", "cats"],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        os.write(terminal, f"{answer}\n".encode())
        out, err = process.communicate(timeout=20)
    os.close(terminal)
    os.close(stdin)
    assert err.startswith("Delete model cats (2 checkpoints)? This cannot be undone. [y/N] ")
    assert (process.returncode, out) == ((0, "Model cats is deleted.\n") if deleted else (1, ""))
    assert ("DELETE /v1/models/cats" in service.requests()) == deleted
