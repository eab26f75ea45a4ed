"""The export process writes the same file as the trainer, and says why it cannot."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.harness.random_models import checkpoint_bytes
from models.checkpoint import load_generator
from models.config import TrainingConfig
from models.export import EXPORTED_FILE, run_export
from models.onnx_writer import export_generator


class RecordedEvents:
    def __init__(self) -> None:
        self.emitted: list[dict[str, Any]] = []

    def emit(self, event: str, **values: object) -> None:
        self.emitted.append({"event": event} | values)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(checkpoint_bytes(TrainingConfig(width=8), 1))
    (tmp_path / "run.json").write_text(json.dumps({"checkpoint": str(path)}))
    return path


def failure(folder: Path) -> str:
    events = RecordedEvents()
    assert run_export(folder, events) == 1
    assert not (folder / EXPORTED_FILE).exists()
    (event,) = events.emitted
    assert event["event"] == "failed"
    return str(event["error"])


def test_the_process_writes_the_file_and_names_it_last(checkpoint: Path) -> None:
    process = subprocess.run(
        [sys.executable, "-m", "models.export", str(checkpoint.parent)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = load_generator(checkpoint)
    sha256 = hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    expected = export_generator(loaded.generator, loaded.config, loaded.images_seen, sha256)
    assert (checkpoint.parent / EXPORTED_FILE).read_bytes() == expected
    assert json.loads(process.stdout) == {
        "event": "finished",
        "path": EXPORTED_FILE,
        "bytes": len(expected),
        "sha256": hashlib.sha256(expected).hexdigest(),
    }


def test_a_broken_checkpoint_is_named(checkpoint: Path) -> None:
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    assert "checkpoint.safetensors cannot be read as a checkpoint" in failure(checkpoint.parent)


def test_a_run_without_a_description_is_refused(tmp_path: Path) -> None:
    assert "run.json is not a valid description of an export" in failure(tmp_path)
