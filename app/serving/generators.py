"""Loaded generators: brought from the store, verified, the last used ones kept."""

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import ClassVar

import structlog

from app.domain.errors import MoggyError
from app.domain.images.checkpoint import ServedCheckpoint
from app.domain.store import ObjectStore
from app.serving.generation_messages import Unreadable
from app.serving.generation_process import GenerationProcess, RemoteRenderer

log = structlog.get_logger()


class BrokenCheckpoint(MoggyError):
    """The stored file is missing or not what was stored; other checkpoints are not affected."""

    status: ClassVar[int] = 500
    title: ClassVar[str] = "Broken checkpoint"


@dataclass(frozen=True)
class Loaded:
    """A generator in the memory of the process that generates, and the seconds that it took to
    bring it there."""

    checkpoint: ServedCheckpoint
    renderer: RemoteRenderer
    seconds: float


class Generators:
    """Generators by their checkpoint, the longest unused ones go.

    Their weights take at most `capacity` bytes, unless one alone takes more: it is still served.
    """

    def __init__(self, store: ObjectStore, capacity: int, process: GenerationProcess) -> None:
        self._store = store
        self._process = process
        self._capacity = capacity
        self._loaded: OrderedDict[str, Loaded] = OrderedDict()
        self._access = threading.Lock()

    def find(self, checkpoint: ServedCheckpoint) -> Loaded | None:
        """The generator if it is loaded; marks it as used."""
        with self._access:
            loaded = self._loaded.get(checkpoint.id)
            if loaded is not None:
                self._loaded.move_to_end(checkpoint.id)
            return loaded

    def load(self, checkpoint: ServedCheckpoint) -> Loaded:
        """The generator, loaded if need be. Blocks: disk or network.

        Raises BrokenCheckpoint, GenerationFailed, Unavailable.
        """
        loaded = self.find(checkpoint)
        if loaded is None:
            began = time.perf_counter()
            renderer = self._read(checkpoint)
            loaded = Loaded(checkpoint, renderer, time.perf_counter() - began)
            self._keep(loaded)
        return loaded

    def of(self, model: str) -> list[Loaded]:
        """What is loaded of a model, the longest unused first."""
        with self._access:
            return [one for one in self._loaded.values() if one.checkpoint.model == model]

    def unload(self, model: str) -> list[Loaded]:
        """Let go of all that is loaded of a model; whoever waits for its pictures gets them."""
        with self._access:
            gone = [one for one in self._loaded.values() if one.checkpoint.model == model]
            for one in gone:
                del self._loaded[one.checkpoint.id]
        self._note(gone)
        return gone

    def discard(self, loaded: Loaded) -> None:
        """Have its checkpoint read again by whoever asks next."""
        with self._access:
            if self._loaded.get(loaded.checkpoint.id) is loaded:
                del self._loaded[loaded.checkpoint.id]

    def release(self) -> None:
        """Free the memory of what was let go, and nobody waits for. Blocks."""
        self._process.release()

    def _keep(self, loaded: Loaded) -> None:
        gone = []
        with self._access:
            self._loaded[loaded.checkpoint.id] = loaded
            taken = sum(one.renderer.bytes for one in self._loaded.values())
            while taken > self._capacity and len(self._loaded) > 1:
                _, oldest = self._loaded.popitem(last=False)
                taken -= oldest.renderer.bytes
                gone.append(oldest)
        log.info("generator_loaded", **_named(loaded), seconds=round(loaded.seconds, 3))
        self._note(gone)

    def _note(self, gone: list[Loaded]) -> None:
        for one in gone:
            log.info("generator_unloaded", **_named(one))

    def _read(self, checkpoint: ServedCheckpoint) -> RemoteRenderer:
        if checkpoint.classes:
            # Torch, which draws a seed's class in the event loop, takes a second to bring.
            import models.latents  # noqa: F401

        try:
            path = self._store.local_copy(checkpoint.key, checkpoint.sha256)
            return self._process.load(path, checkpoint.sha256)
        except FileNotFoundError as exc:
            raise _broken(checkpoint, "is not in the object store") from exc
        except Unreadable as exc:
            raise _broken(checkpoint, str(exc)) from exc


def _broken(checkpoint: ServedCheckpoint, how: str) -> BrokenCheckpoint:
    return BrokenCheckpoint(f"checkpoint {checkpoint.id} of model {checkpoint.model!r} {how}")


def _named(loaded: Loaded) -> dict[str, str]:
    return {"model": loaded.checkpoint.model, "checkpoint": loaded.checkpoint.id}
