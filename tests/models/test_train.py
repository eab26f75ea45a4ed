"""The trainer process keeps its protocol: events, stops, failures, and exact resume."""

import hashlib
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from small_disk import fill

from models.checkpoint import load_generator
from models.child_process import ORPHANED
from models.durable_files import DISK_FULL_EXIT_STATUS
from models.onnx_generator import OnnxGenerator
from models.training.trainer import run_training

ROOT = Path(__file__).resolve().parents[2]

# The networks of the article, narrow, and its batch size, in the number format of the machine.
CONFIG = {
    "images": 1920,
    "sample_every_images": 1000,
    "checkpoint_every_images": 960,
    "width": 16,
}


class Trainer:
    """A trainer process with the pipes that a supervisor holds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with (folder / "stderr").open("wb") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "models.train", str(folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                cwd=ROOT,
                text=True,
            )

    @property
    def stdout(self) -> IO[str]:
        assert self.process.stdout is not None
        return self.process.stdout

    def next_event(self) -> dict[str, Any]:
        line = self.stdout.readline()
        assert line, (self.folder / "stderr").read_text()
        event: dict[str, Any] = json.loads(line)
        return event

    def wait_for(self, name: str) -> dict[str, Any]:
        while (event := self.next_event())["event"] != name:
            pass
        return event

    def finish(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stdout]

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


@pytest.fixture
def start(tmp_path: Path, cats: Path) -> Iterator[Any]:
    trainers = []

    def begin(name: str, state: Path | None = None, **changes: Any) -> Trainer:
        folder = tmp_path / name
        folder.mkdir()
        run = {"config": CONFIG, "dataset": str(cats), "state_every_seconds": 30} | changes
        (folder / "run.json").write_text(json.dumps(run))
        if state is not None:
            shutil.copy(state, folder / "state.safetensors")
        trainers.append(Trainer(folder))
        return trainers[-1]

    yield begin
    for trainer in trainers:
        trainer.close()


class RecordedEvents:
    def __init__(self) -> None:
        self.emitted: list[dict[str, Any]] = []

    def emit(self, event: str, **values: object) -> None:
        self.emitted.append({"event": event, **values})


def failure(folder: Path) -> str:
    """The error of a run that fails before its first step, in this process."""
    events = RecordedEvents()
    assert run_training(folder, events, stopping=lambda: False) == 1
    (event,) = events.emitted
    assert event["event"] == "failed"
    return str(event["error"])


def _of(events: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [event for event in events if event["event"] == name]


@pytest.mark.slow
def test_stop_and_resume_through_the_process_is_the_same_run(
    start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPROFILEIMPORTTIME", "1")
    whole = start("whole")
    events = whole.finish()
    assert whole.process.wait() == 0
    imports = (whole.folder / "stderr").read_text()
    assert "models.training.trainer\n" in imports
    # The compiler and its algebra, whose imports take seconds.
    assert "torch._dynamo" not in imports
    assert "sympy" not in imports
    monkeypatch.delenv("PYTHONPROFILEIMPORTTIME")
    assert events[0]["event"] == "started"
    assert events[0] | {"device": "", "precision": "", "threads": 0} == {
        "event": "started",
        "images_seen": 0,
        "images_total": 1920,
        "device": "",
        "precision": "",
        "threads": 0,
    }
    assert [event["images_seen"] for event in _of(events, "sample")] == [0, 1024, 1920]
    assert [event["images_seen"] for event in _of(events, "checkpoint")] == [960, 1920]
    assert events[-1] == {"event": "finished", "images_seen": 1920}
    assert set(_of(events, "progress")[-1]) == {
        "event",
        "images_seen",
        "images_total",
        "images_per_second",
        "eta_seconds",
        "generator_loss",
        "discriminator_loss",
        "discriminator_real",
        "discriminator_fake",
        "discriminator_accuracy",
        "penalty",
        "generator_slope",
    }
    assert _of(events, "checkpoint")[1]["metrics"]["images"] == 128
    for sample in _of(events, "sample"):
        with Image.open(whole.folder / sample["path"]) as grid:
            assert grid.size == (512, 512)

    first = start("first")
    first.wait_for("progress")
    first.process.send_signal(signal.SIGINT)  # a terminal's Ctrl-C, which the trainer ignores
    first.wait_for("checkpoint")
    first.process.send_signal(signal.SIGTERM)
    state, stopped = first.finish()[-2:]
    assert first.process.wait() == 0
    assert stopped == {"event": "stopped", "images_seen": state["images_seen"]}
    assert 0 < state["images_seen"] < 1920
    assert state["path"] == f"state-{state['images_seen']}.safetensors"

    second = start("second", state=first.folder / state["path"])
    resumed = second.finish()
    assert second.process.wait() == 0
    assert resumed[0]["images_seen"] == state["images_seen"]
    checkpoint, expected = _of(resumed, "checkpoint")[-1], _of(events, "checkpoint")[-1]
    assert checkpoint == expected  # the same bytes: sha256 is among them
    file = second.folder / checkpoint["path"]
    assert hashlib.sha256(file.read_bytes()).hexdigest() == checkpoint["sha256"]
    assert file.stat().st_size == checkpoint["bytes"]
    assert load_generator(file).images_seen == 1920
    data = (second.folder / checkpoint["onnx_path"]).read_bytes()
    assert hashlib.sha256(data).hexdigest() == checkpoint["onnx_sha256"]
    assert len(data) == checkpoint["onnx_bytes"]
    exported = OnnxGenerator(data)
    assert exported.images_seen == 1920
    assert exported.checkpoint_sha256 == checkpoint["sha256"]


@pytest.mark.slow
def test_states_are_saved_by_the_clock_and_old_ones_are_deleted(start: Any) -> None:
    trainer = start("run", config=CONFIG | {"images": 10**6}, state_every_seconds=0.3)
    paths = [trainer.wait_for("state")["path"] for _ in range(5)]
    trainer.process.send_signal(signal.SIGTERM)
    paths += [event["path"] for event in _of(trainer.finish(), "state")]
    newest = list(dict.fromkeys(paths))[-2:]  # the stop may save the same state again
    assert {file.name for file in trainer.folder.glob("*state-*")} == set(newest)


@pytest.mark.slow
def test_a_stop_while_the_last_checkpoint_is_scored_leaves_its_scores_to_the_next_attempt(
    start: Any,
) -> None:
    first = start("first", config=CONFIG | {"images": 2560, "width": 8}, score_images=10**6)
    while first.wait_for("sample")["images_seen"] < 2560:
        pass
    first.process.send_signal(signal.SIGTERM)
    checkpoint, state, stopped = first.finish()
    assert first.process.wait() == 0
    assert (checkpoint["event"], checkpoint["metrics"]) == ("checkpoint", None)
    assert checkpoint["unscored"] is None
    assert (state["event"], state["images_seen"]) == ("state", 2560)
    assert stopped == {"event": "stopped", "images_seen": 2560}

    second = start(
        "second",
        state=first.folder / state["path"],
        config=CONFIG | {"images": 2560, "width": 8},
    )
    _, _, again, finished = second.finish()
    assert again["metrics"]["images"] == 128
    assert again["sha256"] == checkpoint["sha256"]
    assert finished == {"event": "finished", "images_seen": 2560}


def test_a_stop_during_the_start_saves_a_state(start: Any) -> None:
    trainer = start("run")
    time.sleep(0.5)  # importing torch takes longer
    trainer.process.send_signal(signal.SIGTERM)
    events = trainer.finish()
    assert trainer.process.wait() == 0
    assert [event["event"] for event in events[-2:]] == ["state", "stopped"]


def test_the_process_ends_with_its_supervisor(start: Any) -> None:
    trainer = start("run", config=CONFIG | {"images": 10**6})
    trainer.wait_for("progress")
    trainer.process.stdin.close()
    assert trainer.process.wait() == ORPHANED
    assert {event["event"] for event in trainer.finish()} <= {"progress", "sample", "checkpoint"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dataset": "/nowhere"}, "no packed dataset in /nowhere: images.npy is missing"),
        ({"config": {"width": 7}}, "width 7 is out of range: 8 to 256"),
        ({"config": {"shape": [32, 32, 3]}}, "the images are (64, 64, 3)"),
        ({"config": None}, "config None is not an object"),
    ],
)
def test_an_invalid_run_fails_with_a_sentence(
    tmp_path: Path, cats: Path, changes: dict[str, Any], message: str
) -> None:
    run = {"config": CONFIG, "dataset": str(cats)} | changes
    (tmp_path / "run.json").write_text(json.dumps(run))
    assert failure(tmp_path).startswith(message)


@pytest.mark.slow
def test_a_training_that_diverges_rolls_back_twice_and_then_fails(start: Any) -> None:
    first = start("first", config=CONFIG | {"images": 64, "width": 8}, score_images=0)
    checkpoint = first.folder / _of(first.finish(), "checkpoint")[-1]["path"]
    tensors = load_file(checkpoint)
    tensors = {
        name: tensor * 1e30 if name.startswith("discriminator.logit") else tensor
        for name, tensor in tensors.items()
    }
    with safe_open(checkpoint, framework="pt") as file:
        save_file(tensors, first.folder / "overblown", file.metadata())
    config = CONFIG | {"width": 8, "loss": "least_squares"}
    trainer = start("second", config=config, start_from=str(first.folder / "overblown"))
    events = trainer.finish()
    assert trainer.process.wait() == 1
    rollbacks = _of(events, "rollback")
    assert [event["rollbacks"] for event in rollbacks] == [1, 2]
    assert [event["generator_learning_rate"] for event in rollbacks] == [1e-4, 5e-5]
    for event in rollbacks:
        assert event["signal"] == "not_finite"
        assert "rolled back to 0 images seen" in event["says"]
        assert "_loss became inf at 64 images seen" in event["reason"]
        # The number of rollbacks is saved at once, in case the process is killed.
        after = events[events.index(event) + 1]
        assert (after["event"], after["images_seen"]) == ("state", event["images_seen"])
    assert events[-1]["event"] == "failed"
    assert "after 2 rollbacks" in events[-1]["error"]
    assert "choose lower learning rates" in events[-1]["error"]


@pytest.mark.slow
def test_a_checkpoint_can_be_fine_tuned(start: Any) -> None:
    first = start("first", config=CONFIG | {"images": 64, "width": 8}, score_images=0)
    checkpoint = first.folder / _of(first.finish(), "checkpoint")[-1]["path"]
    config = CONFIG | {"images": 64, "width": 8, "generator_learning_rate": 1e-8}
    config |= {"ema_half_life_images": 0}
    second = start("second", config=config, start_from=str(checkpoint), score_images=0)
    events = second.finish()
    before = load_generator(checkpoint).generator.state_dict()
    after = second.folder / _of(events, "checkpoint")[-1]["path"]
    for name, tensor in load_generator(after).generator.state_dict().items():
        if name.endswith("weight"):
            torch.testing.assert_close(tensor, before[name], rtol=0, atol=1e-5)


def test_a_broken_state_fails_with_a_sentence(tmp_path: Path, cats: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"config": CONFIG, "dataset": str(cats)}))
    (tmp_path / "state.safetensors").write_bytes(b"broken")
    assert failure(tmp_path).startswith("state.safetensors cannot be read as a training state")


def test_without_a_supervisor_it_needs_no_pipe(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "models.train", str(tmp_path)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"] == f"{tmp_path}/run.json is missing"
    assert done.stderr == ""


def test_a_full_disk_has_its_own_event_and_exit_status(small_disk: Path, cats: Path) -> None:
    run = {"config": CONFIG, "dataset": str(cats), "score_images": 0}
    (small_disk / "run.json").write_text(json.dumps(run))
    fill(small_disk, leave=400_000)  # enough for a sample, not for a state or a checkpoint
    trainer = Trainer(small_disk)
    try:
        last = trainer.finish()[-1]
        assert trainer.process.wait(30) == DISK_FULL_EXIT_STATUS
    finally:
        trainer.close()
    assert last["event"] == "no_room"
    assert last["needed_bytes"] > 400_000
    assert "No space left on device" in last["error"]
    assert not list(small_disk.rglob("*.safetensors"))
