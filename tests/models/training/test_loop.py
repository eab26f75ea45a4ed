"""The loop calls its observer exactly when something is due, and observing changes nothing."""

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
from models.training.health.signals import HealthAlert
from models.training.loop import Progress, RateMeter, train
from models.training.run import TrainingRun
from models.training.state import load_state, restore, save_state


@dataclass
class Recorder:
    """An observer that records its calls, and reads the run as the real one does."""

    folder: Path
    calls: list[tuple[str, int]] = field(default_factory=list)
    reports: list[Progress] = field(default_factory=list)
    alerts: list[HealthAlert] = field(default_factory=list)
    complete: bool = True  # what `checkpoint` returns

    def progress(self, progress: Progress) -> None:
        self.reports.append(progress)

    def health(self, run: TrainingRun, alert: HealthAlert) -> None:
        assert alert.images_seen == run.images_seen
        self.alerts.append(alert)

    def sample(self, run: TrainingRun) -> None:
        self.calls.append(("sample", run.images_seen))
        synthesize(run.served_generator(), latents_from_seeds(range(4), run.config.latent_dim))

    def checkpoint(self, run: TrainingRun) -> bool:
        self.calls.append(("checkpoint", run.images_seen))
        file = self.folder / "checkpoint.safetensors"
        discriminator = run.gan.discriminator
        save_checkpoint(file, run.served_generator(), discriminator, run.config, run.images_seen)
        return self.complete

    def state(self, run: TrainingRun) -> None:
        self.calls.append(("state", run.images_seen))
        save_state(self.folder / "state.safetensors", run)


def _stop_after(run: TrainingRun, images: int) -> Callable[[], bool]:
    return lambda: run.images_seen >= images


def _train(run: TrainingRun, recorder: Recorder, stop_at: int = 10**9, every: float = 1000) -> bool:
    stopping = _stop_after(run, stop_at)
    return train(run, recorder, state_every_seconds=every, stopping=stopping)


def _weights(run: TrainingRun) -> list[torch.Tensor]:
    networks = run.gan.generator, run.gan.discriminator, run.average.generator
    return [tensor for network in networks for tensor in network.state_dict().values()]


def test_samples_and_checkpoints_are_due_at_their_multiples_and_at_the_end(
    new_run: TrainingRun, tmp_path: Path
) -> None:
    recorder = Recorder(tmp_path)
    assert _train(new_run, recorder)
    assert [call for call in recorder.calls if call[0] != "state"] == [  # states come by the clock
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
    run, recorder = TrainingRun(config, PackedDataset(cats), machine), Recorder(tmp_path)
    assert _train(run, recorder)
    assert run.images_seen == 48
    assert [images for name, images in recorder.calls if name == "sample"] == [0, 32, 48]
    assert recorder.reports[-1].images_seen == 48
    assert recorder.reports[-1].eta_seconds == 0


def test_a_stop_saves_the_state_after_the_samples_and_checkpoints_that_are_due(
    new_run: TrainingRun, tmp_path: Path
) -> None:
    recorder = Recorder(tmp_path)
    assert not _train(new_run, recorder, stop_at=320)
    assert recorder.calls[-3:] == [("sample", 320), ("checkpoint", 320), ("state", 320)]


def test_states_are_due_by_the_clock(new_run: TrainingRun, tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    assert _train(new_run, recorder, every=0.0)
    states = [images for name, images in recorder.calls if name == "state"]
    assert len(states) == 39  # after every step but the last


def test_a_slow_training_gets_checkpoints_by_the_clock(
    new_run: TrainingRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    recorder = Recorder(tmp_path)
    assert not _train(new_run, recorder, stop_at=64)
    assert [images for name, images in recorder.calls if name == "checkpoint"] == [16, 32, 48, 64]


def test_a_stopped_and_resumed_run_is_the_same_run_and_observing_changes_nothing(
    cats: Path, config: TrainingConfig, precise_machine: Machine, tmp_path: Path
) -> None:
    alone = TrainingRun(config, PackedDataset(cats), precise_machine)
    while not alone.finished:
        alone.step()

    first = TrainingRun(config, PackedDataset(cats), precise_machine)
    assert not _train(first, Recorder(tmp_path), stop_at=320, every=0.05)
    second = TrainingRun(config, PackedDataset(cats), precise_machine)
    restore(second, load_state(tmp_path / "state.safetensors"))
    recorder = Recorder(tmp_path)
    assert _train(second, recorder)

    assert ("sample", 0) not in recorder.calls
    assert all(torch.equal(a, b) for a, b in zip(_weights(second), _weights(alone), strict=True))


def test_resuming_a_finished_run_ends_at_once(new_run: TrainingRun, tmp_path: Path) -> None:
    while not new_run.finished:
        new_run.step()
    recorder = Recorder(tmp_path)
    assert _train(new_run, recorder)
    assert recorder.calls == [("sample", 640), ("checkpoint", 640)]


def test_a_run_whose_last_checkpoint_is_incomplete_repeats_it(
    cats: Path, config: TrainingConfig, machine: Machine, tmp_path: Path
) -> None:
    first = TrainingRun(config, PackedDataset(cats), machine)
    recorder = Recorder(tmp_path, complete=False)
    assert not _train(first, recorder)
    assert recorder.calls[-3:] == [("sample", 640), ("checkpoint", 640), ("state", 640)]
    second = TrainingRun(config, PackedDataset(cats), machine)
    restore(second, load_state(tmp_path / "state.safetensors"))
    recorder = Recorder(tmp_path)
    assert _train(second, recorder)
    assert recorder.calls == [("sample", 640), ("checkpoint", 640)]
    assert all(torch.equal(a, b) for a, b in zip(_weights(second), _weights(first), strict=True))


def test_the_rate_is_over_the_last_thirty_seconds_of_steps() -> None:
    meter = RateMeter()
    assert meter.images_per_second is None
    meter.add(5.0, 64)  # the first step, which sets up the libraries
    assert meter.images_per_second is None
    for _ in range(100):
        meter.add(1.0, 100)
    assert meter.images_per_second == pytest.approx(100)
    for _ in range(30):
        meter.add(1.0, 200)
    assert meter.images_per_second == pytest.approx(200)


@dataclass
class Clock:
    """A clock that the test advances."""

    now: float = 0.0

    def monotonic(self) -> float:
        return self.now


def test_the_rate_leaves_out_the_time_of_observers(
    cats: Path,
    config: TrainingConfig,
    machine: Machine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Reports are read every 32 steps, as on a GPU, with samples and checkpoints in between."""
    clock = Clock()

    class Run(TrainingRun):
        def step(self) -> None:
            super().step()
            clock.now += 1

    class Slow(Recorder):
        def sample(self, run: TrainingRun) -> None:
            super().sample(run)
            clock.now += 100

        def checkpoint(self, run: TrainingRun) -> bool:
            clock.now += 100
            return super().checkpoint(run)

    monkeypatch.setitem(training_run.READ_EVERY_STEPS, "cpu", 32)
    monkeypatch.setattr(loop, "time", clock)
    recorder = Slow(tmp_path)
    assert _train(Run(config, PackedDataset(cats), machine), recorder)
    assert [report.images_per_second for report in recorder.reports][1:] == [16, 16]
