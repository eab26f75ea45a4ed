"""The request for an ingest, as its run.json holds it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from worker.ingest.limits import Limits


@dataclass(frozen=True)
class Source:
    """One uploaded file: its name as the user gave it, and the path of its bytes."""

    name: str
    path: Path


@dataclass(frozen=True)
class ImageShape:
    """The size and channels of every image of the dataset, and how images are fitted to them."""

    width: int
    height: int
    fit: str  # crop | pad | stretch
    channels: str  # auto | rgb | grey | rgba

    def __str__(self) -> str:
        same = self.width == self.height
        return str(self.width) if same else f"{self.width} × {self.height}"


@dataclass(frozen=True)
class IngestRequest:
    sources: tuple[Source, ...]
    shape: ImageShape
    horizontal_flip: bool | None  # None: decided from the images
    drop_near_duplicates: bool
    drop_unclassified: bool  # if not, one image without a class leaves the dataset without classes
    code_page: str | None  # Python codec for names in archives that are not UTF-8
    levels: str  # full | auto
    limits: Limits

    @classmethod
    def read(cls, path: Path) -> Self:
        run: dict[str, Any] = json.loads(path.read_text())
        return cls(
            tuple(Source(source["name"], Path(source["path"])) for source in run["sources"]),
            ImageShape(run["width"], run["height"], run["fit"], run["channels"]),
            run["horizontal_flip"],
            run["drop_near_duplicates"],
            run["drop_unclassified"],
            run["code_page"],
            run["levels"],
            Limits(**run["limits"]),
        )
