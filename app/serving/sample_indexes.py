"""The sample indexes of checkpoints: opened for requests, and built by a job when there is none."""

import threading
from collections import OrderedDict
from dataclasses import dataclass

from app.domain.checkpoint_files import find_file
from app.domain.database import Database
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.job_states import JobKind
from app.domain.message_publisher import MessagePublisher
from app.domain.sample_indexes import index_missing
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.domain.tables import CheckpointFile
from models.scoring.sample_index import VERSION, SampleIndex, SampleIndexError

OPEN_INDEXES = 8  # each takes a mapping, and 12 bytes of memory for each of its images


@dataclass(frozen=True)
class OpenIndex:
    """`sha256` identifies the index: answers that depend on it change with it."""

    sha256: str
    index: SampleIndex


class SampleIndexes:
    """Opens the indexes and keeps the most recently used ones open. Blocks: call it in a thread."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        store: ObjectStore,
        publisher: MessagePublisher,
    ) -> None:
        self._database, self._settings = database, settings
        self._store, self._publisher = store, publisher
        self._opened: OrderedDict[str, OpenIndex] = OrderedDict()  # by their sha256
        self._access = threading.Lock()

    def find(self, checkpoint: GeneratorCheckpoint, embedding: str) -> OpenIndex | None:
        """The checkpoint's index, None if there is none whose features are of `embedding`."""
        with self._database.read() as session:
            file = find_file(session, checkpoint.id, JobKind.INDEX)
        if file is None or not _is_current(file, embedding):
            return None
        try:
            return self._open(file)
        except (FileNotFoundError, SampleIndexError):  # it is being deleted, or is damaged
            return None

    def require(self, checkpoint: GeneratorCheckpoint, embedding: str) -> OpenIndex:
        """The checkpoint's index. Without one, a job is queued, and IndexMissing is raised."""
        found = self.find(checkpoint, embedding)
        if found is not None:
            return found
        raise index_missing(self._database, self._settings, checkpoint, self._publisher.wake)

    def _open(self, file: CheckpointFile) -> OpenIndex:
        with self._access:
            opened = self._opened.get(file.sha256)
            if opened is None:
                path = self._store.local_copy(file.key, file.sha256)
                opened = OpenIndex(file.sha256, SampleIndex(path))
                self._opened[file.sha256] = opened
            self._opened.move_to_end(file.sha256)
            while len(self._opened) > OPEN_INDEXES:
                self._opened.popitem(last=False)
            return opened


def _is_current(file: CheckpointFile, embedding: str) -> bool:
    made_by: tuple[int, str] = (file.details["version"], file.details["embedding"])
    return made_by == (VERSION, embedding)
