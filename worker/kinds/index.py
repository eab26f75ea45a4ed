"""Index: gives the child process a generator and the real images' embeddings; stores the index."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from sqlalchemy.orm import Session

from app.domain import registry
from app.domain.checkpoint_files import (
    REFERENCE_FILE,
    add_file,
    computed_file_key,
    find_file,
)
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.job_states import JobKind
from app.domain.training_pictures import NoPictures, TrainingPictures, training_pictures
from worker.kinds.kind import EMBEDDING_FILES, Kind, link_or_copy

INDEX_FILE = "index.safetensors"  # that the child writes


class Index(Kind):
    module: ClassVar[str] = "models.index_build"

    @property
    def needs_training(self) -> bool:
        return False

    @property
    def _key(self) -> str:
        return computed_file_key(self.claim, JobKind.INDEX, Path(INDEX_FILE).suffix)

    def prepare(self) -> None:
        assert self.job.checkpoint is not None
        with self.context.read() as session:
            row = registry.find_checkpoint(session, self.job.checkpoint)
            pictures, absent = _pictures(session, row.id)
            reference = find_file(session, row.id, REFERENCE_FILE)
        checkpoint = GeneratorCheckpoint.of(row)
        generator = self.context.store.local_copy(checkpoint.onnx_key, checkpoint.onnx_sha256)
        run = {
            "generator": str(generator),
            "sha256": checkpoint.onnx_sha256,
            "samples": self.context.settings.index_samples,
            "pictures": pictures and str(self._fetch(pictures)),
            "pictures_absent": absent,
            "reference": reference
            and str(self.context.store.local_copy(reference.key, reference.sha256)),
        }
        (self.run_dir / "run.json").write_text(json.dumps(run))

    def store_results(self) -> None:
        self.context.store.move_in(self.run_dir / INDEX_FILE, self._key)

    def register_results(self, session: Session, event: dict[str, Any]) -> None:
        add_file(
            session,
            self.claim,
            JobKind.INDEX,
            key=self._key,
            sha256=event["sha256"],
            size=event["bytes"],
            details=event["details"],
        )

    def _fetch(self, pictures: TrainingPictures) -> Path:
        """Put the embeddings of the training pictures into the run folder, not the pictures.

        The dataset may be deleted while the child runs. The child reports files that are missing.
        """
        for name in EMBEDDING_FILES:
            with suppress(FileNotFoundError):
                source = self.context.store.local_copy(f"{pictures.key}/{name}")
                link_or_copy(source, self.run_dir / name)
        return self.run_dir


def _pictures(
    session: Session, checkpoint_id: str
) -> tuple[TrainingPictures, None] | tuple[None, str]:
    """The pictures that the checkpoint was trained on, or the reason why there are none."""
    try:
        return training_pictures(session, checkpoint_id), None
    except NoPictures as error:
        return None, str(error)
