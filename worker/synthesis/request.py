"""What a synthesis is to make, read from its run.json, and the reasons why it can fail for good.

SynthesisError     the job fails and is not tried again
├── Damaged        the checkpoint is not the file that was stored
├── NoPassport     images cannot be compared with the training images
├── TooManyCopies  the model makes more copies than there are spare seeds
└── NoWriter       the library that writes the layout is not installed
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from app.domain.images.checkpoint import ServedCheckpoint


class SynthesisError(Exception):
    """A sentence for the user about why the files cannot be made."""


class Damaged(SynthesisError):
    pass


class NoPassport(SynthesisError):
    pass


class TooManyCopies(SynthesisError):
    pass


class NoWriter(SynthesisError):
    pass


@dataclass(frozen=True)
class Compared:
    """The dataset whose images must not be copied, and the folder of its embeddings."""

    dataset: str
    folder: Path


@dataclass(frozen=True)
class SynthesisRequest:
    """`shards`, `made` and `tried` count what earlier runs of the job have stored."""

    checkpoint: ServedCheckpoint
    path: Path  # of the checkpoint's file
    images: int
    seed: int
    class_name: str | None
    layout: str
    format: str
    shard_images: int
    compared: Compared | None  # None: copies of training images are kept
    shards: int
    made: int  # images
    tried: int  # seeds

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
