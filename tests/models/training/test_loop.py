"""The loop says what is due exactly when it is, and its observers change nothing."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import torch

from models.checkpoint import save_checkpoint
from models.config import TrainingConfig
from models.data import PackedDataset
from models.precision import Machine
from models.rendering import synthesize
from models.seeds import latents_from_seeds
from models.training import loop
from models.training import run as training_run
from models.training.health.signals import Finding
from models.training.loop import Progress, RateMeter, train
from models.training.run import TrainingRun
from models.training.state import load_state, restore, save_state


@dataclass
class Notes:
    """An observer that writes down what it is told, and looks as hard as the real one."""

    folder: Path
    told: list[tuple[str, int]] = field(default_factory=list)
    reports: list[Progress] = field(default_factory=list)
    found: list[Finding] = field(default_factory=list)
    whole: bool = True  # what is answered of each checkpoint

    def progress(self, progress: Progress) -> None:
        self.reports.append(progress)

    def health(self, run: TrainingRun, finding: Finding) -> None:
        assert finding.images_seen == run.images_seen
        self.found.append(finding)

    def sample(self, run: TrainingRun) -> None:
        self.told.append(("sample", run.images_seen))
        synthesize(run.served_generator(), latents_from_seeds(range(4), run.config.latent_dim))

    def checkpoint(self, run: TrainingRun) -> bool:
        self.told.append(("checkpoint", run.images_seen))
        file = self.folder / "checkpoint.safetensors"
        discriminator = run.players.discriminator
        save_checkpoint(file, run.served_generator(), discriminator, run.config, run.images_seen)
        return self.whole

    def state(self, run: TrainingRun) -> None:
        self.told.append(("state", run.images_seen))
        save_state(self.folder / "state.safetensors", run)


def _stop_after(run: TrainingRun, images: int) -> Callable[[], bool]:
    return lambda: run.images_seen >= images


def _train(run: TrainingRun, notes: Notes, stop_at: int = 10**9, every: float = 1000) -> bool:
    stopping = _stop_after(run, stop_at)
    return train(run, notes, state_every_seconds=every, stopping=stopping)


def _final(run: TrainingRun) -> list[torch.Tensor]:
    networks = run.players.generator, run.players.discriminator, run.average.generator
    return [tensor for network in networks for tensor in network.state_dict().values()]


def test_samples_and_checkpoints_come_at_their_multiples_and_at_the_end(
    new_run: TrainingRun, tmp_path: Path
) -> None:
    notes = Notes(tmp_path)
    assert _train(new_run, notes)
    assert [one for one in notes.told if one[0] != "state"] == [  # these come by the clock
        ("sample", 0),
        ("sample", 160),
        ("sample", 320),
        ("checkpoint", 320),
        ("sample", 480),
        ("sample", 640),
        ("checkpoint", 640),
    ]


def test_training_ends_with_the_first_whole_batch(
    cats: Path, config: TrainingConfig, machine: Machine, tmp_path: Path
) -> None:
    config = replace(config, images=33, sample_every_images=20, checkpoint_every_images=20)
    run, notes = TrainingRun(config, PackedDataset(cats), machine), Notes(tmp_path)
    assert _train(run, notes)
    assert run.images_seen == 48
    assert [seen for what, seen in notes.told if what == "sample"] == [0, 32, 48]
    assert notes.reports[-1].images_seen == 48
    assert notes.reports[-1].eta_seconds == 0


def test_a_stop_writes_the_state_after_what_was_due(new_run: TrainingRun, tmp_path: Path) -> None:
    notes = Notes(tmp_path)
    assert not _train(new_run, notes, stop_at=320)
    assert notes.told[-3:] == [("sample", 320), ("checkpoint", 320), ("state", 320)]


def test_states_come_by_the_clock(new_run: TrainingRun, tmp_path: Path) -> None:
    notes = Notes(tmp_path)
    assert _train(new_run, notes, every=0.0)
    assert len([what for what, _ in notes.told if what == "state"]) == 39  # all but the last step


def test_a_slow_training_has_a_checkpoint_by_the_clock(
    new_run: TrainingRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    notes = Notes(tmp_path)
    assert not _train(new_run, notes, stop_at=64)
    assert [seen for what, seen in notes.told if what == "checkpoint"] == [16, 32, 48, 64]


def test_stopping_and_going_on_is_the_same_run_and_watching_changes_nothing(
    cats: Path, config: TrainingConfig, precise_machine: Machine, tmp_path: Path
) -> None:
    alone = TrainingRun(config, PackedDataset(cats), precise_machine)
    while not alone.finished:
        alone.step()

    first = TrainingRun(config, PackedDataset(cats), precise_machine)
    assert not _train(first, Notes(tmp_path), stop_at=320, every=0.05)
    second = TrainingRun(config, PackedDataset(cats), precise_machine)
    restore(second, load_state(tmp_path / "state.safetensors"))
    notes = Notes(tmp_path)
    assert _train(second, notes)

    assert ("sample", 0) not in notes.told
    assert all(torch.equal(a, b) for a, b in zip(_final(second), _final(alone), strict=True))


def test_going_on_from_a_finished_state_ends_again(new_run: TrainingRun, tmp_path: Path) -> None:
    while not new_run.finished:
        new_run.step()
    notes = Notes(tmp_path)
    assert _train(new_run, notes)
    assert notes.told == [("sample", 640), ("checkpoint", 640)]


def test_a_run_whose_last_checkpoint_is_not_whole_goes_on_with_that_one(
    cats: Path, config: TrainingConfig, machine: Machine, tmp_path: Path
) -> None:
    first = TrainingRun(config, PackedDataset(cats), machine)
    notes = Notes(tmp_path, whole=False)
    assert not _train(first, notes)
    assert notes.told[-3:] == [("sample", 640), ("checkpoint", 640), ("state", 640)]
    second = TrainingRun(config, PackedDataset(cats), machine)
    restore(second, load_state(tmp_path / "state.safetensors"))
    notes = Notes(tmp_path)
    assert _train(second, notes)
    assert notes.told == [("sample", 640), ("checkpoint", 640)]
    assert all(torch.equal(a, b) for a, b in zip(_final(second), _final(first), strict=True))


def test_the_rate_counts_the_last_thirty_seconds_in_steps() -> None:
    meter = RateMeter()
    assert meter.images_per_second is None
    meter.add(5.0, 64)  # the first step sets up
    assert meter.images_per_second is None
    for _ in range(100):
        meter.add(1.0, 100)
    assert meter.images_per_second == pytest.approx(100)
    for _ in range(30):
        meter.add(1.0, 200)
    assert meter.images_per_second == pytest.approx(200)


@dataclass
class Clock:
    """Stands still but for what is told to take time."""

    now: float = 0.0

    def monotonic(self) -> float:
        return self.now


def test_what_observers_take_is_no_time_of_training(
    cats: Path,
    config: TrainingConfig,
    machine: Machine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Read every 32 steps, as on a GPU, with samples and checkpoints in between."""
    clock = Clock()

    class Run(TrainingRun):
        def step(self) -> None:
            super().step()
            clock.now += 1

    class Slow(Notes):
        def sample(self, run: TrainingRun) -> None:
            super().sample(run)
            clock.now += 100

        def checkpoint(self, run: TrainingRun) -> bool:
            clock.now += 100
            return super().checkpoint(run)

    monkeypatch.setitem(training_run.READ_EVERY_STEPS, "cpu", 32)
    monkeypatch.setattr(loop, "time", clock)
    notes = Slow(tmp_path)
    assert _train(Run(config, PackedDataset(cats), machine), notes)
    assert [report.images_per_second for report in notes.reports][1:] == [16, 16]
