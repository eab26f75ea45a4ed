"""Packed datasets whose embeddings are open to be searched, the last used ones."""

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.domain.lineage import TrainingPictures
from app.domain.store import ObjectStore

if TYPE_CHECKING:
    from models.scoring.nearest import Index  # brings torch, which the start need not wait for

# Open ones: a mapping each, and 4 bytes for each picture of it.
CAPACITY = 4


class NoPassport(LookupError):
    """Which training picture is the nearest cannot be said; the message is the reason."""


@dataclass(frozen=True)
class Archive:
    """The embeddings of the pictures that a checkpoint learnt from."""

    pictures: TrainingPictures
    embedding: str  # the name of what made them
    index: "Index"
    copy_distance: float

    @property
    def identity(self) -> dict[str, Any]:
        """What a passport depends on, beside the picture itself."""
        return {
            "dataset": self.pictures.id,
            "embedding": self.embedding,
            "copy_distance": self.copy_distance,
        }


class Archives:
    """Opens archives and keeps some. Used by one thread."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._opened: OrderedDict[str, Archive] = OrderedDict()

    def __len__(self) -> int:
        return len(self._opened)

    def open(self, pictures: TrainingPictures, embedding: str) -> Archive:
        """The archive of a dataset; NoPassport where `embedding` is not what it was made with."""
        archive = self._opened.get(pictures.key) or self._read(pictures, embedding)
        self._opened[pictures.key] = archive
        self._opened.move_to_end(pictures.key)
        while len(self._opened) > CAPACITY:
            self._opened.popitem(last=False)
        return archive

    def close(self) -> None:
        """Let go of the files: what was deleted meanwhile is freed."""
        self._opened.clear()

    def _read(self, pictures: TrainingPictures, embedding: str) -> Archive:
        from models.scoring.nearest import NoIndex, copy_distance, open_index

        # One file, and not the pictures: from a bucket they would be gigabytes.
        def fetch(name: str) -> Path:
            return self._store.local_copy(f"{pictures.key}/{name}")

        try:
            index = open_index(fetch, embedding)
        except NoIndex as exc:
            raise NoPassport(f"dataset {pictures.dataset!r} {exc}") from exc
        return Archive(pictures, embedding, index, copy_distance(index.neighbours))
