"""An import describes both files, or fails with the tensor at fault; nothing raises."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from weight_files import TINY, split, tiny_checkpoint, with_tensor, without

from benchmarks.harness.random_models import onnx_bytes
from models.import_checkpoint import ONNX_FILE, run_import

NAN = float("nan")


class Recorder:
    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def emit(self, event: str, **values: object) -> None:
        self.events.append({"event": event, **values})


def last_event(folder: Path, file: bytes, max_bytes: int = 1 << 30) -> dict[str, Any]:
    weights = folder / "checkpoint.safetensors"
    weights.write_bytes(file)
    run = {"weights": str(weights), "max_bytes": max_bytes}
    (folder / "run.json").write_text(json.dumps(run))
    recorder = Recorder()
    status = run_import(folder, recorder)
    (event,) = recorder.events
    assert status == (0 if event["event"] == "finished" else 1)
    return event


def test_a_sound_checkpoint_gets_the_onnx_file_of_a_training(tmp_path: Path) -> None:
    file, onnx = tiny_checkpoint(), onnx_bytes(TINY, 1)
    assert last_event(tmp_path, file) == {
        "event": "finished",
        "config": TINY.to_json(),
        "images_seen": 1000,
        "sha256": hashlib.sha256(file).hexdigest(),
        "bytes": len(file),
        "has_discriminator": True,
        "onnx_sha256": hashlib.sha256(onnx).hexdigest(),
        "onnx_bytes": len(onnx),
    }
    assert (tmp_path / ONNX_FILE).read_bytes() == onnx
    alone = last_event(tmp_path, without(file, "discriminator."))
    assert (alone["event"], alone["has_discriminator"]) == ("finished", False)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("layers.0.weight", NAN, "not finite float32: layers.0.weight"),
        ("discriminator.layers.0.bias", NAN, "discriminator.layers.0.bias is not finite"),
        ("layers.2.running_var", -1.0, "layers.2.running_var of the generator has a negative"),
    ],
)
def test_a_weight_that_no_training_writes_is_refused_by_name(
    tmp_path: Path, name: str, value: float, reason: str
) -> None:
    file = tiny_checkpoint()
    shape = split(file)[0][name]["shape"]
    event = last_event(tmp_path, with_tensor(file, name, "F32", shape, value))
    assert (event["event"], event["facts"]) == ("failed", {"kind": "unusable_model_file"})
    assert reason in event["error"]


def test_a_wrong_file_and_a_limit_are_named(tmp_path: Path) -> None:
    assert "the file is neither" in last_event(tmp_path, b"a picture, perhaps")["error"]
    assert "the file declares networks of" in last_event(tmp_path, tiny_checkpoint(), 9)["error"]
    (tmp_path / "run.json").write_text("{}")
    recorder = Recorder()
    assert run_import(tmp_path, recorder) == 1
    assert "not a valid description of an import" in recorder.events[0]["error"]
