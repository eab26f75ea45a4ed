"""The request for a synthesis, as its run.json holds it, and the errors that no retry can mend.

SynthesisError         the job fails and is not tried again
├── DamagedCheckpoint  the checkpoint is not the file that was stored
├── NotComparable      images cannot be compared with the training images
├── NoQuality          the quality of images cannot be measured
├── TooManyRejected    more images are left out than there are spare seeds
└── NoWriter           the library that writes the layout is not installed
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from app.domain.images.checkpoint import GeneratorCheckpoint


class SynthesisError(Exception):
    """The files cannot be made; the message is a sentence for the user."""


class DamagedCheckpoint(SynthesisError):
    pass


class NotComparable(SynthesisError):
    pass


class NoQuality(SynthesisError):
    pass


class TooManyRejected(SynthesisError):
    pass


class NoWriter(SynthesisError):
    pass


@dataclass(frozen=True)
class ComparedDataset:
    """The dataset whose images must not be copied, and the folder of its embeddings."""

    dataset: str
    folder: Path


@dataclass(frozen=True)
class QualityLimit:
    """The least quality of an image, and the sample index that defines it; None if it is gone."""

    min_quality: float
    index: Path | None


@dataclass(frozen=True)
class SynthesisRequest:
    """`shards`, `made` and `tried` count what earlier runs of the job have stored."""

    checkpoint: GeneratorCheckpoint
    path: Path  # of the ONNX file; where there is none, of the safetensors file
    images: int
    seed: int
    class_name: str | None
    truncation: float
    layout: str
    format: str
    shard_images: int
    compared: ComparedDataset | None  # None: copies of training images are kept
    quality: QualityLimit | None  # None: poor images are kept
    shards: int
    made: int  # images
    tried: int  # seeds

    @classmethod
    def read(cls, path: Path) -> Self:
        run: dict[str, Any] = json.loads(path.read_text())
        checkpoint, config, compared = run["checkpoint"], run["config"], run["compared"]
        lists = {name: tuple(checkpoint[name]) for name in ("shape", "classes")}
        return cls(
            checkpoint=GeneratorCheckpoint(**checkpoint | lists),
            path=Path(run["path"]),
            images=config["images"],
            seed=config["seed"],
            class_name=config["class"],
            # A job that an older version queued has none.
            truncation=config.get("truncation", 1.0),
            layout=config["layout"],
            format=config["format"],
            shard_images=config["shard_images"],
            compared=compared and ComparedDataset(compared["dataset"], Path(compared["folder"])),
            quality=_quality_limit(run),
            shards=run["shards"],
            made=run["made"],
            tried=run["tried"],
        )


def _quality_limit(run: dict[str, Any]) -> QualityLimit | None:
    # A job that an older version queued has no min_quality.
    least = run["config"].get("min_quality", 0.0)
    index = run.get("index")
    return QualityLimit(least, None if index is None else Path(index)) if least else None
