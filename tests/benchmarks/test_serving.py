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
from benchmarks.harness import service
from benchmarks.harness.editions import PRESENT, earlier_edition
from benchmarks.harness.random_models import store_checkpoint
from benchmarks.harness.service import Measured
from benchmarks.peers import environments, measuring
from benchmarks.peers.measuring import SEED
from benchmarks.peers.peer import PEERS
from models.samples import Sample


@pytest.mark.slow
def test_one_run_prints_every_figure_with_its_target(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(service, "REPEATS", 1)
    monkeypatch.setattr(service, "WARM_UP_SECONDS", 1)
    monkeypatch.setattr(measuring, "WARM_UP_SECONDS", 1)
    monkeypatch.setattr(service, "SHORT_SECONDS", 1)
    monkeypatch.setattr(serving, "MODELS", 2)
    monkeypatch.setattr(serving, "STARTS", 1)
    monkeypatch.setattr(serving, "LATENTS", 100)
    serving.main(["--peers", "fastapi", "--seconds", "1", "--no-earlier"])
    output = capsys.readouterr().out
    for text in (
        *("machine", "single 64×64 PNG", "of the limit", "times fastapi", "p99 at half that rate"),
        *("a lone image, p50", "cached repeat", "morph, 60 frames, cold", "grid of 64"),
        *("moggy up is ready", "first image after it", "memory with 2 models", "100 latents"),
    ):
        assert text in output
    assert " 0 errors" in output
    verdicts = [line for line in output.splitlines() if " of it " in line]
    assert len(verdicts) == 10


def test_without_the_earlier_commit_the_present_state_is_measured_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(serving, "earlier_edition", lambda: earlier_edition("0" * 40))
    with serving.editions(with_earlier=True) as compared:
        assert compared == [PRESENT]
    assert "The state before is not measured: no commit 0000000" in capsys.readouterr().out


def test_a_note_begins_with_the_value_of_the_state_before() -> None:
    measurement = serving.Measurement("grid of 64", "ms", 40, True, service.grid_milliseconds)
    measured = [Measured(35, "one PNG, alone"), Measured(52.34, "one PNG, alone")]
    figure = serving.compared_figure(measurement, measured)
    assert (figure.value, figure.met) == (35, True)
    assert figure.note == "before: 52.3 ms; one PNG, alone"


def test_a_peer_that_cannot_be_installed_is_reported_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(environments, "FOLDER", tmp_path / "environments")
    requirements = tmp_path / "litserve.txt"
    requirements.write_text("--no-index\nlitserve==0.2.19\n")
    peer = replace(PEERS[0], requirements=requirements)
    assert serving.measure_peer(peer, tmp_path, b"", 1) == []
    output = " ".join(capsys.readouterr().out.split())
    title = "litserve 0.2.19, user's code"
    assert f"{title} not measured: ERROR: No matching distribution" in output


def test_a_peer_that_serves_another_image_is_not_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (peer,) = (peer for peer in PEERS if peer.name == "fastapi")
    store = ObjectStore(Settings(home=tmp_path))
    checkpoint = store_checkpoint(store)
    file = store.local_copy(checkpoint.key)
    other = encode_png(np.zeros((64, 64, 3), np.uint8), image_recipe(checkpoint, Sample(SEED)))
    assert serving.measure_peer(peer, file, other, 1) == []
    assert "not measured: its image differs by" in capsys.readouterr().out
