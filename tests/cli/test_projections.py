"""`moggy project`: a picture in, the model's image of it out."""

from pathlib import Path
from typing import Any

from .conftest import (
    FakeService,
    Moggy,
    as_events,
    as_json,
)

PROJECTION: dict[str, Any] = {
    "id": "p1",
    "class": None,
    "checkpoint": "c1",
    "says": "This model can make this picture.",
    "distance": 0.25,
    "pixel_error": 12.5,
    "percentile": 40.0,
    "calibration": {"pictures": 64, "source": "held_out"},
    "seconds": {"encoder": 0.1, "projection": 4.0},
}
PROGRESS = {"images_per_second": None, "eta_seconds": None}


def answer(service: FakeService, status: str = "succeeded", error: str | None = None) -> None:
    service.on("POST /v1/models/cats/projections", as_json({"id": "p1"}, 202))
    service.on(
        "GET /v1/jobs/p1/events",
        as_events(
            (1, "state", {"status": "running", "attempt": 1, "error": None}),
            (2, "progress", PROGRESS | {"phase": "encoder", "images_seen": 0, "images_total": 9}),
            (
                3,
                "progress",
                PROGRESS | {"phase": "projection", "images_seen": 1, "images_total": 2},
            ),
            (4, "end", {"status": status, "error": error}),
        ),
    )
    service.on("GET /v1/jobs/p1", as_json({"id": "p1", "status": status}))
    service.on("GET /v1/projections/p1", as_json(PROJECTION))
    service.on("GET /v1/projections/p1.png", (200, "image/png", b"PNG"))
    service.on("POST /v1/models/cats/latents", as_json({"name": "mimi"}, 201))


def test_a_picture_is_projected_written_and_saved(
    service: FakeService, moggy: Moggy, tmp_path: Path
) -> None:
    answer(service)
    picture, out = tmp_path / "mimi.jpg", tmp_path / "found.png"
    picture.write_bytes(b"JPEG")
    result = moggy("project", "cats", picture, "--out", out, "--save", "mimi", "--fit", "pad")
    assert (result.code, result.out) == (0, "p1\n"), result.err
    assert "training the encoder, once for this checkpoint" in result.err
    assert "This model can make this picture." in result.err
    assert "distance 0.250, more than 40 % of 64 held-out pictures" in result.err
    assert out.read_bytes() == b"PNG"
    form, saved = service.received[0].body, service.received[-1].json
    assert b'name="picture"; filename="mimi.jpg"' in form
    assert b'name="fit"' in form
    assert saved == {"name": "mimi", "projection": "p1", "checkpoint": "c1"}


def test_a_failed_projection_and_a_path_without_a_picture_are_errors(
    service: FakeService, moggy: Moggy, tmp_path: Path
) -> None:
    answer(service, "failed", "the weights are damaged")
    picture = tmp_path / "mimi.jpg"
    picture.write_bytes(b"JPEG")
    failed = moggy("project", "cats", picture)
    assert (failed.code, "p1 failed: the weights are damaged" in failed.err) == (1, True)
    received = len(service.received)
    missing = moggy("project", "cats", tmp_path / "none.jpg")
    assert (missing.code, "no such file" in missing.err) == (1, True)
    folder = moggy("project", "cats", tmp_path)
    assert (folder.code, "is a folder: give one picture" in folder.err) == (2, True)
    wrong = moggy("project", "cats", picture, "--out", tmp_path / "found.jpg")
    assert (wrong.code, "must end in .png" in wrong.err) == (2, True)
    assert len(service.received) == received
