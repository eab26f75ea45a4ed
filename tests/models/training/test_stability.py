"""Actions are bounded, few, and a matter of the images seen alone."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from training_runs import step

from models.config import TrainingConfig
from models.data import PackedDataset
from models.precision import Machine
from models.training.health import watch
from models.training.health.signals import Finding
from models.training.run import TrainingRun
from models.training.schedules import Hyperparameters, hyperparameters
from models.training.stability import MOST_ACTIONS, PAUSE_IMAGES, Stability
from models.training.state import load_state, restore, save_state


@pytest.fixture
def values(config: TrainingConfig) -> Hyperparameters:
    return hyperparameters(config, 0)


@pytest.mark.parametrize("signal", ["oscillation", "vanishing_gradient"])
def test_a_discriminator_that_runs_ahead_learns_half_as_fast(
    values: Hyperparameters, signal: str
) -> None:
    stability = Stability()
    action = stability.act(signal, values, 30_000)
    assert action == {"field": "discriminator_learning_rate", "before": 2e-4, "after": 1e-4}
    after = stability.apply(values)
    assert after == replace(values, discriminator_learning_rate=1e-4)


def test_collapse_doubles_the_penalty_where_there_is_one(values: Hyperparameters) -> None:
    values = replace(values, r1=2.0, r2=1.0)
    stability = Stability()
    action = stability.act("mode_collapse", values, 30_000)
    assert action == {"field": "r1", "before": 2.0, "after": 4.0}
    assert stability.apply(values).r2 == 2.0


def test_collapse_without_a_penalty_and_overfitting_are_met_with_augmentation(
    values: Hyperparameters,
) -> None:
    stability = Stability()
    first = stability.act("mode_collapse", values, 30_000)
    second = stability.act("overfitting", values, 60_000)
    third = stability.act("overfitting", values, 90_000)
    assert first == {"field": "augmentation", "before": "none", "after": "translation"}
    assert second == {
        "field": "augmentation",
        "before": "translation",
        "after": "translation,cutout",
    }
    assert third is None  # nothing is left to do
    assert stability.actions == 2


def test_augmentation_that_was_never_to_be_done_is_done_now_and_then(
    values: Hyperparameters,
) -> None:
    values = replace(values, augmentation="none", augmentation_probability=0.0)
    stability = Stability()
    action = stability.act("overfitting", values, 30_000)
    assert action == {"field": "augmentation", "before": "none", "after": "translation"}
    assert stability.apply(values).augmentation_probability == 0.25


def test_augmentation_that_is_rare_becomes_more_frequent(values: Hyperparameters) -> None:
    values = replace(values, augmentation="colour", augmentation_probability=0.9)
    stability = Stability()
    action = stability.act("overfitting", values, 30_000)
    assert action == {"field": "augmentation_probability", "before": 0.9, "after": 1.0}
    action = stability.act("overfitting", values, 60_000)
    assert action is not None
    assert action["after"] == "colour,translation"


def test_there_are_three_actions_and_a_pause_between_them(values: Hyperparameters) -> None:
    stability = Stability()
    acted = [
        seen
        for seen in range(30_000, 200_000, 10_000)
        if stability.act("oscillation", values, seen)
    ]
    assert acted == [30_000 + turn * PAUSE_IMAGES for turn in range(MOST_ACTIONS)]
    assert stability.discriminator_rate == 1 / 8


def test_what_was_done_can_be_written_down(values: Hyperparameters) -> None:
    stability = Stability()
    stability.act("overfitting", values, 30_000)
    assert Stability.from_json(json.loads(json.dumps(stability.to_json()))) == stability


@pytest.fixture
def always_vanishing(config: TrainingConfig, monkeypatch: pytest.MonkeyPatch) -> TrainingConfig:
    """A run whose generator is said to learn nothing at each of many readings."""
    monkeypatch.setattr(watch, "READ_IMAGES", 32)
    (signal,) = [one for one in watch.SIGNALS if one.name == "vanishing_gradient"]
    monkeypatch.setattr(watch, "SIGNALS", (replace(signal, threshold=2.0, clear=3.0),))
    monkeypatch.setattr("models.training.stability.PAUSE_IMAGES", 64)
    return replace(config, stability="auto")


def _go_on(run: TrainingRun, steps: int) -> list[Finding]:
    found = []
    for _ in range(steps):
        step(run)
        found += run.examine()
    return found


def test_a_run_acts_and_one_that_goes_on_from_its_state_acts_alike(
    tmp_path: Path, cats: Path, always_vanishing: TrainingConfig, precise_machine: Machine
) -> None:
    dataset = PackedDataset(cats)
    whole = TrainingRun(always_vanishing, dataset, precise_machine)
    expected = _go_on(whole, 30)
    assert [finding.images_seen for finding in expected] == [96, 160, 224]
    assert [finding.action and finding.action["after"] for finding in expected] == [
        1e-4,
        5e-5,
        2.5e-5,
    ]

    first = TrainingRun(always_vanishing, dataset, precise_machine)
    found = _go_on(first, 11)
    save_state(tmp_path / "state.safetensors", first)
    second = TrainingRun(always_vanishing, dataset, precise_machine)
    restore(second, load_state(tmp_path / "state.safetensors"))
    found += _go_on(second, 19)
    assert found == expected
    for name, run in (("whole", whole), ("second", second)):
        save_state(tmp_path / name, run)
    assert (tmp_path / "whole").read_bytes() == (tmp_path / "second").read_bytes()


def test_a_run_that_may_not_act_says_so_once(
    cats: Path, always_vanishing: TrainingConfig, machine: Machine
) -> None:
    run = TrainingRun(replace(always_vanishing, stability="off"), PackedDataset(cats), machine)
    (finding,) = _go_on(run, 20)
    assert finding.action is None
    assert run.stability == Stability()
