"""Directions are taught by seeds, saved latents, pictures and classes, and listed."""

from pathlib import Path
from typing import Any

import pytest

from .conftest import RUNNING_JOB, FakeService, Moggy, as_events, as_json, as_problem

PATH = "/v1/models/cats/directions"
TAUGHT: dict[str, Any] = {
    "name": "white",
    "method": "taught",
    "effect": 0.51,
    "accuracy": {"value": 0.9, "low": 0.6, "high": 0.98, "examples": 10},
    "raised": 0.96,
    "positive": 6,
    "negative": 4,
    "strip": f"{PATH}/white/strip.png",
}
FOUND = TAUGHT | {"name": "found-1", "method": "sefa", "accuracy": None, "raised": None}


def test_teach_sends_seeds_names_and_classes(service: FakeService, moggy: Moggy) -> None:
    service.on(f"POST {PATH}", as_json(TAUGHT, 201))
    options = ["--positive", "1,5-6,snow", "--negative", "2,3", "--orthogonal-to", "a,b"]
    options += ["--positive-class", "cats/white cat"]
    result = moggy("teach", "cats", "white", *options)
    assert result.code == 0
    assert service.received[0].json == {
        "name": "white",
        "positive": [{"seed": 1}, {"seed": 5}, {"seed": 6}, {"name": "snow"}],
        "negative": [{"seed": 2}, {"seed": 3}],
        "positive_class": {"dataset": "cats", "class": "white cat"},
        "orthogonal_to": ["a", "b"],
    }
    assert "90% of 10 examples" in result.out
    assert f"strip: {service.url}{PATH}/white/strip.png" in result.out


def test_teach_sends_the_pictures_of_folders(
    service: FakeService, moggy: Moggy, tmp_path: Path
) -> None:
    service.on(f"POST {PATH}", as_json(TAUGHT, 201))
    (tmp_path / "a.png").write_bytes(b"white cat")
    (tmp_path / ".hidden").write_bytes(b"x")
    options = ("--positive-pictures", tmp_path, "--negative", "2,3")
    assert moggy("teach", "cats", "white", *options).code == 0
    body = service.received[0].body
    assert b'name="positive_pictures"; filename="a.png"' in body
    assert b'[{"seed": 2}, {"seed": 3}]' in body
    assert b"hidden" not in body


def test_teach_waits_for_the_job_that_builds_the_index(service: FakeService, moggy: Moggy) -> None:
    missing = as_problem(503, "Temporarily unavailable", "no sample index yet", job="j1")
    service.on(f"POST {PATH}", missing, as_json(TAUGHT, 201))
    service.on("GET /v1/jobs/j1", as_json(RUNNING_JOB | {"kind": "index", "status": "succeeded"}))
    end = {"status": "succeeded", "error": None}
    service.on("GET /v1/jobs/j1/events", as_events((1, "end", end)))
    result = moggy("teach", "cats", "white", "--positive", "1,2", "--negative", "3,4")
    assert result.code == 0
    assert "The model's images are indexed first, once." in result.err
    assert service.lines().count(f"POST {PATH}") == 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--positive-class", "cats"), "is not of the form DATASET/CLASS"),
        (("--positive-pictures", "nowhere"), "is not a folder of pictures"),
    ],
)
def test_unusable_examples_are_refused(
    service: FakeService, moggy: Moggy, options: tuple[str, ...], words: str
) -> None:
    result = moggy("teach", "cats", "white", *options)
    assert result.code == 2
    assert words in result.err
    assert service.received == []


def test_directions_are_found_and_listed(service: FakeService, moggy: Moggy) -> None:
    job = RUNNING_JOB | {"kind": "directions", "model": "cats", "dataset": None, "result": None}
    service.on("POST /v1/models/cats/find-directions", as_json(job, 202))
    service.on("GET /v1/jobs/j1", as_json(job | {"status": "succeeded"}))
    end = {"status": "succeeded", "error": None}
    service.on("GET /v1/jobs/j1/events", as_events((1, "end", end)))
    service.on(f"GET {PATH}?limit=200", as_json({"items": [FOUND, TAUGHT], "next": None}))
    result = moggy("directions", "cats", "--find")
    assert result.code == 0, result.err
    assert [line.split()[:4] for line in result.out.splitlines()] == [
        ["DIRECTION", "METHOD", "EFFECT", "ACCURACY"],
        ["found-1", "sefa", "0.510", "-"],
        ["white", "taught", "0.510", "90%"],
    ]


def test_a_direction_is_renamed_and_deleted(service: FakeService, moggy: Moggy) -> None:
    service.on(f"PATCH {PATH}/found-1", as_json(FOUND | {"name": "warm"}))
    service.on(f"DELETE {PATH}/warm", as_json(None, 204))
    renamed = moggy("direction", "rename", "cats", "found-1", "warm")
    assert (renamed.code, renamed.out) == (0, "Direction found-1 is named warm.\n")
    assert service.received[0].json == {"name": "warm"}
    deleted = moggy("direction", "delete", "cats", "warm", "--yes")
    assert (deleted.code, deleted.out) == (0, "Direction warm is deleted.\n")
