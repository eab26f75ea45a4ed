"""Copy passports: the training picture that a generated one is nearest to, and whether that is
so near that it is a copy."""

import asyncio
import functools
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
from anyio import to_thread
from numpy.typing import NDArray

from app.domain.database import Database
from app.domain.errors import QueueFull, Unavailable
from app.domain.images.checkpoint import ServedCheckpoint
from app.domain.lineage import NoPictures, TrainingPictures, training_pictures
from app.domain.store import ObjectStore
from app.serving.cores import leave_half_the_cores
from app.serving.dataset_embeddings import Archive, Archives, NoPassport
from models.samples import Pixels

if TYPE_CHECKING:
    from models.scoring.embedding import Embedder  # brings torch, which the start need not wait for

T = TypeVar("T")

Features = NDArray[np.float32]  # (N, F)

# Pictures embedded at a time, by one shape of forward pass, so that a picture's features, and with
# them the verdict, are the same whatever else is asked for; and so that requests take turns.
BATCH = 8
IDLE_SECONDS = 60.0  # without work for so long, no dataset's files are held open
SECONDS_PER_PICTURE = 0.01  # for what is told to whom it is refused


@dataclass(frozen=True)
class Passport:
    """`percentile`: the share of training pictures, 0 … 100, that are nearer to their nearest."""

    index: int
    url: str
    distance: float
    percentile: float
    copied: bool

    def to_json(self) -> dict[str, Any]:
        nearest = {
            "index": self.index,
            "url": self.url,
            "distance": round(self.distance, 4),
            "percentile": round(self.percentile, 2),
        }
        return {"nearest": nearest, "copy": self.copied}


def no_passport(reason: str) -> dict[str, Any]:
    return {"nearest": None, "copy": None, "nearest_absent": reason}


class _Task(NamedTuple):
    work: Callable[[], Any]
    result: Future[Any]


class Passports:
    """Issues passports in one thread of its own, which loads the embedding when first asked."""

    def __init__(self, store: ObjectStore, limit: int) -> None:
        self._limit = limit  # pictures
        self._waiting = 0
        self._archives = Archives(store)
        self._embedder: Embedder | None = None
        self._precise: Embedder | None = None
        self._tasks: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="passports", daemon=True)
        self._thread.start()

    async def open(self, database: Database, checkpoint: ServedCheckpoint) -> Archive:
        """What the checkpoint's pictures are compared with; NoPassport where there is nothing."""
        try:
            pictures = await to_thread.run_sync(_read, database, checkpoint.id)
        except NoPictures as exc:
            raise NoPassport(str(exc)) from exc
        return await self._do(functools.partial(self._open, pictures))

    async def issue(self, archive: Archive, pixels: Pixels) -> list[Passport]:
        """(N, H, W, C) uint8, as they are served, to a passport each. Raises QueueFull."""
        if self._waiting and self._waiting + len(pixels) > self._limit:
            raise QueueFull(
                f"{self._waiting} images wait for their passports and {len(pixels)} more would "
                f"pass the limit of {self._limit} (MOGGY_GENERATION_QUEUE_IMAGES)",
                retry_after=max(1, round(self._waiting * SECONDS_PER_PICTURE)),
            )
        self._waiting += len(pixels)
        try:
            passports: list[Passport] = []
            for first in range(0, len(pixels), BATCH):
                part = pixels[first : first + BATCH]
                passports += await self._do(functools.partial(self._issue, archive, part))
            return passports
        finally:
            self._waiting -= len(pixels)

    async def embed(self, pixels: Pixels) -> Features:
        """(N, H, W, C) uint8 -> (N, F) in float32, whatever the machine: a morph is paced by them.

        Raises Unavailable without the embedding.
        """
        parts = [pixels[first : first + BATCH] for first in range(0, len(pixels), BATCH)]
        try:
            found = [await self._do(functools.partial(self._embed, part)) for part in parts]
        except NoPassport as exc:
            raise Unavailable(f"pictures cannot be compared here: {exc}") from exc
        return np.concatenate(found)

    def close(self) -> None:
        """Finish the task at hand, refuse the rest, end the thread."""
        self._closed = True
        self._tasks.put(None)
        self._thread.join()

    async def _do(self, work: Callable[[], T]) -> T:
        if self._closed:
            raise Unavailable("the service is stopping")
        result: Future[T] = Future()
        self._tasks.put(_Task(work, result))
        return await asyncio.wrap_future(result)

    def _run(self) -> None:
        while self._serve_one():
            pass

    def _serve_one(self) -> bool:
        """Wait for a task and do it; a function of its own, so that none is held while waiting."""
        task = self._next()
        if task is None:
            return False
        if task.result.set_running_or_notify_cancel():  # else who asked has left
            try:
                if self._closed:
                    raise Unavailable("the service is stopping")
                task.result.set_result(task.work())
            except Exception as error:  # noqa: BLE001  # raised where it was asked for
                task.result.set_exception(error)
        return True

    def _next(self) -> _Task | None:
        try:
            return self._tasks.get(timeout=IDLE_SECONDS if len(self._archives) else None)
        except queue.Empty:
            self._archives.close()
            return self._tasks.get()

    def _open(self, pictures: TrainingPictures) -> Archive:
        return self._archives.open(pictures, self._loaded().name)

    def _embed(self, pixels: Pixels) -> Features:
        if self._precise is None:
            self._precise = _load_embedder(precise=True)
        return self._precise(pixels)

    def _loaded(self) -> "Embedder":
        """The embedding, loaded by the first who needs it; NoPassport where it cannot be."""
        if self._embedder is None:
            self._embedder = _load_embedder(precise=False)
        return self._embedder

    def _issue(self, archive: Archive, pixels: Pixels) -> list[Passport]:
        places, distances = archive.index.nearest(self._loaded()(pixels))
        percentiles = archive.index.percentile(distances)
        folder = f"/v1/datasets/{archive.pictures.dataset}/images"
        return [
            Passport(
                place,
                f"{folder}/{place}.png",
                distance,
                percentile,
                distance <= archive.copy_distance,
            )
            for place, distance, percentile in zip(
                places.tolist(), distances.tolist(), percentiles.tolist(), strict=True
            )
        ]


def _load_embedder(*, precise: bool) -> "Embedder":
    from models.scoring.embedding import Embedder, EmbeddingError

    leave_half_the_cores()
    try:
        return Embedder(precise=precise)
    except EmbeddingError as exc:
        raise NoPassport(str(exc)) from exc


def _read(database: Database, checkpoint_id: str) -> TrainingPictures:
    with database.read() as session:
        return training_pictures(session, checkpoint_id)
