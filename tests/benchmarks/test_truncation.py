from pathlib import Path

import pytest

from benchmarks import truncation
from benchmarks.harness.packed_datasets import pack, random_images
from benchmarks.harness.random_models import checkpoint_bytes
from models.config import TrainingConfig

SHAPE = (28, 28, 1)


def test_a_checkpoint_is_scored_at_each_truncation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = tmp_path / "checkpoint.safetensors"
    checkpoint.write_bytes(checkpoint_bytes(TrainingConfig(shape=SHAPE, width=8), 1))
    pack(tmp_path / "packed", random_images(40, SHAPE))
    monkeypatch.setattr(truncation, "TRUNCATIONS", (1.0, 0.5))
    files = ["--checkpoint", str(checkpoint), "--dataset", str(tmp_path / "packed")]
    truncation.main([*files, "--images", "16", "--sheets", str(tmp_path)])
    starts = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert starts == ["machine", "checkpoint", "scores", "ψ", "1.0", "0.5", "real"]
    sheets = [(tmp_path / f"truncation-{factor}.png").read_bytes() for factor in ("1.0", "0.5")]
    assert sheets[0] != sheets[1]
