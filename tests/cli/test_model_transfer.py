"""`moggy model export`, `playground` and `import`: files out, and a file in."""

from pathlib import Path

from .conftest import (
    RUNNING_JOB,
    FakeService,
    Moggy,
    as_events,
    as_json,
    as_problem,
)

JOB = RUNNING_JOB | {"kind": "import", "model": "cats-2"}


def test_the_served_checkpoint_of_a_model_is_written_in_the_format_of_the_file(
    service: FakeService, moggy: Moggy, tmp_path: Path
) -> None:
    service.on("GET /v1/models/cats", as_json({"name": "cats", "checkpoint": "c2"}))
    for suffix, export_format in (
        ("zip", "bundle"),
        ("onnx", "onnx"),
        ("safetensors", "safetensors"),
    ):
        line = f"GET /v1/checkpoints/c2/export?format={export_format}"
        service.on(line, (200, "application/octet-stream", b"data"))
        out = tmp_path / f"cats.{suffix}"
        written = moggy("model", "export", "cats", "--out", out, "--format", export_format)
        assert (written.code, written.err) == (0, f"{out}: 4 B\n")
        assert out.read_bytes() == b"data"


def test_any_checkpoint_is_exported_by_its_id(
    service: FakeService, moggy: Moggy, tmp_path: Path
) -> None:
    service.on("GET /v1/checkpoints/c1/export?format=bundle", (200, "application/zip", b"zip"))
    assert moggy("model", "export", "c1", "--out", tmp_path / "a.zip").code == 0
    missing = moggy("model", "export", "c3", "--out", tmp_path / "b.zip")
    assert missing.code == 1
    assert not (tmp_path / "b.zip").exists()


def test_a_file_name_that_contradicts_the_format_is_refused_before_any_request(
    service: FakeService, moggy: Moggy, tmp_path: Path
) -> None:
    wrong = moggy("model", "export", "cats", "--out", tmp_path / "a.onnx", "--format", "bundle")
    assert (wrong.code, "selects onnx, but --format is bundle" in wrong.err) == (2, True)
    unknown = moggy("model", "export", "cats", "--out", tmp_path / "a.pt")
    assert (unknown.code, ".zip, .safetensors, .onnx" in unknown.err) == (2, True)
    assert service.received == []


def test_a_model_without_a_checkpoint_has_nothing_to_export(
    service: FakeService, moggy: Moggy, tmp_path: Path
) -> None:
    service.on("GET /v1/models/cats", as_json({"name": "cats", "checkpoint": None}))
    refused = moggy("model", "export", "cats", "--out", tmp_path / "a.zip")
    assert (refused.code, "has no checkpoint yet" in refused.err) == (1, True)


def test_the_playground_of_a_model_is_written_as_a_page(
    service: FakeService, moggy: Moggy, tmp_path: Path
) -> None:
    page = (200, "text/html", b"<!doctype html>")
    service.on("GET /v1/models/cats/playground.html", page)
    service.on("GET /v1/models/cats/playground.html?checkpoint=c1", page)
    out = tmp_path / "cats.html"
    written = moggy("model", "playground", "cats", "--out", out)
    assert (written.code, written.err) == (0, f"{out}: 15 B\n")
    assert out.read_bytes() == b"<!doctype html>"
    assert moggy("model", "playground", "cats", "--out", out, "--checkpoint", "c1").code == 0
    wrong = moggy("model", "playground", "cats", "--out", tmp_path / "cats.zip")
    assert (wrong.code, "must end in .html" in wrong.err) == (2, True)


def test_a_file_is_uploaded_as_a_new_model_and_followed(
    service: FakeService, moggy: Moggy, tmp_path: Path
) -> None:
    bundle = tmp_path / "cats.zip"
    bundle.write_bytes(b"the bundle")
    service.on("POST /v1/models", as_json(JOB, 202))
    queued = moggy("model", "import", bundle, "--name", "cats-2")
    assert (queued.code, queued.out) == (0, "j1\n")
    (request,) = service.received
    assert b'name="file"; filename="cats.zip"' in request.body
    assert b"the bundle" in request.body
    assert b'name="name"\r\n\r\ncats-2' in request.body
    ended = {"status": "succeeded", "error": None}
    end = as_events((1, "state", {"status": "running"}), (2, "end", ended))
    service.on("GET /v1/jobs/j1/events", end)
    result = {"checkpoint": "c9", "sha256": "s", "has_discriminator": False}
    service.on("GET /v1/jobs/j1", as_json(JOB | {"status": "succeeded", "result": result}))
    followed = moggy("model", "import", bundle, "--name", "cats-2", "--follow")
    assert (followed.code, followed.out) == (0, "j1\n")
    assert "model cats-2 serves checkpoint c9" in followed.err
    assert "It has no discriminator" in followed.err
    assert moggy("follow", "j1").code == 0


def test_a_refused_file_or_name_is_reported(
    service: FakeService, moggy: Moggy, tmp_path: Path
) -> None:
    assert moggy("model", "import", tmp_path, "--name", "a").code == 2
    assert moggy("model", "import", tmp_path / "nowhere.zip", "--name", "a").code == 1
    file = tmp_path / "cats.onnx"
    file.write_bytes(b"onnx")
    service.on("POST /v1/models", as_problem(422, "Invalid request", "is an ONNX file"))
    refused = moggy("model", "import", file, "--name", "a")
    assert (refused.code, "is an ONNX file" in refused.err) == (1, True)
