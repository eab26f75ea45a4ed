"""A stored checkpoint with classes, and runs of the synthesis in this process."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from app.domain.images.checkpoint import ServedCheckpoint
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.domain.synthesis import Synthesis
from benchmarks.random_models import store_checkpoint
from models.rendering import Renderer
from worker.synthesis.synthesis import run_synthesis

CLASSES = ("tabby", "white", "../black")


class Events:
    """Remembers what was emitted, and takes the shards away as a supervisor does."""

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
        return [one for one in self.emitted if one["event"] == event]


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return ObjectStore(Settings(home=tmp_path / "home"))


@pytest.fixture
def checkpoint(store: ObjectStore) -> ServedCheckpoint:
    """Of the conditional model "cats"."""
    return store_checkpoint(store, shape=(28, 28, 1), classes=CLASSES, conditional=True)


@pytest.fixture
def renderer(store: ObjectStore, checkpoint: ServedCheckpoint) -> Renderer:
    from models.checkpoint import load_generator

    return Renderer(load_generator(store.local_copy(checkpoint.key)))


@pytest.fixture
def synthesize(
    store: ObjectStore, checkpoint: ServedCheckpoint, tmp_path: Path
) -> Callable[..., tuple[int, Events]]:
    """Runs it in the folder `name` with what is asked for; its exit status and its events."""

    def run(name: str = "run", **asked: Any) -> tuple[int, Events]:
        before = {key: asked.pop(key, 0) for key in ("shards", "made", "tried")}
        compared, path = asked.pop("compared", None), asked.pop("path", None)
        folder = tmp_path / name
        folder.mkdir()
        request = {
            "checkpoint": asdict(checkpoint),
            "path": str(path or store.local_copy(checkpoint.key)),
            "config": Synthesis(**{"images": 20, "shard_images": 10} | asked).to_json(),
            "compared": compared,
        }
        (folder / "run.json").write_text(json.dumps(request | before))
        events = Events(folder)
        return run_synthesis(folder, events), events

    return run
