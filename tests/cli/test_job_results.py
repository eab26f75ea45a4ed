"""Jobs that are followed until they succeed, and the results that are printed."""

from typing import Any

import pytest

from app.cli.job_results import inception_line

from .conftest import RUNNING_JOB, FakeService, Moggy, as_events, as_json

EVENTS = "GET /v1/jobs/j1/events"


@pytest.mark.parametrize(
    ("ended", "words"),
    [
        ({"status": "failed", "error": "out of memory"}, "Job j1 failed: out of memory"),
        ({"status": "cancelled", "error": None}, "Job j1 was cancelled"),
    ],
)
def test_following_a_job_that_does_not_succeed_exits_with_1(
    ended: dict[str, Any], words: str, service: FakeService, moggy: Moggy
) -> None:
    service.on("GET /v1/jobs/j1", as_json(RUNNING_JOB | {"kind": "train"}))
    service.on(EVENTS, as_events((1, "end", ended)))
    result = moggy("follow", "j1")
    assert (result.code, result.err) == (1, f"starting\n{words}\n")


@pytest.mark.parametrize(
    ("kind", "lines"),
    [
        ("directions", ["Job j1 succeeded."]),
        ("export", ["Job j1 succeeded.", "Its checkpoint can be used."]),
    ],
)
def test_following_a_job_without_a_printed_result_says_that_it_succeeded(
    kind: str, lines: list[str], service: FakeService, moggy: Moggy
) -> None:
    service.on("GET /v1/jobs/j1", as_json(RUNNING_JOB | {"kind": kind}))
    service.on(EVENTS, as_events((1, "end", {"status": "succeeded", "error": None})))
    result = moggy("follow", "j1")
    assert (result.code, result.err.splitlines()[-len(lines) :]) == (0, lines)


def test_inception_scores_are_shown_with_their_deviation() -> None:
    found = {"fid": 23.456, "kid": 0.01234, "kid_deviation": 0.001, "real": 9, "generated": 9}
    assert inception_line(found) == "Inception: FID 23.5, KID 0.0123 ± 0.00100"
