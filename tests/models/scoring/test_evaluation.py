"""The evaluation process keeps its protocol, and its figures are those of the scores themselves."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.checkpoint import load_generator, save_checkpoint
from models.child_process import ORPHANED, EventStream
from models.config import TrainingConfig
from models.networks.build import build_discriminator, build_generator, initialise
from models.random_streams import random_stream
from models.rendering import synthesize
from models.scoring.embedding import Embedder
from models.scoring.evaluation import resize, run_evaluation
from models.scoring.scores import Reference, score
from models.seeds import SCORE_SEEDS, latents_from_seeds

ROOT = Path(__file__).resolve().parents[3]
IMAGES = 64

Start = Callable[..., subprocess.Popen[str]]


def checkpoint(folder: Path, config: TrainingConfig) -> Path:
    """An untrained generator, as a training would store it."""
    networks = build_generator(config), build_discriminator(config)
    for network in networks:
        initialise(network, random_stream(0, "test"))
    path = folder / "checkpoint.safetensors"
    save_checkpoint(path, *networks, config, 1000)
    return path


@pytest.fixture
def start(tmp_path: Path, cats: Path) -> Iterator[Start]:
    """Starts an evaluation of an untrained generator against real cats."""
    started = []

    def begin(config: TrainingConfig | None = None, **changes: Any) -> subprocess.Popen[str]:
        run = {
            "checkpoint": str(checkpoint(tmp_path, config or TrainingConfig(width=8))),
            "dataset": str(cats),
            "images": IMAGES,
        }
        (tmp_path / "run.json").write_text(json.dumps(run | changes))
        with (tmp_path / "stderr").open("wb") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-m", "models.evaluate", str(tmp_path)],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def events(process: subprocess.Popen[str]) -> list[dict[str, Any]]:
    assert process.stdout is not None
    return [json.loads(line) for line in process.stdout]


@pytest.mark.slow
def test_the_result_is_the_score_of_the_pictures_that_the_trainer_would_score(
    start: Start, tmp_path: Path, cats: Path
) -> None:
    process = start()
    said = events(process)
    assert process.wait() == 0
    assert [said[0]["event"], said[1]["event"], said[-1]["event"]] == [
        "started",
        "progress",
        "finished",
    ]
    last = [event for event in said if event["event"] == "progress"][-1]
    assert (last["images_seen"], last["images_total"]) == (IMAGES, IMAGES)
    generator = load_generator(tmp_path / "checkpoint.safetensors").generator
    pictures = synthesize(generator, latents_from_seeds(SCORE_SEEDS[:IMAGES], 100))
    embedder = Embedder()
    expected = score(Reference.of(cats, embedder, IMAGES), pictures, embedder)
    result = said[-1]["result"]
    assert result["images"] == result["real_images"] == IMAGES
    assert result["resized_from"] is None
    assert set(result["inception"]) in (
        {"absent"},
        {"fid", "kid", "kid_deviation", "real", "generated"},
    )
    for name in ("kid", "frechet", "precision", "recall", "coverage", "swd", "diversity"):
        assert result[name] == pytest.approx(expected[name], rel=1e-3, abs=1e-5)


@pytest.mark.slow
def test_pictures_of_another_size_are_resized_and_a_conditional_one_gets_classes(
    start: Start,
) -> None:
    small = TrainingConfig(
        width=8, shape=(32, 32, 3), conditional=True, classes=("tabby", "white", "black")
    )
    said = events(start(small))
    assert said[-1]["event"] == "finished", said
    assert said[-1]["result"]["resized_from"] == [32, 32]


def test_an_error_that_would_occur_again_is_an_event(tmp_path: Path) -> None:
    run = {
        "checkpoint": str(checkpoint(tmp_path, TrainingConfig(width=8))),
        "dataset": str(tmp_path / "nowhere"),
        "images": IMAGES,
    }
    (tmp_path / "run.json").write_text(json.dumps(run))
    with (tmp_path / "events").open("w+") as file:
        assert run_evaluation(tmp_path, EventStream(file)) == 1
        file.seek(0)
        last = json.loads(file.readlines()[-1])
    assert last["event"] == "failed"
    assert "nowhere" in last["error"]


@pytest.mark.slow
def test_sigterm_ends_it_at_once_with_nothing_kept(start: Start) -> None:
    process = start(images=20_000)
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["event"] == "started"
    process.send_signal(signal.SIGTERM)
    assert events(process)[-1] == {"event": "stopped"}
    assert process.wait() == 0


@pytest.mark.slow
def test_it_ends_with_its_supervisor(start: Start) -> None:
    process = start(images=20_000)
    assert process.stdout is not None
    assert process.stdin is not None
    process.stdout.readline()
    process.stdin.close()
    assert process.wait(60) == ORPHANED


def test_resizing_takes_every_pixel_into_account(cats: Path) -> None:
    pictures = np.load(cats / "images.npy")[:4]
    assert resize(pictures, 64, 64) is pictures
    halves = pictures.reshape(4, 32, 2, 32, 2, 3).mean((2, 4))
    assert np.abs(resize(pictures, 32, 32) - halves).mean() < 6
