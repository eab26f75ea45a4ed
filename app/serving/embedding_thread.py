"""The thread that computes the embeddings of images and searches those of datasets."""

import asyncio
import functools
import queue
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from anyio import to_thread

from app.domain.database import Database
from app.domain.errors import Unavailable
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.store import ObjectStore
from app.domain.training_pictures import NoPictures, TrainingPictures, training_pictures
from models.samples import Features, Pixels
from models.scoring.embedding_definition import EmbeddingError
from models.scoring.nearest import Index, NoIndex, copy_distance, open_index
from models.scoring.onnx_embedder import OnnxEmbedder

T = TypeVar("T")

IDLE_SECONDS = 60.0  # after so long without work, the files of datasets are closed
TASK_PICTURES = 8  # of a request, before it is another request's turn
OPEN_DATASETS = 4  # each takes a mapping, and 4 bytes of memory for each of its pictures


class NotComparable(LookupError):
    """Pictures cannot be compared with those of a dataset; the message and its kind say why."""

    def __init__(self, message: str, kind: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True)
class DatasetEmbeddings:
    """The searchable embeddings of the pictures that a checkpoint was trained on."""

    pictures: TrainingPictures
    embedding: str  # the name of the network that made them
    index: Index
    copy_distance: float

    @property
    def identity(self) -> dict[str, Any]:
        """What a passport depends on besides the picture itself."""
        return {
            "dataset": self.pictures.id,
            "embedding": self.embedding,
            "copy_distance": self.copy_distance,
        }


class EmbeddingsCache:
    """Opens the embeddings of datasets and keeps the most recent ones open. For one thread."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._opened: OrderedDict[str, DatasetEmbeddings] = OrderedDict()

    def __len__(self) -> int:
        return len(self._opened)

    def open(self, pictures: TrainingPictures, embedding: str) -> DatasetEmbeddings:
        """The embeddings of a dataset; NotComparable unless the network `embedding` made them."""
        embeddings = self._opened.get(pictures.key) or self._read(pictures, embedding)
        self._opened[pictures.key] = embeddings
        self._opened.move_to_end(pictures.key)
        while len(self._opened) > OPEN_DATASETS:
            self._opened.popitem(last=False)
        return embeddings

    def close(self) -> None:
        """Close all files. The disk space of files that were deleted meanwhile is then freed."""
        self._opened.clear()

    def fetch(self, pictures: TrainingPictures, name: str) -> Path:
        """The path of one file of the dataset: its pictures may be gigabytes in a bucket."""
        return self._store.local_copy(f"{pictures.key}/{name}")

    def _read(self, pictures: TrainingPictures, embedding: str) -> DatasetEmbeddings:
        try:
            index = open_index(functools.partial(self.fetch, pictures), embedding)
        except NoIndex as exc:
            raise NotComparable(f"dataset {pictures.dataset!r} {exc}", "not_comparable") from exc
        return DatasetEmbeddings(pictures, embedding, index, copy_distance(index.neighbours))


class _Task(NamedTuple):
    work: Callable[[], Any]
    result: Future[Any]


class EmbeddingThread:
    """Runs one task after the other, and loads the embedding network on first use."""

    def __init__(self, store: ObjectStore) -> None:
        self._cache = EmbeddingsCache(store)
        self._embedder: OnnxEmbedder | None = None
        self._tasks: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="embedding", daemon=True)
        self._thread.start()

    async def open(self, database: Database, checkpoint: GeneratorCheckpoint) -> DatasetEmbeddings:
        """The embeddings to compare the checkpoint's pictures with. Raises NotComparable."""
        try:
            pictures = await to_thread.run_sync(_training_pictures, database, checkpoint.id)
        except NoPictures as exc:
            raise NotComparable(str(exc), exc.kind) from exc
        return await self.run(functools.partial(self._open, pictures))

    async def embedding(self) -> str:
        """The name of the embedding network. Raises NotComparable without it."""
        return (await self.run(self._loaded_embedder)).name

    async def embed(self, pixels: Pixels) -> Features:
        """(N, H, W, C) uint8 -> (N, F). Raises Unavailable without the embedding network."""
        try:
            features = [
                await self.run(functools.partial(self.compute, batch)) for batch in batches(pixels)
            ]
        except NotComparable as exc:
            raise Unavailable(f"pictures cannot be compared here: {exc}") from exc
        return np.concatenate(features)

    async def features_of_class(
        self, pictures: TrainingPictures, label: int, most: int
    ) -> Features:
        """The stored embeddings of a dataset's pictures with this label: (N, F), N ≤ `most`.

        Of more pictures, `most` evenly spaced ones are used. Raises NotComparable.
        """
        return await self.run(functools.partial(self._features_of_class, pictures, label, most))

    async def run(self, work: Callable[[], T]) -> T:
        """Return the result of `work`, called in the thread. Raises Unavailable after `close`."""
        if self._closed:
            raise Unavailable("the service is stopping")
        result: Future[T] = Future()
        self._tasks.put(_Task(work, result))
        return await asyncio.wrap_future(result)

    def compute(self, pixels: Pixels) -> Features:
        """(N, H, W, C) uint8 -> (N, F). For work that runs in the thread. Raises NotComparable."""
        return self._loaded_embedder()(pixels)

    def close(self, seconds: float | None = None) -> None:
        """Finish the current task, refuse the remaining ones, and end the thread.

        A task that takes longer than `seconds` is abandoned.
        """
        self._closed = True
        self._tasks.put(None)
        self._thread.join(seconds)

    def _run(self) -> None:
        while self._run_next_task():
            pass

    def _run_next_task(self) -> bool:
        """Wait for a task and run it. Its own function, so that no task is referenced, and kept in
        memory, while the thread waits for the next."""
        task = self._next_task()
        if task is None:
            return False
        if task.result.set_running_or_notify_cancel():  # False once the request was cancelled
            try:
                if self._closed:
                    raise Unavailable("the service is stopping")
                task.result.set_result(task.work())
            except Exception as error:  # noqa: BLE001  # raised in the request that waits
                task.result.set_exception(error)
        return True

    def _next_task(self) -> _Task | None:
        try:
            return self._tasks.get(timeout=IDLE_SECONDS if len(self._cache) else None)
        except queue.Empty:
            self._cache.close()
            return self._tasks.get()

    def _open(self, pictures: TrainingPictures) -> DatasetEmbeddings:
        return self._cache.open(pictures, self._loaded_embedder().name)

    def _features_of_class(self, pictures: TrainingPictures, label: int, most: int) -> Features:
        embeddings = self._open(pictures)
        labels = np.load(self._cache.fetch(pictures, "labels.npy"), allow_pickle=False)
        indices = np.flatnonzero(labels == label)
        if len(indices) > most:
            indices = indices[np.linspace(0, len(indices) - 1, most).astype(int)]
        return embeddings.index.features[indices].astype(np.float32)

    def _loaded_embedder(self) -> OnnxEmbedder:
        """The embedding network, loaded on first use. Raises NotComparable."""
        if self._embedder is None:
            try:
                self._embedder = OnnxEmbedder()
            except EmbeddingError as exc:
                raise NotComparable(str(exc), "not_comparable") from exc
        return self._embedder


def batches(pixels: Pixels) -> list[Pixels]:
    starts = range(0, len(pixels), TASK_PICTURES)
    return [pixels[start : start + TASK_PICTURES] for start in starts]


def _training_pictures(database: Database, checkpoint_id: str) -> TrainingPictures:
    with database.read() as session:
        return training_pictures(session, checkpoint_id)
