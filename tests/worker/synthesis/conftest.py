"""A stored checkpoint with classes, and synthesis runs in this process."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.domain.synthesis import Synthesis
from benchmarks.harness.random_models import store_checkpoint
from models.onnx_generator import OnnxGenerator
from worker.synthesis.synthesis import run_synthesis

CLASSES = ("tabby", "white", "../black")


class Events:
    """Records emitted events, and moves shards to `taken` as a supervisor moves them to a store."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.emitted: list[dict[str, Any]] = []

    def emit(self, event: str, **values: Any) -> None:
        self.emitted.append({"event": event, **values})
        if event == "shard":
            for file in (values["shard"], values["recipes"]):
                taken = self._folder / "taken" / file["name"]
                taken.parent.mkdir(exist_ok=True)
                (self._folder / file["name"]).rename(taken)

    def named(self, event: str) -> list[dict[str, Any]]:
        return [emitted for emitted in self.emitted if emitted["event"] == event]


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return ObjectStore(Settings(home=tmp_path / "home"))


@pytest.fixture
def checkpoint(store: ObjectStore) -> GeneratorCheckpoint:
    """A checkpoint of the conditional model "cats"."""
    return store_checkpoint(store, shape=(28, 28, 1), classes=CLASSES, conditional=True)


@pytest.fixture
def generator(store: ObjectStore, checkpoint: GeneratorCheckpoint) -> OnnxGenerator:
    return OnnxGenerator(store.get_bytes(checkpoint.onnx_key))


@pytest.fixture
def synthesize(
    store: ObjectStore, checkpoint: GeneratorCheckpoint, tmp_path: Path
) -> Callable[..., tuple[int, Events]]:
    """Runs a synthesis in the folder `name`; returns its exit status and its events."""

    def run(name: str = "run", **changes: Any) -> tuple[int, Events]:
        stored = {key: changes.pop(key, 0) for key in ("shards", "made", "tried")}
        stored["index"] = changes.pop("index", None)
        compared, path = changes.pop("compared", None), changes.pop("path", None)
        folder = tmp_path / name
        folder.mkdir()
        request = {
            "checkpoint": asdict(checkpoint) | changes.pop("row", {}),
            "path": str(path or store.local_copy(checkpoint.onnx_key)),
            "config": Synthesis(**{"images": 20, "shard_images": 10} | changes).to_json(),
            "compared": compared,
        }
        (folder / "run.json").write_text(json.dumps(request | stored))
        events = Events(folder)
        return run_synthesis(folder, events), events

    return run
