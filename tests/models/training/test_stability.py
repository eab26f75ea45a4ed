"""Adjustments are bounded and few, and a resumed run repeats those of an uninterrupted one."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from training_runs import step

from models.config import TrainingConfig
from models.data import PackedDataset
from models.precision import Machine
from models.training.health import watch
from models.training.health.signals import SIGNALS, HealthAlert
from models.training.run import TrainingRun
from models.training.schedules import PAUSE_IMAGES, Adjustments, Hyperparameters, hyperparameters
from models.training.stability import MAX_ACTIONS, adjust, check_health, propose
from models.training.state import load_state, restore, save_state


@pytest.fixture
def values(config: TrainingConfig) -> Hyperparameters:
    return hyperparameters(config, 0)


@pytest.mark.parametrize("signal", ["oscillation", "vanishing_gradient"])
def test_a_discriminator_that_is_too_strong_gets_half_its_learning_rate(
    values: Hyperparameters, signal: str
) -> None:
    adjustments = Adjustments()
    action = adjust(adjustments, signal, values, 30_000)
    assert action == {"field": "discriminator_learning_rate", "before": 2e-4, "after": 1e-4}
    after = adjustments.apply(values)
    assert after == replace(values, discriminator_learning_rate=1e-4)


def test_collapse_doubles_the_penalty_if_there_is_one(values: Hyperparameters) -> None:
    values = replace(values, r1=2.0, r2=1.0)
    adjustments = Adjustments()
    action = adjust(adjustments, "mode_collapse", values, 30_000)
    assert action == {"field": "r1", "before": 2.0, "after": 4.0}
    assert adjustments.apply(values).r2 == 2.0


def test_collapse_without_a_penalty_and_overfitting_add_augmentations(
    values: Hyperparameters,
) -> None:
    adjustments = Adjustments()
    first = adjust(adjustments, "mode_collapse", values, 30_000)
    second = adjust(adjustments, "overfitting", values, 60_000)
    third = adjust(adjustments, "overfitting", values, 90_000)
    assert first == {"field": "augmentation", "before": "none", "after": "translation"}
    assert second == {
        "field": "augmentation",
        "before": "translation",
        "after": "translation,cutout",
    }
    assert third is None  # nothing is left to do
    assert adjustments.actions == 2


def test_the_first_augmentation_gets_a_probability_of_a_quarter(
    values: Hyperparameters,
) -> None:
    values = replace(values, augmentation="none", augmentation_probability=0.0)
    adjustments = Adjustments()
    action = adjust(adjustments, "overfitting", values, 30_000)
    assert action == {"field": "augmentation", "before": "none", "after": "translation"}
    assert adjustments.apply(values).augmentation_probability == 0.25


def test_rare_augmentation_becomes_more_frequent(values: Hyperparameters) -> None:
    values = replace(values, augmentation="colour", augmentation_probability=0.9)
    adjustments = Adjustments()
    action = adjust(adjustments, "overfitting", values, 30_000)
    assert action == {"field": "augmentation_probability", "before": 0.9, "after": 1.0}
    action = adjust(adjustments, "overfitting", values, 60_000)
    assert action is not None
    assert action["after"] == "colour,translation"


def test_there_are_three_actions_and_a_pause_between_them(values: Hyperparameters) -> None:
    adjustments = Adjustments()
    acted_at = [
        images_seen
        for images_seen in range(30_000, 200_000, 10_000)
        if adjust(adjustments, "oscillation", values, images_seen)
    ]
    assert acted_at == [30_000 + index * PAUSE_IMAGES for index in range(MAX_ACTIONS)]
    assert adjustments.discriminator_rate == 1 / 8


def test_adjustments_resume_from_json(values: Hyperparameters) -> None:
    adjustments = Adjustments()
    adjust(adjustments, "overfitting", values, 30_000)
    assert Adjustments.from_json(json.loads(json.dumps(adjustments.to_json()))) == adjustments


@pytest.fixture
def always_vanishing(config: TrainingConfig, monkeypatch: pytest.MonkeyPatch) -> TrainingConfig:
    """The configuration of a run whose frequent readings always find a vanishing gradient."""
    monkeypatch.setattr(watch, "READ_IMAGES", 32)
    (signal,) = [signal for signal in SIGNALS if signal.name == "vanishing_gradient"]
    monkeypatch.setattr(watch, "SIGNALS", (replace(signal, threshold=2.0, clear=3.0),))
    monkeypatch.setattr("models.training.stability.PAUSE_IMAGES", 64)
    return replace(config, stability="auto")


def _train(run: TrainingRun, steps: int) -> list[HealthAlert]:
    alerts = []
    for _ in range(steps):
        step(run)
        alerts += check_health(run)
    return alerts


def test_a_resumed_run_acts_as_an_uninterrupted_one(
    tmp_path: Path, cats: Path, always_vanishing: TrainingConfig, precise_machine: Machine
) -> None:
    dataset = PackedDataset(cats)
    whole = TrainingRun(always_vanishing, dataset, precise_machine)
    expected = _train(whole, 30)
    assert [alert.images_seen for alert in expected] == [96, 160, 224]
    rates = [alert.action and alert.action["after"] for alert in expected]
    assert rates == [1e-4, 5e-5, 2.5e-5]
    assert {alert.proposal is None for alert in expected} == {True}

    first = TrainingRun(always_vanishing, dataset, precise_machine)
    alerts = _train(first, 11)
    save_state(tmp_path / "state.safetensors", first)
    second = TrainingRun(always_vanishing, dataset, precise_machine)
    restore(second, load_state(tmp_path / "state.safetensors"))
    alerts += _train(second, 19)
    assert alerts == expected
    for name, run in (("whole", whole), ("second", second)):
        save_state(tmp_path / name, run)
    assert (tmp_path / "whole").read_bytes() == (tmp_path / "second").read_bytes()


@pytest.mark.parametrize(
    ("signal", "changes", "proposal"),
    [
        ("mode_collapse", {"r1": 2.0}, {"r1": 4.0}),
        (
            "mode_collapse",
            {"r1": 2.0, "r1_final": 0.2, "schedule_images": 1000},
            {"r1": 4.0, "r1_final": 0.4},
        ),
        (
            "overfitting",
            {"augmentation": "none", "augmentation_probability": 0.0},
            {"augmentation": "translation", "augmentation_probability": 0.25},
        ),
        (
            "overfitting",
            {
                "augmentation": "colour",
                "augmentation_probability": 0.0,
                "augmentation_probability_final": 0.5,
                "schedule_images": 1000,
            },
            {"augmentation_probability": 0.25, "augmentation_probability_final": 0.75},
        ),
        ("plateau", {}, None),
    ],
)
def test_a_proposal_has_every_override_that_is_needed(
    config: TrainingConfig, signal: str, changes: dict[str, Any], proposal: dict[str, Any] | None
) -> None:
    assert propose(replace(config, **changes), signal) == proposal


def test_a_run_without_stability_alerts_once_and_does_not_act(
    cats: Path, always_vanishing: TrainingConfig, machine: Machine
) -> None:
    run = TrainingRun(replace(always_vanishing, stability="off"), PackedDataset(cats), machine)
    (alert,) = _train(run, 20)
    assert alert.action is None
    assert alert.proposal == {"discriminator_learning_rate": 1e-4}
    assert run.adjustments == Adjustments()
