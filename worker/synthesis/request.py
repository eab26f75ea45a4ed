"""What a synthesis is asked to do, as its run.json says it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from app.domain.images.checkpoint import ServedCheckpoint


@dataclass(frozen=True)
class Compared:
    """The dataset whose pictures are not to be copied: its name, and where its index is."""

    dataset: str
    folder: Path


@dataclass(frozen=True)
class SynthesisRequest:
    """`shards`, `made` and `tried` count what earlier runs have stored: this one goes on there."""

    checkpoint: ServedCheckpoint
    path: Path  # of the checkpoint's file
    images: int
    seed: int
    class_name: str | None
    layout: str
    format: str
    shard_images: int
    compared: Compared | None  # None: copies are as good as others
    shards: int
    made: int
    tried: int

    @classmethod
    def read(cls, path: Path) -> Self:
        run: dict[str, Any] = json.loads(path.read_text())
        checkpoint, config, compared = run["checkpoint"], run["config"], run["compared"]
        lists = {name: tuple(checkpoint[name]) for name in ("shape", "classes")}
        return cls(
            checkpoint=ServedCheckpoint(**checkpoint | lists),
            path=Path(run["path"]),
            images=config["images"],
            seed=config["seed"],
            class_name=config["class"],
            layout=config["layout"],
            format=config["format"],
            shard_images=config["shard_images"],
            compared=compared and Compared(compared["dataset"], Path(compared["folder"])),
            shards=run["shards"],
            made=run["made"],
            tried=run["tried"],
        )
