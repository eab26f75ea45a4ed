"""Models: shown with their checkpoints; models and datasets: deleted after a confirmation."""

import os
import pty
import subprocess
import sys
from typing import Any

import pytest

from .conftest import (
    FakeService,
    Moggy,
    Result,
    as_json,
    as_problem,
)

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


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"imported": {"metrics": None, "lineage": None}}, "was imported, without scores"),
        (
            {"imported": {"metrics": {"kid": 0.5}, "lineage": {}}, "metrics": None},
            "its KID 0.500 was computed against a dataset that is not here",
        ),
        ({"imported": {"metrics": {"kid": 0.5}, "lineage": {}}}, "was imported with its scores"),
    ],
)
def test_an_imported_checkpoint_is_shown_as_such(
    service: FakeService, moggy: Moggy, changes: dict[str, Any], line: str
) -> None:
    service.on("GET /v1/models/cats", as_json(MODEL))
    page = {"items": [CHECKPOINT | {"job": None} | changes], "next": None}
    service.on("GET /v1/models/cats/checkpoints?limit=200", as_json(page))
    shown = moggy("model", "show", "cats")
    assert line in shown.out.splitlines()[-1]


def test_a_model_is_shown_with_its_checkpoints_and_the_reason_for_the_served_one(
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
    [
        ("dataset", {"status": "ready", "images": 10}, "10 images"),
        ("model", MODEL, "2 checkpoints"),
    ],
)
def test_without_a_terminal_deleting_requires_yes(
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
    assert service.lines() == [f"GET {path}"]
    deleted = f"{noun.capitalize()} cats is deleted.\n"
    assert moggy(noun, "delete", "cats", "--yes") == Result(0, deleted, "")
    assert moggy(noun, "delete", "cats", "-y") == Result(1, "", "Conflict: it is in use by job 7\n")


def test_a_model_is_renamed(service: FakeService, moggy: Moggy) -> None:
    refusal = as_problem(409, "Conflict", "there is a model 'dogs' already")
    service.on("PATCH /v1/models/cats", as_json(MODEL | {"name": "kittens"}), refusal)
    assert moggy("model", "rename", "cats", "kittens") == Result(
        0, "Model cats is now kittens.\n", ""
    )
    assert moggy("model", "rename", "cats", "dogs") == Result(
        1, "", "Conflict: there is a model 'dogs' already\n"
    )


@pytest.mark.parametrize(("answer", "deleted"), [("y", True), ("n", False), ("", False)])
def test_on_a_terminal_deleting_asks_first(
    service: FakeService, answer: str, deleted: bool
) -> None:
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
        out, err = process.communicate()
    os.close(terminal)
    os.close(stdin)
    assert err.startswith("Delete model cats (2 checkpoints)? This cannot be undone. [y/N] ")
    assert (process.returncode, out) == ((0, "Model cats is deleted.\n") if deleted else (1, ""))
    assert ("DELETE /v1/models/cats" in service.lines()) == deleted
