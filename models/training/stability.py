"""What a run does when its training goes wrong: it adjusts its hyperparameters, or rolls back."""

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from models.checkpoint import NotFiniteError
from models.config import TrainingConfig
from models.training.health.signals import HealthAlert
from models.training.run import TrainingRun
from models.training.schedules import (
    PAUSE_IMAGES,
    Adjustments,
    Hyperparameters,
    hyperparameters,
)

MAX_ACTIONS = 3  # in a run
RATE_FACTOR = 0.5
PENALTY_FACTOR = 2.0
PROBABILITY_STEP = 0.25
ADDED_AUGMENTATIONS = ("translation", "cutout")  # in the order in which they are added

MAX_ROLLBACKS = 2
REMEDY = "choose lower learning rates, another loss, a penalty (r1), or precision=float32"


def check_health(run: TrainingRun) -> list[HealthAlert]:
    """The alerts to report; call it after each `run.read_report()`.

    These are the alerts that are new and, with `stability=auto`, those that the run acts on.
    """
    new, active = run.watch.read(run.snapshot(), run.reports)
    if run.config.stability == "off":
        return [replace(alert, proposal=propose(run.config, alert.signal)) for alert in new]
    reported = []
    for alert in active:
        action = adjust(run.adjustments, alert.signal, run.scheduled, run.images_seen)
        if action or alert in new:
            reported.append(replace(alert, action=action))
    return reported


def propose(config: TrainingConfig, signal: str) -> dict[str, Any] | None:
    """The overrides that do in a new run what `adjust` would do because of `signal`, at the start
    and at the end of the schedule; None if it does nothing."""
    adjustments, start = Adjustments(), hyperparameters(config, 0)
    if adjust(adjustments, signal, start, images_seen=0) is None:
        return None
    finals = {name: getattr(config, f"{name}_final", None) for name in asdict(start)}
    end = replace(start, **{name: value for name, value in finals.items() if value is not None})
    before, after = asdict(start), asdict(adjustments.apply(start))
    proposal = {name: value for name, value in after.items() if value != before[name]}
    adjusted_end = asdict(adjustments.apply(end))
    return proposal | {
        f"{name}_final": adjusted_end[name] for name in proposal if finals[name] is not None
    }


def adjust(
    adjustments: Adjustments, signal: str, scheduled: Hyperparameters, images_seen: int
) -> dict[str, Any] | None:
    """Adjust one hyperparameter because of `signal`: {field, before, after}, None if none is left.

    `scheduled` are the values of the configuration, without any adjustment. The decision depends
    only on the signals and on images_seen, so that a resumed run makes the same one.
    """
    if adjustments.actions == MAX_ACTIONS or images_seen < adjustments.acted_at + PAUSE_IMAGES:
        return None
    before = adjustments.apply(scheduled)
    field = _adjusted_field(adjustments, signal, before)
    if field is None:
        return None
    adjustments.actions += 1
    adjustments.acted_at = images_seen
    after = adjustments.apply(scheduled)
    return {"field": field, "before": getattr(before, field), "after": getattr(after, field)}


def _adjusted_field(adjustments: Adjustments, signal: str, current: Hyperparameters) -> str | None:
    if signal in ("oscillation", "vanishing_gradient"):
        adjustments.discriminator_rate *= RATE_FACTOR
        return "discriminator_learning_rate"
    if signal == "mode_collapse" and (current.r1 > 0 or current.r2 > 0):
        adjustments.penalty *= PENALTY_FACTOR
        return "r1" if current.r1 > 0 else "r2"
    if signal in ("mode_collapse", "overfitting"):
        return _augment(adjustments, current)
    return None


def _augment(adjustments: Adjustments, current: Hyperparameters) -> str | None:
    """Augment more often; if nothing is augmented or everything is, add a kind of augmentation."""
    policy = current.augmentation.split(",")
    if current.augmentation != "none" and current.augmentation_probability < 1:
        adjustments.probability += PROBABILITY_STEP
        return "augmentation_probability"
    for kind in ADDED_AUGMENTATIONS:
        if kind not in policy:
            adjustments.augmentations = ",".join(filter(None, [adjustments.augmentations, kind]))
            if current.augmentation_probability == 0:
                adjustments.probability += PROBABILITY_STEP
            return "augmentation"
    return None


class GoodStates:
    """Links in the run folder to the two newest training states, for rollbacks.

    The supervisor moves a state file away after its event; the links stay.
    """

    def __init__(self, folder: Path) -> None:
        self._newest = folder / "good.safetensors"
        self._older = folder / "older.safetensors"
        self._resumed = folder / "state.safetensors"  # the one that this process began from
        self._newest_images_seen = -1  # unknown: a link of an earlier process is replaced

    def keep(self, state: Path, images_seen: int) -> None:
        """Link `state` as the newest one; a state further back becomes the older one."""
        if 0 <= self._newest_images_seen < images_seen:
            self._newest.replace(self._older)
        self._newest_images_seen = images_seen
        link = self._newest.with_name(f".{self._newest.name}")
        link.unlink(missing_ok=True)
        try:
            os.link(state, link)
        except OSError:  # the file system has no hard links
            try:
                shutil.copyfile(state, link)
            except OSError:
                link.unlink(missing_ok=True)  # a partial copy would take room on a full disk
                raise
        link.replace(self._newest)

    def newest_first(self) -> list[Path]:
        """The states to go back to; if none exists, absent files, at which a run starts anew."""
        states = [self._newest, self._older, self._resumed]
        return [state for state in states if state.exists()] or states


def roll_back(
    run: TrainingRun,
    error: NotFiniteError,
    states: Sequence[Path],
    reopen: Callable[[Path], TrainingRun],
) -> TrainingRun:
    """Reopen `run` from the newest of the good `states`, with its learning rates halved.

    If the last rollback was to the same state, take the one before it. Raises NotFiniteError after
    MAX_ROLLBACKS rollbacks.
    """
    if run.rollbacks == MAX_ROLLBACKS:
        raise NotFiniteError(
            f"{error}, after {MAX_ROLLBACKS} rollbacks and with learning rates down to "
            f"{_learning_rates(run)}: the training diverges; {REMEDY}"
        ) from error
    reopened = reopen(states[0])
    if reopened.images_seen == run.rolled_back_to and len(states) > 1:
        reopened = reopen(states[1])
    reopened.rollbacks = run.rollbacks + 1
    reopened.adjustments = run.adjustments  # they stay, and count towards MAX_ACTIONS
    reopened.rolled_back_to = reopened.images_seen
    return reopened


def describe_rollback(run: TrainingRun, error: NotFiniteError) -> dict[str, Any]:
    """The event about the rollback that led to `run`: the signal `not_finite`."""
    return {
        "signal": "not_finite",
        "value": run.rollbacks,
        "threshold": MAX_ROLLBACKS,
        "says": f"{error}: rolled back to {run.images_seen:,} images seen, with learning rates "
        f"halved to {_learning_rates(run)}",
        "suggests": REMEDY,
        "reason": str(error),
        "images_seen": run.images_seen,
        "rollbacks": run.rollbacks,
        "generator_learning_rate": run.scheduled.generator_learning_rate,
        "discriminator_learning_rate": run.scheduled.discriminator_learning_rate,
    }


def _learning_rates(run: TrainingRun) -> str:
    rates = run.scheduled
    return (
        f"{rates.generator_learning_rate:g} (generator) and "
        f"{rates.discriminator_learning_rate:g} (discriminator)"
    )
