"""Projections, and the encoders that they need: one of each checkpoint, trained by its own job."""

import json
import time
from pathlib import Path
from typing import Any, ClassVar

from sqlalchemy.orm import Session

from app.domain import jobs, leases, registry
from app.domain.checkpoint_files import add_file, computed_file_key, find_file
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.job_objects import find_file as find_job_file
from app.domain.job_states import JobKind, Status
from app.domain.projections import PICTURE_FILE, awaited_encoder
from app.domain.tables import CheckpointFile
from app.domain.training_pictures import NoPictures, training_pictures
from worker.kinds.kind import Kind

WAIT_SECONDS = 1.0  # between two looks at the job that trains the encoder
# After so many looks at a job that is not running, perhaps because no worker has room for it, the
# projection trains the encoder itself: projections that wait may occupy every slot of the queue.
MAX_IDLE_LOOKS = 30


class Encoder(Kind):
    """Trains the encoder of a checkpoint, and measures what its distances mean."""

    module: ClassVar[str] = "models.projection"

    def prepare(self) -> None:
        self._write_run(None, {"picture": None, "label": None})

    def handle(self, event: dict[str, Any]) -> None:
        if event["event"] == "progress":
            self.publish_progress(event)
        elif event["event"] == "encoder":
            self._store_encoder(event)

    def progress(self, event: dict[str, Any]) -> dict[str, Any]:
        return {name: event[name] for name in (*jobs.INITIAL_PROGRESS, "phase")}

    def _checkpoint(self) -> GeneratorCheckpoint:
        with self.context.read() as session:
            return GeneratorCheckpoint.of(
                registry.find_checkpoint(session, self.job.checkpoint or "")
            )

    def _write_run(self, encoder: CheckpointFile | None, picture_fields: dict[str, Any]) -> None:
        """Write run.json: the checkpoint, the files that belong to it, and `picture_fields`."""
        checkpoint, store = self._checkpoint(), self.context.store
        with self.context.read() as session:
            index = find_file(session, checkpoint.id, JobKind.INDEX)
        run = {
            "checkpoint": str(store.local_copy(checkpoint.key, checkpoint.sha256)),
            "encoder": encoder and str(store.local_copy(encoder.key, encoder.sha256)),
            "index": index and str(store.local_copy(index.key, index.sha256)),
            "dataset": self._dataset(checkpoint.id, fetch=encoder is None),
            "encoder_images": self.context.settings.encoder_images,
            "calibration_pictures": self.context.settings.calibration_pictures,
            "steps": self.context.settings.projection_steps,
        }
        (self.run_dir / "run.json").write_text(json.dumps(run | picture_fields))

    def _dataset(self, checkpoint_id: str, *, fetch: bool) -> str | None:
        """The folder of the pictures that the checkpoint learnt from; None if they are not here.

        Unless `fetch` is set, they are not fetched from a bucket.
        """
        with self.context.read() as session:
            try:
                key = training_pictures(session, checkpoint_id).key
            except NoPictures:
                return None
        store = self.context.store
        return None if store.is_bucket and not fetch else str(store.local_folder(key))

    def _store_encoder(self, event: dict[str, Any]) -> None:
        """Store the encoder as soon as it is trained: a later failure does not lose it."""
        key = computed_file_key(self.claim, JobKind.ENCODER, Path(event["path"]).suffix)
        self.context.store.move_in(self.run_dir / event["path"], key)

        def add(session: Session) -> None:
            add_file(
                session,
                self.claim,
                JobKind.ENCODER,
                key=key,
                sha256=event["sha256"],
                size=event["bytes"],
                details=event["details"],
            )

        self.context.write(add)


class Project(Encoder):
    """Finds the latent of a picture. Waits for the encoder's job, and trains one if that failed."""

    def prepare(self) -> None:
        self._await_encoder()
        checkpoint, name = self._checkpoint(), self.job.config["class"]
        store = self.context.store
        with self.context.read() as session:
            picture = find_job_file(session, self.job.id, PICTURE_FILE)
            encoder = find_file(session, checkpoint.id, JobKind.ENCODER)
        picture_fields = {
            "picture": str(store.local_copy(picture.key, picture.sha256)),
            "label": None if name is None else checkpoint.classes.index(name),
        }
        self._write_run(encoder, picture_fields)

    def register_results(self, session: Session, event: dict[str, Any]) -> None:
        result = dict(event["result"])
        label, checkpoint = (
            result.pop("label"),
            registry.find_checkpoint(session, self.job.checkpoint or ""),
        )
        classes = GeneratorCheckpoint.of(checkpoint).classes
        result["class"] = None if label is None else classes[label]
        leases.lock_job(session, self.claim).result = result

    def _await_encoder(self) -> None:
        """Wait until the checkpoint's encoder is trained, and show its progress as the own one."""
        idle_looks = 0
        while not self.context.stopping.is_set() and idle_looks < MAX_IDLE_LOOKS:
            with self.context.read() as session:
                encoder = awaited_encoder(session, self.job.checkpoint or "")
                stop_requested = jobs.find(session, self.job.id).stop_requested
            if encoder is None or stop_requested is not None:
                return
            idle_looks = 0 if encoder.status == Status.RUNNING else idle_looks + 1
            self.publish_progress({"event": "progress", "phase": "encoder"} | encoder.progress)
            time.sleep(WAIT_SECONDS)
