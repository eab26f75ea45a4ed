"""Checkpoints are scored beside a training: within a budget, and without a trace in the run."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from training_runs import step

from models.config import TrainingConfig
from models.data import PackedDataset
from models.precision import Machine
from models.scoring.scorer import (
    FIRST_SCORE_SECONDS,
    TIME_SHARE,
    Scorer,
    scored_images,
)
from models.training.run import TrainingRun
from models.training.state import save_state

FIELDS = {
    "kid", "kid_interval", "frechet", "frechet_interval", "precision", "recall", "density",
    "coverage", "copy_rate", "diversity", "swd", "floor", "ceiling", "images", "embedding",
}  # fmt: skip


@dataclass
class Clock:
    """Time that passes when it is told to, and by `tick` seconds at each reading."""

    now: float = 0.0
    tick: float = 0.0

    def __call__(self) -> float:
        self.now += self.tick
        return self.now


def _finished(run: TrainingRun) -> TrainingRun:
    while not run.finished:
        run.step()
    return run


def test_the_last_checkpoint_is_scored_however_short_the_run(
    new_run: TrainingRun, cats: Path
) -> None:
    run = _finished(new_run)
    metrics = Scorer(cats).metrics(run, run.served_generator())
    assert metrics is not None
    assert set(metrics) >= FIELDS
    assert metrics["images"] == 128  # a run of 640 pictures is not worth more
    assert metrics["floor"]["kid"] < metrics["kid"]
    assert Scorer(cats).metrics(run, run.served_generator()) == metrics


def test_scores_wait_until_they_cost_little_of_the_time(new_run: TrainingRun, cats: Path) -> None:
    clock = Clock()
    scorer = Scorer(cats, 128, clock)
    served = new_run.served_generator()
    assert scorer.metrics(new_run, served) is None
    clock.now = FIRST_SCORE_SECONDS / TIME_SHARE
    clock.tick = 10  # by this clock the first scores last 30 s, of which 10 s are for the reference
    assert scorer.metrics(new_run, served) is not None
    clock.tick = 0
    clock.now = 39 / TIME_SHARE
    assert scorer.metrics(new_run, served) is None
    clock.now = 41 / TIME_SHARE
    assert scorer.metrics(new_run, served) is not None


def test_a_request_for_no_images_means_no_scores(new_run: TrainingRun, cats: Path) -> None:
    run = _finished(new_run)
    assert Scorer(cats, 0).metrics(run, run.served_generator()) is None


def test_scoring_leaves_the_run_as_it_was_bit_for_bit(
    cats: Path, config: TrainingConfig, precise_machine: Machine, tmp_path: Path
) -> None:
    config = replace(config, images=64)
    files = []
    for name, scored in (("alone", False), ("scored", True)):
        run = TrainingRun(config, PackedDataset(cats), precise_machine)
        clock = Clock()
        scorer = Scorer(cats, clock=clock)
        clock.now = 1e9  # there is all the time in the world
        for steps_before in range(6):
            step(run)
            if scored and steps_before in (0, 3):  # scoring is slow; steps follow each of the two
                assert scorer.metrics(run, run.served_generator()) is not None
        save_state(tmp_path / name, run)
        files.append((tmp_path / name).read_bytes())
    assert files[0] == files[1]


def test_a_stop_abandons_the_scores_in_progress(new_run: TrainingRun, cats: Path) -> None:
    run = _finished(new_run)
    looks: list[None] = []

    def stops_at_the(look: int) -> Scorer:
        looks.clear()
        return Scorer(cats, stopping=lambda: looks.append(None) or len(looks) >= look)  # type: ignore[func-returns-value]

    whole = stops_at_the(10**9)
    assert whole.metrics(run, run.served_generator()) is not None
    assert not whole.abandoned
    assert len(looks) >= 5  # before it begins, and in the reference, the pictures, their features
    for look in (1, len(looks)):
        scorer = stops_at_the(look)
        assert scorer.metrics(run, run.served_generator()) is None
        assert (scorer.abandoned, scorer.failure, len(looks)) == (True, None, look)


def test_a_failure_to_score_does_not_end_the_training_and_is_logged(
    new_run: TrainingRun, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = _finished(new_run)
    scorer = Scorer(tmp_path / "nowhere")
    assert scorer.metrics(run, run.served_generator()) is None
    assert "no scores at 640 images seen" in caplog.text
    assert "no packed dataset in" in caplog.text
    assert scorer.failure is not None
    assert scorer.failure.startswith("DatasetError: no packed dataset in")
    run.images_seen = 0  # no longer finished: the next scores are too expensive, not in trouble
    assert scorer.metrics(run, run.served_generator()) is None
    assert scorer.failure is None


def test_a_long_run_is_scored_with_all_requested_images() -> None:
    assert scored_images(2000, 1_000_000) == 2000
    assert scored_images(2000, 20_000) == 1000
    assert scored_images(100, 64) == 100
