"""The search by its options, and what it does while there is no index."""

from pathlib import Path
from typing import Any

from .conftest import RUNNING_JOB, FakeService, Moggy, as_events, as_json, as_problem

ITEM: dict[str, Any] = {
    "seed": 1048580,
    "distance": 3.25,
    "distances": {"color": 3.25},
    "quality": 81.4,
    "class": None,
    "color": "#f0efe9",
    "url": "/v1/models/cats/images/1048580.png?checkpoint=c1",
}
FOUND = as_json({"model": "cats", "checkpoint": "c1", "samples": 96, "items": [ITEM], "next": None})
SEARCH = "POST /v1/models/cats/search"


def test_options_become_fields_and_the_found_ones_are_listed(
    service: FakeService, moggy: Moggy, tmp_path: Path
) -> None:
    service.on(SEARCH, FOUND, FOUND)
    service.on("POST /v1/models/cats/images", (200, "image/png", b"sheet"))
    options = ("--color", "#ffffff", "--k", 8, "--min-quality", 30, "--out", tmp_path / "s.png")
    listed = moggy("search", "cats", *options)
    assert listed.code == 0
    assert listed.out.splitlines()[1].split() == ["1048580", "3.25", "81", "#f0efe9", "-"]
    assert moggy("search", "cats", "--like", "@white").code == 0
    bodies = [request.json for request in service.received]
    assert bodies == [
        {"color": "#ffffff", "k": 8, "min_quality": 30},
        {"seeds": [1048580], "format": "contact", "checkpoint": "c1"},
        {"latent": {"name": "white"}},
    ]
    assert (tmp_path / "s.png").read_bytes() == b"sheet"


def test_a_picture_is_sent_as_a_form(service: FakeService, moggy: Moggy, tmp_path: Path) -> None:
    (tmp_path / "cat.png").write_bytes(b"the picture")
    service.on(SEARCH, FOUND)
    options = ("--picture", tmp_path / "cat.png", "--like", "7", "--color", "#000000")
    assert moggy("search", "cats", *options).code == 0
    (request,) = service.received
    for text in (b'name="picture"', b"the picture", b'{"seed": 7}', b"#000000"):
        assert text in request.body


def test_a_missing_index_is_awaited_once(service: FakeService, moggy: Moggy) -> None:
    missing = as_problem(503, "Temporarily unavailable", "no sample index yet", job="j1")
    service.on(SEARCH, missing, FOUND)
    job = RUNNING_JOB | {"kind": "index", "model": "cats", "dataset": None}
    ended = as_json(job | {"status": "succeeded"})
    service.on("GET /v1/jobs/j1", as_json(job), ended, ended, ended)
    service.on(
        "GET /v1/jobs/j1/events", as_events((1, "end", {"status": "succeeded", "error": None}))
    )
    assert moggy("search", "cats", "--color", "#ffffff").code == 0


def test_a_search_for_nothing_is_refused(moggy: Moggy) -> None:
    refused = moggy("search", "cats", "--k", 3)
    assert refused.code == 2
    assert "give --color, --picture, --like or --class" in refused.err
