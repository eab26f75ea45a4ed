"""Directions are found by a job, and listed."""

from typing import Any

from .conftest import RUNNING_JOB, FakeService, Moggy, as_events, as_json

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


def test_directions_are_found_and_listed(service: FakeService, moggy: Moggy) -> None:
    job = RUNNING_JOB | {"kind": "directions", "model": "cats", "dataset": None, "result": None}
    service.on(f"POST {PATH}/find", as_json(job, 202))
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
    assert f"{service.url}{PATH}/white/strip.png" in result.out
