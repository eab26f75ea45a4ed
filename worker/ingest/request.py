"""What an ingest is asked to do, as its run.json says it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self


@dataclass(frozen=True)
class Source:
    """One uploaded file: the name its user gave it, and where its bytes are."""

    name: str
    path: Path


@dataclass(frozen=True)
class PictureShape:
    """How every picture is fitted: `size` pixels square, cropped, padded or stretched."""

    size: int
    fit: str  # crop | pad | stretch
    channels: str  # auto | rgb | grey | rgba


@dataclass(frozen=True)
class Limits:
    max_pixels: int  # of one picture, before it is fitted
    max_images: int
    max_unpacked_bytes: int


@dataclass(frozen=True)
class IngestRequest:
    sources: tuple[Source, ...]
    shape: PictureShape
    limits: Limits

    @classmethod
    def read(cls, path: Path) -> Self:
        run: dict[str, Any] = json.loads(path.read_text())
        return cls(
            tuple(Source(source["name"], Path(source["path"])) for source in run["sources"]),
            PictureShape(run["size"], run["fit"], run["channels"]),
            Limits(**run["limits"]),
        )
