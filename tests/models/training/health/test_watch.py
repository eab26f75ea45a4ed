"""A watch reads now and then, says once what rises, and remembers what it saw."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from models.config import TrainingConfig
from models.data import PackedDataset
from models.precision import Machine
from models.training.health import watch
from models.training.health.signals import Finding
from models.training.health.watch import READINGS, Watch
from models.training.run import Losses, TrainingRun


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "READ_IMAGES", 32)


def _losses(slope: float) -> Losses:
    return Losses(1.0, 1.0, 2.0, -2.0, 1.0, 0.0, slope)


def _read(run: TrainingRun, one: Watch, slopes: list[float]) -> list[list[Finding]]:
    """What rises at each of several readings in which the slope was so."""
    found = []
    for slope in slopes:
        run.images_seen += 32
        risen, _ = one.read(run, [_losses(slope)])
        found.append([finding for finding in risen if finding.signal == "vanishing_gradient"])
    return found


@pytest.mark.usefixtures("often")
def test_a_signal_is_said_when_it_rises_and_again_only_after_it_was_gone(
    new_run: TrainingRun,
) -> None:
    found = _read(new_run, Watch(), [0.9, 0.01, 0.01, 0.01, 0.01, 0.9, 0.9, 0.01, 0.01])
    said = [bool(findings) for findings in found]
    assert said == [False, False, True, False, False, False, False, False, True]
    (finding,) = found[2]
    assert (finding.value, finding.images_seen) == (0.01, 96)


@pytest.mark.usefixtures("often")
def test_one_bad_reading_says_nothing(new_run: TrainingRun) -> None:
    assert not any(_read(new_run, Watch(), [0.9, 0.9, 0.001, 0.9, 0.9]))


@pytest.mark.usefixtures("often")
def test_it_reads_when_so_many_images_were_seen(new_run: TrainingRun) -> None:
    one = Watch()
    for _ in range(2 * READINGS):
        new_run.images_seen += 16
        one.read(new_run, [_losses(0.5)])
    assert one.values["vanishing_gradient"] == 0.5
    before = dict(one.values)
    new_run.images_seen += 16
    one.read(new_run, [_losses(0.1)])
    assert one.values == before


@pytest.mark.usefixtures("often")
def test_it_goes_on_from_what_was_written(new_run: TrainingRun) -> None:
    one = Watch()
    _read(new_run, one, [0.01, 0.01, 0.9])
    again = Watch.from_json(json.loads(json.dumps(one.to_json())))
    seen = new_run.images_seen
    expected = _read(new_run, one, [0.01, 0.01])
    new_run.images_seen = seen
    assert _read(new_run, again, [0.01, 0.01]) == expected
    assert again.to_json() == one.to_json()


@pytest.mark.usefixtures("often")
def test_a_run_that_is_watched_is_the_same_run(
    cats: Path, config: TrainingConfig, precise_machine: Machine
) -> None:
    config = replace(config, held_out_share=0.1, images=320)
    alone, watched = (TrainingRun(config, PackedDataset(cats), precise_machine) for _ in range(2))
    while not alone.finished:
        alone.step()
        watched.step()
        watched.losses()
        watched.examine()
    assert set(watched.watch.values) >= {"vanishing_gradient", "mode_collapse", "overfitting"}
    pairs = zip(
        alone.players.discriminator.state_dict().values(),
        watched.players.discriminator.state_dict().values(),
        strict=True,
    )
    assert all(torch.equal(one, other) for one, other in pairs)
