"""A short comparison with the peer that needs no separate environment."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.domain.images.encoders import encode_png
from app.domain.images.recipes import image_recipe
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from benchmarks import serving
from benchmarks.harness.random_models import store_checkpoint
from benchmarks.peers import environments
from benchmarks.peers.measuring import SEED
from benchmarks.peers.peer import PEERS
from models.samples import Sample


@pytest.mark.slow
def test_one_run_prints_every_figure_with_its_target(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(serving, "REPEATS", 1)
    monkeypatch.setattr(serving, "MODELS", 2)
    monkeypatch.setattr(serving, "WARM_UP_SECONDS", 1)
    serving.main(["--peers", "fastapi", "--seconds", "1"])
    output = capsys.readouterr().out
    for text in (
        *("machine", "single 64×64 PNG", "of the limit", "times fastapi", "p99 at half that rate"),
        *("cached repeat", "morph, 60 frames, cold", "grid of 64", "memory with 2 models"),
    ):
        assert text in output
    assert " 0 errors" in output
    verdicts = [line for line in output.splitlines() if " of it " in line]
    assert len(verdicts) == 6


def test_a_peer_that_cannot_be_installed_is_reported_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(environments, "FOLDER", tmp_path / "environments")
    requirements = tmp_path / "litserve.txt"
    requirements.write_text("--no-index\nlitserve==0.2.19\n")
    peer = replace(PEERS[0], requirements=requirements)
    store = ObjectStore(Settings(home=tmp_path))
    assert serving.measure_peer(peer, store_checkpoint(store), tmp_path, b"", 1) == []
    output = capsys.readouterr().out
    assert "litserve 0.2.19  not measured: ERROR: No matching distribution" in output


def test_a_peer_that_serves_another_image_is_not_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (peer,) = (peer for peer in PEERS if peer.name == "fastapi")
    store = ObjectStore(Settings(home=tmp_path))
    checkpoint = store_checkpoint(store)
    file = store.local_copy(checkpoint.key)
    other = encode_png(np.zeros((64, 64, 3), np.uint8), image_recipe(checkpoint, Sample(SEED)))
    assert serving.measure_peer(peer, checkpoint, file, other, 1) == []
    assert "not measured: its image differs by" in capsys.readouterr().out
