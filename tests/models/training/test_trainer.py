"""A run that went wrong goes on from its last good state, and no further back."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from small_disk import fill
from training_runs import step

from models.checkpoint import NotFiniteError
from models.config import TrainingConfig
from models.durable_files import DiskFull
from models.scoring.scorer import Scorer
from models.training.group import Group
from models.training.run import TrainingRun
from models.training.trainer import RunFolder, RunRequest, open_run, roll_back


@dataclass
class Told:
    """What a run emits."""

    events: list[tuple[str, dict[str, object]]] = field(default_factory=list)

    def emit(self, event: str, **values: object) -> None:
        self.events.append((event, values))


@pytest.fixture
def request_in(tmp_path: Path, cats: Path, config: TrainingConfig) -> RunRequest:
    run = {"config": config.to_json(), "dataset": str(cats)}
    (tmp_path / "run.json").write_text(json.dumps(run))
    return RunRequest.read(tmp_path / "run.json")


def with_states(request_in: RunRequest, folder: Path, count: int) -> tuple[TrainingRun, RunFolder]:
    """A run of `count` steps of 16, the state stored after each."""
    run = open_run(request_in, folder / "state.safetensors", Group())
    observer = RunFolder(folder, Told(), Scorer(request_in.dataset, 0))
    for _ in range(count):
        step(run)
        observer.state(run)
    return run, observer


def _weights(run: TrainingRun) -> list[torch.Tensor]:
    return [one.clone() for one in run.players.generator.state_dict().values()]


def test_the_last_good_state_is_gone_on_from_though_its_file_was_taken(
    tmp_path: Path, request_in: RunRequest
) -> None:
    run = open_run(request_in, tmp_path / "state.safetensors", Group())
    observer = RunFolder(tmp_path, Told(), Scorer(request_in.dataset, 0))
    for _ in range(3):
        step(run)
    observer.state(run)
    good = _weights(run)
    (tmp_path / "state-48.safetensors").rename(tmp_path / "taken by the supervisor")
    step(run)
    with torch.no_grad():
        next(run.players.generator.parameters()).fill_(float("nan"))
    with pytest.raises(NotFiniteError) as caught:
        step(run)

    again = roll_back(request_in, tmp_path, run, caught.value)
    assert (again.images_seen, again.rollbacks) == (48, 1)
    assert all(torch.equal(one, other) for one, other in zip(good, _weights(again), strict=True))
    step(again)
    (group,) = again.players.generator_optimizer.param_groups
    assert group["lr"] == 1e-4

    again = roll_back(request_in, tmp_path, again, caught.value)
    with pytest.raises(NotFiniteError, match="became nan at 80 images seen, after 2 rollbacks"):
        roll_back(request_in, tmp_path, again, caught.value)


def test_a_rollback_that_led_nowhere_is_followed_by_one_that_goes_further(
    tmp_path: Path, request_in: RunRequest
) -> None:
    run, observer = with_states(request_in, tmp_path, 3)
    error = NotFiniteError("a loss became nan")
    again = roll_back(request_in, tmp_path, run, error)
    assert again.images_seen == 48
    observer.state(again)
    step(again)
    again = roll_back(request_in, tmp_path, again, error)
    assert (again.images_seen, again.rollbacks) == (32, 2)


def test_a_rollback_after_progress_goes_to_the_newest_state_again(
    tmp_path: Path, request_in: RunRequest
) -> None:
    run, observer = with_states(request_in, tmp_path, 2)
    error = NotFiniteError("a loss became nan")
    again = roll_back(request_in, tmp_path, run, error)
    observer.state(again)
    step(again)
    observer.state(again)
    assert roll_back(request_in, tmp_path, again, error).images_seen == 48


def test_a_restarted_process_still_knows_its_rollbacks(
    tmp_path: Path, request_in: RunRequest
) -> None:
    run = open_run(request_in, tmp_path / "state.safetensors", Group())
    run.rollbacks = 2
    RunFolder(tmp_path, Told(), Scorer(request_in.dataset, 0)).state(run)
    (tmp_path / "state-0.safetensors").rename(tmp_path / "state.safetensors")
    assert open_run(request_in, tmp_path / "state.safetensors", Group()).rollbacks == 2


def test_without_a_state_it_goes_back_to_the_start(tmp_path: Path, request_in: RunRequest) -> None:
    run = open_run(request_in, tmp_path / "state.safetensors", Group())
    start = _weights(run)
    step(run)
    again = roll_back(request_in, tmp_path, run, NotFiniteError("a loss became nan"))
    assert again.images_seen == 0
    assert all(torch.equal(one, other) for one, other in zip(start, _weights(again), strict=True))


def test_on_a_full_disk_the_newest_state_is_the_one_before(
    small_disk: Path, request_in: RunRequest
) -> None:
    run, observer = with_states(request_in, small_disk, count=1)
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
    left = {file.name for file in small_disk.iterdir() if file.is_file()} - {"hog"}
    assert left == files
    run.images_seen = 0
    assert open_run(request_in, small_disk / "good.safetensors", Group()).images_seen == 16
