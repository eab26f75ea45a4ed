"""Loaded generators: brought from the store, verified, the last used ones kept."""

import hashlib
import threading
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from app.domain.errors import MoggyError
from app.domain.pictures.checkpoint import ServedCheckpoint
from app.domain.store import ObjectStore

if TYPE_CHECKING:
    from models.rendering import Renderer


class BrokenCheckpoint(MoggyError):
    """The stored file is missing or not what was stored; other checkpoints are not affected."""

    status: ClassVar[int] = 500
    title: ClassVar[str] = "Broken checkpoint"


class Generators:
    """At most `capacity` generators by the hash of their file, the longest unused one goes."""

    def __init__(self, store: ObjectStore, capacity: int) -> None:
        self._store = store
        self._capacity = capacity
        self._loaded: OrderedDict[str, Renderer] = OrderedDict()
        self._access = threading.Lock()

    def find(self, checkpoint: ServedCheckpoint) -> "Renderer | None":
        """The generator if it is loaded; marks it as used."""
        with self._access:
            renderer = self._loaded.get(checkpoint.sha256)
            if renderer is not None:
                self._loaded.move_to_end(checkpoint.sha256)
            return renderer

    def load(self, checkpoint: ServedCheckpoint) -> "Renderer":
        """The generator, loaded if need be. Blocks: disk or network."""
        renderer = self.find(checkpoint)
        if renderer is None:
            renderer = self._read(checkpoint)
            self._keep(checkpoint, renderer)
        return renderer

    def _keep(self, checkpoint: ServedCheckpoint, renderer: "Renderer") -> None:
        with self._access:
            self._loaded[checkpoint.sha256] = renderer
            while len(self._loaded) > self._capacity:
                self._loaded.popitem(last=False)

    def _read(self, checkpoint: ServedCheckpoint) -> "Renderer":
        from models.checkpoint import CheckpointError, load_generator
        from models.rendering import Renderer  # torch: loaded when it is first needed

        name = f"checkpoint {checkpoint.id} of model {checkpoint.model!r}"
        try:
            path = self._store.local_copy(checkpoint.key)
            found = _sha256(path)
        except FileNotFoundError as exc:
            raise BrokenCheckpoint(f"{name} is not in the object store") from exc
        if found != checkpoint.sha256:
            raise BrokenCheckpoint(
                f"{name} is damaged: its sha256 is {found}, not {checkpoint.sha256}"
            )
        try:
            return Renderer(load_generator(path))
        except CheckpointError as exc:
            raise BrokenCheckpoint(f"{name} cannot be loaded: {exc}") from exc


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
