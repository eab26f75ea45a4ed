"""Whole syntheses: their shards, how they continue and stop, and how they fail."""

import hashlib
import io
import json
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from copying_models import embed, pack_features
from PIL import Image

from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.store import ObjectStore
from models.onnx_generator import OnnxGenerator
from models.samples import Sample
from models.seeds import class_from_seed

from .conftest import CLASSES, Events

ROOT = Path(__file__).resolve().parents[3]

Synthesize = Callable[..., tuple[int, Events]]


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_shard_and_its_recipes_are_described(synthesize: Synthesize, tmp_path: Path) -> None:
    status, events = synthesize(images=25, seed=40)
    assert status == 0
    assert [emitted["event"] for emitted in events.emitted if emitted["event"] != "progress"] == [
        *("started", "shard", "shard", "shard", "finished")
    ]
    assert events.named("started")[0]["recipe"]["model"] == "cats"
    assert [(shard["images"], shard["tried"]) for shard in events.named("shard")] == [
        *((10, 10), (10, 20), (5, 25))
    ]
    for number, event in enumerate(events.named("shard")):
        shard, recipes = event["shard"], event["recipes"]
        assert (shard["name"], recipes["name"]) == (
            f"cats-00000{number}.zip",
            f"cats-00000{number}.jsonl",
        )
        for file in (shard, recipes):
            data = (tmp_path / "run" / "taken" / file["name"]).read_bytes()
            assert (file["bytes"], file["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
    first, *_, last = events.named("progress")
    assert (first["images_seen"], first["images_per_second"]) == (0, None)
    assert (last["images_seen"], last["images_total"], last["eta_seconds"]) == (25, 25, 0)


def test_each_line_of_the_recipes_is_a_file_of_the_shard(
    synthesize: Synthesize, tmp_path: Path
) -> None:
    synthesize(layout="imagefolder", images=10, seed=3)
    with zipfile.ZipFile(tmp_path / "run" / "taken" / "cats-000000.zip") as archive:
        names = archive.namelist()
        images = [Image.open(io.BytesIO(archive.read(name))) for name in names]
        recipes = [json.loads(image.text["moggy"]) for image in images]  # type: ignore[attr-defined]
    listing = lines(tmp_path / "run" / "taken" / "cats-000000.jsonl")
    assert [line["file"] for line in listing] == names
    for seed, line, recipe in zip(range(3, 13), listing, recipes, strict=True):
        drawn = CLASSES[class_from_seed(seed, len(CLASSES))]
        assert (line["seed"], line["class"]) == (recipe["seed"], recipe["class"]) == (seed, drawn)


@pytest.mark.parametrize("layout", ["zip", "webdataset", "parquet"])
def test_a_run_that_continues_after_a_shard_writes_the_same_bytes(
    synthesize: Synthesize, layout: str
) -> None:
    _, whole = synthesize(images=33, layout=layout, **{"class_name": "white"})
    _, rest = synthesize(
        "again", images=33, layout=layout, class_name="white", shards=2, made=20, tried=20
    )
    assert rest.named("shard") == whole.named("shard")[2:]
    assert rest.named("progress")[0]["images_seen"] == 20


@pytest.fixture
def compared(generator: OnnxGenerator, tmp_path: Path) -> dict[str, str]:
    """A dataset with the images of the seeds 1, 4, 5 and 12."""
    copied = [Sample(seed, class_from_seed(seed, len(CLASSES))) for seed in (1, 4, 5, 12)]
    images = generator.render(copied)
    pack_features(tmp_path / "packed", embed(np.concatenate([images] * 2)))
    return {"dataset": "kittens", "folder": str(tmp_path / "packed")}


def test_copies_are_left_out_and_further_seeds_replace_them(
    synthesize: Synthesize, compared: dict[str, str], tmp_path: Path
) -> None:
    _, whole = synthesize(compared=compared)
    taken = tmp_path / "run" / "taken"
    listings = sorted(taken.glob("*.jsonl"))
    seeds = [line["seed"] for path in listings for line in lines(path)]
    assert seeds == [seed for seed in range(24) if seed not in (1, 4, 5, 12)]
    first, second = whole.named("shard")
    assert (first["tried"], second["tried"]) == (14, 24)
    _, rest = synthesize("again", compared=compared, shards=1, made=10, tried=14)
    assert rest.named("shard") == [second]


def test_a_model_that_makes_only_copies_fails(
    synthesize: Synthesize, compared: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.scoring.nearest.SAME_IMAGE_DISTANCE", 2.0)  # every image is a copy
    status, events = synthesize(compared=compared)
    assert status == 1
    assert events.emitted[-1] == {
        "event": "failed",
        "error": "model 'cats' copies its training images: after 32 further seeds, 10 of the 10 "
        "images of shard 0 are still copies. Choose another checkpoint, or leave out "
        "reject_copies",
    }


def test_a_checkpoint_without_an_onnx_file_gives_the_same_bytes(
    synthesize: Synthesize, store: ObjectStore, checkpoint: GeneratorCheckpoint
) -> None:
    _, whole = synthesize()
    old = {"path": store.local_copy(checkpoint.key), "row": {"onnx_sha256": None}}
    assert synthesize("old", **old)[1].named("shard") == whole.named("shard")


def test_a_checkpoint_that_is_not_the_stored_file_is_refused(
    synthesize: Synthesize, tmp_path: Path
) -> None:
    (tmp_path / "other").write_bytes(b"something else")
    status, events = synthesize(path=tmp_path / "other")
    assert (status, events.emitted[-1]["event"]) == (1, "failed")
    assert "of model 'cats' is damaged: its sha256 is" in events.emitted[-1]["error"]


def test_the_process_waits_while_two_shards_are_not_stored_and_ends_at_sigterm(
    synthesize: Synthesize, tmp_path: Path
) -> None:
    synthesize(images=1000)  # for its run.json
    folder = tmp_path / "alone"
    folder.mkdir()
    (folder / "run.json").write_bytes((tmp_path / "run" / "run.json").read_bytes())
    with subprocess.Popen(
        [sys.executable, "-m", "worker.synthesis", str(folder)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        events: list[dict[str, Any]] = []
        while [event["event"] for event in events].count("shard") < 2:
            events.append(json.loads(process.stdout.readline()))
        time.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        events += [json.loads(line) for line in process.stdout]
    assert (process.returncode, events[-1]) == (0, {"event": "stopped"})
    assert [event["event"] for event in events].count("shard") == 2
    assert sorted(path.name for path in folder.glob("cats-*")) == [
        *("cats-000000.jsonl", "cats-000000.zip", "cats-000001.jsonl", "cats-000001.zip")
    ]
