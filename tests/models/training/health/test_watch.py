"""A watch reads at intervals, alerts once when a signal becomes active, and resumes from JSON."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from models.config import TrainingConfig
from models.data import PackedDataset
from models.precision import Machine
from models.training.health import watch as watch_module
from models.training.health.signals import HealthAlert
from models.training.health.watch import READINGS, Watch
from models.training.run import TrainingRun
from models.training.stability import check_health
from models.training.step import StepReport


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_module, "READ_IMAGES", 32)


def _report(slope: float) -> StepReport[float]:
    return StepReport(1.0, 1.0, 2.0, -2.0, 1.0, 0.0, slope)


def _new_alerts(run: TrainingRun, watch: Watch, slopes: list[float]) -> list[list[HealthAlert]]:
    """The new alerts about a vanishing gradient, at one reading for each slope."""
    alerts = []
    for slope in slopes:
        run.images_seen += 32
        new, _ = watch.read(run.snapshot(), [_report(slope)])
        alerts.append([alert for alert in new if alert.signal == "vanishing_gradient"])
    return alerts


@pytest.mark.usefixtures("often")
def test_an_alert_is_given_once_and_again_only_after_the_signal_was_inactive(
    new_run: TrainingRun,
) -> None:
    slopes = [0.9, 0.01, 0.01, 0.01, 0.01, 0.9, 0.9, 0.01, 0.01]
    alerts = _new_alerts(new_run, Watch(), slopes)
    alerted = [bool(reading) for reading in alerts]
    assert alerted == [False, False, True, False, False, False, False, False, True]
    (alert,) = alerts[2]
    assert (alert.value, alert.images_seen) == (0.01, 96)


@pytest.mark.usefixtures("often")
def test_one_bad_reading_gives_no_alert(new_run: TrainingRun) -> None:
    assert not any(_new_alerts(new_run, Watch(), [0.9, 0.9, 0.001, 0.9, 0.9]))


@pytest.mark.usefixtures("often")
def test_a_reading_is_made_every_read_images(new_run: TrainingRun) -> None:
    watch = Watch()
    for _ in range(2 * READINGS):
        new_run.images_seen += 16
        watch.read(new_run.snapshot(), [_report(0.5)])
    assert watch.values["vanishing_gradient"] == 0.5
    before = dict(watch.values)
    new_run.images_seen += 16
    watch.read(new_run.snapshot(), [_report(0.1)])
    assert watch.values == before


@pytest.mark.usefixtures("often")
def test_a_watch_resumes_from_json(new_run: TrainingRun) -> None:
    watch = Watch()
    _new_alerts(new_run, watch, [0.01, 0.01, 0.9])
    resumed = Watch.from_json(json.loads(json.dumps(watch.to_json())))
    images_seen = new_run.images_seen
    expected = _new_alerts(new_run, watch, [0.01, 0.01])
    new_run.images_seen = images_seen
    assert _new_alerts(new_run, resumed, [0.01, 0.01]) == expected
    assert resumed.to_json() == watch.to_json()


@pytest.mark.usefixtures("often")
def test_watching_a_run_does_not_change_it(
    cats: Path, config: TrainingConfig, precise_machine: Machine
) -> None:
    config = replace(config, held_out_share=0.1, images=320)
    alone, watched = (TrainingRun(config, PackedDataset(cats), precise_machine) for _ in range(2))
    while not alone.finished:
        alone.step()
        watched.step()
        watched.read_report()
        check_health(watched)
    assert set(watched.watch.values) >= {"vanishing_gradient", "mode_collapse", "overfitting"}
    pairs = zip(
        alone.gan.discriminator.state_dict().values(),
        watched.gan.discriminator.state_dict().values(),
        strict=True,
    )
    assert all(torch.equal(expected, tensor) for expected, tensor in pairs)
