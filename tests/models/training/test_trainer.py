"""A run that has diverged rolls back to a good state; a full disk leaves the last state intact."""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import torch
from small_disk import fill
from training_runs import step

from models import onnx_writer
from models.checkpoint import NotFiniteError
from models.config import TrainingConfig
from models.durable_files import DiskFull
from models.scoring.scorer import Scorer
from models.training.group import Group
from models.training.run import TrainingRun
from models.training.trainer import (
    RunFolder,
    RunRequest,
    open_run,
    reopen_good_state,
    run_training,
)


@dataclass
class RecordedEvents:
    """Events in the order in which they were emitted."""

    events: list[tuple[str, dict[str, object]]] = field(default_factory=list)

    def emit(self, event: str, **values: object) -> None:
        self.events.append((event, values))


@pytest.fixture
def run_request(tmp_path: Path, cats: Path, config: TrainingConfig) -> RunRequest:
    run = {"config": config.to_json(), "dataset": str(cats)}
    (tmp_path / "run.json").write_text(json.dumps(run))
    return RunRequest.read(tmp_path / "run.json")


def with_states(run_request: RunRequest, folder: Path, count: int) -> tuple[TrainingRun, RunFolder]:
    """A run of `count` steps of 16, the state stored after each."""
    run = open_run(run_request, folder / "state.safetensors", Group())
    observer = RunFolder(folder, RecordedEvents(), Scorer(run_request.dataset, 0))
    for _ in range(count):
        step(run)
        observer.state(run)
    return run, observer


def _weights(run: TrainingRun) -> list[torch.Tensor]:
    return [weight.clone() for weight in run.gan.generator.state_dict().values()]


def _same(expected: list[torch.Tensor], weights: list[torch.Tensor]) -> bool:
    return all(torch.equal(old, new) for old, new in zip(expected, weights, strict=True))


def test_a_rollback_reopens_the_last_good_state_though_the_supervisor_has_moved_its_file(
    tmp_path: Path, run_request: RunRequest
) -> None:
    run = open_run(run_request, tmp_path / "state.safetensors", Group())
    observer = RunFolder(tmp_path, RecordedEvents(), Scorer(run_request.dataset, 0))
    for _ in range(3):
        step(run)
    observer.state(run)
    good = _weights(run)
    (tmp_path / "state-48.safetensors").rename(tmp_path / "moved by the supervisor")
    step(run)
    with torch.no_grad():
        next(run.gan.generator.parameters()).fill_(float("nan"))
    with pytest.raises(NotFiniteError) as caught:
        step(run)

    reopened = reopen_good_state(run_request, tmp_path, run, caught.value)
    assert (reopened.images_seen, reopened.rollbacks) == (48, 1)
    assert _same(good, _weights(reopened))
    step(reopened)
    assert reopened.gan.generator_optimizer.learning_rate == 1e-4

    reopened = reopen_good_state(run_request, tmp_path, reopened, caught.value)
    with pytest.raises(NotFiniteError, match="became nan at 80 images seen, after 2 rollbacks"):
        reopen_good_state(run_request, tmp_path, reopened, caught.value)


def test_a_second_rollback_without_progress_goes_to_the_state_before(
    tmp_path: Path, run_request: RunRequest
) -> None:
    run, observer = with_states(run_request, tmp_path, 3)
    error = NotFiniteError("a loss became nan")
    reopened = reopen_good_state(run_request, tmp_path, run, error)
    assert reopened.images_seen == 48
    observer.state(reopened)
    step(reopened)
    reopened = reopen_good_state(run_request, tmp_path, reopened, error)
    assert (reopened.images_seen, reopened.rollbacks) == (32, 2)


def test_a_second_rollback_after_progress_goes_to_the_newest_state(
    tmp_path: Path, run_request: RunRequest
) -> None:
    run, observer = with_states(run_request, tmp_path, 2)
    error = NotFiniteError("a loss became nan")
    reopened = reopen_good_state(run_request, tmp_path, run, error)
    observer.state(reopened)
    step(reopened)
    observer.state(reopened)
    assert reopen_good_state(run_request, tmp_path, reopened, error).images_seen == 48


def test_a_restarted_process_remembers_its_rollbacks(
    tmp_path: Path, run_request: RunRequest
) -> None:
    run = open_run(run_request, tmp_path / "state.safetensors", Group())
    run.rollbacks = 2
    RunFolder(tmp_path, RecordedEvents(), Scorer(run_request.dataset, 0)).state(run)
    (tmp_path / "state-0.safetensors").rename(tmp_path / "state.safetensors")
    assert open_run(run_request, tmp_path / "state.safetensors", Group()).rollbacks == 2


def test_a_generator_without_an_onnx_file_fails_with_the_reason(
    tmp_path: Path, run_request: RunRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_writer, "MIN_EQUAL_SHARE", 1.1)  # no file has as many equal pixels
    config = replace(run_request.config, images=16).to_json()
    run = {"config": config, "dataset": str(run_request.dataset), "score_images": 0}
    (tmp_path / "run.json").write_text(json.dumps(run))
    recorded = RecordedEvents()
    assert run_training(tmp_path, recorded, stopping=lambda: False) == 1
    assert "checkpoint" not in {event for event, _ in recorded.events}
    event, values = recorded.events[-1]
    assert event == "failed"
    assert str(values["error"]).startswith(
        "the images of the ONNX file are not those of the generator"
    )


def test_a_rollback_without_a_state_goes_to_the_start(
    tmp_path: Path, run_request: RunRequest
) -> None:
    run = open_run(run_request, tmp_path / "state.safetensors", Group())
    start = _weights(run)
    step(run)
    reopened = reopen_good_state(run_request, tmp_path, run, NotFiniteError("a loss became nan"))
    assert reopened.images_seen == 0
    assert _same(start, _weights(reopened))


def test_on_a_full_disk_the_previous_state_is_intact(
    small_disk: Path, run_request: RunRequest
) -> None:
    run, observer = with_states(run_request, small_disk, count=1)
    state = small_disk / "state-16.safetensors"
    before = state.read_bytes()
    files = {file.name for file in small_disk.iterdir()}
    fill(small_disk, leave=len(before) // 2)
    step(run)
    with pytest.raises(DiskFull) as raised:
        observer.state(run)
    assert raised.value.needed_bytes == len(before)
    fill(small_disk)
    for store in (observer.sample, observer.checkpoint):
        with pytest.raises(DiskFull):
            store(run)
    assert state.read_bytes() == before
    left = {file.name for file in small_disk.iterdir() if file.is_file()} - {"filler"}
    assert left == files
    run.images_seen = 0
    assert open_run(run_request, small_disk / "good.safetensors", Group()).images_seen == 16
