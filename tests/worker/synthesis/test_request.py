"""The description of a synthesis as the child process reads it."""

import json
from dataclasses import asdict
from pathlib import Path

from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.synthesis import Synthesis
from worker.synthesis.request import SynthesisRequest


def test_a_job_of_an_older_version_is_not_truncated(tmp_path: Path) -> None:
    config = Synthesis(images=20).to_json()
    del config["truncation"]
    run = {
        "checkpoint": asdict(GeneratorCheckpoint("c1", "cats", "k", "h", 10, (28, 28, 1), 100)),
        "path": "checkpoint.onnx",
        "config": config,
        "compared": None,
        **{"shards": 0, "made": 0, "tried": 0},
    }
    (tmp_path / "run.json").write_text(json.dumps(run))
    assert SynthesisRequest.read(tmp_path / "run.json").truncation == 1
