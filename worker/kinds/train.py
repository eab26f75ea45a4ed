"""Training: stores the samples, checkpoints and training states that the trainer writes."""

import json
from pathlib import Path
from typing import Any, ClassVar

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain import datasets, events, jobs, leases, registry
from app.domain.job_objects import checkpoint_key, delete_older_states, sample_key, state_key
from app.domain.retention import delete_after, delete_superseded
from app.domain.tables import Checkpoint, onnx_key
from worker.kinds.kind import Kind, link_or_copy

log = structlog.get_logger()


class Train(Kind):
    module: ClassVar[str] = "models.train"
    _unscored: str | None = None  # why the newest checkpoint has no scores; None if it has

    @property
    def processes(self) -> int:
        return self.context.settings.processes_per_training

    def prepare(self) -> None:
        with self.context.read() as session:
            prefix = datasets.packed_prefix(session, self.job.dataset)
            scored = _earlier_scores(session, self.job.id)
        run = {
            "config": self.job.config,
            "dataset": str(self.context.store.local_folder(prefix)),
            "state_every_seconds": self.context.settings.state_every_seconds,
            "scored": scored,
        }
        if self.job.state_key is not None:
            self._fetch(self.job.state_key, self.run_dir / "state.safetensors")
        elif self.job.resume_from is not None:
            with self.context.read() as session:
                start = registry.find_checkpoint(session, self.job.resume_from)
            run["start_from"] = str(self.run_dir / "start.safetensors")
            self._fetch(start.key, self.run_dir / "start.safetensors", start.sha256)
        (self.run_dir / "run.json").write_text(json.dumps(run))

    def handle(self, event: dict[str, Any]) -> None:
        name = event["event"]
        if name == "started":
            self._store_start(event)
        elif name == "progress":
            self.publish_progress(event)
        elif name == "sample":
            self._store_sample(event)
        elif name == "checkpoint":
            self._store_checkpoint(event)
        elif name == "state":
            self._store_state(event)
        elif name == "rollback":
            self._store_rollback(event)
        elif name == "health":
            signal = f"{event['signal']}:{event['images_seen']}"
            self._store_health(event, once=_event_key(signal, event.pop("rollbacks")))

    def progress(self, event: dict[str, Any]) -> dict[str, Any]:
        return {name: event.get(name) for name in jobs.INITIAL_PROGRESS}

    def shortfall(self) -> str | None:
        if self._unscored is None:
            return None
        return (
            f"its last checkpoint could not be scored ({self._unscored}); the training itself is "
            "done, and its checkpoints are served"
        )

    def _store_start(self, event: dict[str, Any]) -> None:
        """Record in the stream where this attempt starts, and on which device."""
        start = {name: event[name] for name in ("images_seen", "device", "precision", "threads")}
        self.record("state", {"status": self.job.status, "attempt": self.job.attempt} | start)

    def _store_sample(self, event: dict[str, Any]) -> None:
        images_seen = event["images_seen"]
        key = sample_key(self.job.id, images_seen)
        self.context.store.move_in(self.run_dir / event["path"], key)
        url = f"/v1/jobs/{self.job.id}/samples/{images_seen}.png"
        once = _event_key(f"sample:{images_seen}", event["rollbacks"])
        self.record("sample", {"images_seen": images_seen, "url": url}, once)

    def _store_checkpoint(self, event: dict[str, Any]) -> None:
        images_seen, metrics = event["images_seen"], event["metrics"]
        with self.context.read() as session:
            is_stored = registry.has_checkpoint(session, self.job.id, images_seen)
        if is_stored:  # by an attempt before a resume, perhaps without scores
            has_scores = self.context.write(
                lambda session: registry.ensure_scored(session, self.claim, images_seen, metrics)
            )
            self._unscored = None if has_scores else event["unscored"]
            return
        self._unscored = event["unscored"]
        key = checkpoint_key(self.job.id, self.claim.epoch, images_seen)
        self.context.store.move_in(self.run_dir / event["path"], key)
        self.context.store.move_in(self.run_dir / event["onnx_path"], onnx_key(key))

        def register(session: Session) -> None:
            checkpoint = registry.add_checkpoint(
                session,
                self.claim,
                images_seen=images_seen,
                key=key,
                sha256=event["sha256"],
                size=event["bytes"],
                onnx_sha256=event["onnx_sha256"],
                onnx_bytes=event["onnx_bytes"],
                metrics=metrics,
            )
            data = {"images_seen": images_seen, "id": checkpoint.id, "model": checkpoint.model}
            events.append(session, self.job.id, "checkpoint", data)

        self.context.write(register)
        self.context.notifier.notify([self.job.id])
        self._delete_superseded_checkpoints()

    def _delete_superseded_checkpoints(self) -> None:
        settings = self.context.settings
        for key in self.context.write(
            lambda session: delete_superseded(session, self.claim, settings)
        ):
            self.context.store.delete(key)

    def _store_state(self, event: dict[str, Any]) -> None:
        key = state_key(self.job.id, self.claim.epoch, event["images_seen"])
        try:
            self.context.store.move_in(self.run_dir / event["path"], key)
        except FileNotFoundError:
            return  # the trainer has deleted the file, because it has written newer states since
        self.context.write(lambda session: leases.store_state(session, self.claim, key))
        delete_older_states(self.context.store, self.claim, newest=key)

    def _store_rollback(self, event: dict[str, Any]) -> None:
        self._store_health(event | {"kind": "rollback"}, once=None)
        images_seen = event["images_seen"]
        for key in self.context.write(
            lambda session: delete_after(session, self.claim, images_seen)
        ):
            self.context.store.delete(key)

    def _store_health(self, event: dict[str, Any], once: str | None) -> None:
        data = {name: value for name, value in event.items() if name != "event"}
        log.info("training_health", job=self.job.id, **data)
        self.record("health", data | {"message": f"{data['says']}; {data['suggests']}"}, once)

    def _fetch(self, key: str, target: Path, sha256: str | None = None) -> None:
        """Put a stored object into the run folder."""
        link_or_copy(self.context.store.local_copy(key, sha256), target)


def _event_key(name: str, rollbacks: int) -> str:
    """The key under which an event is recorded once: equal after a resume, new after a rollback."""
    return f"{name}:{rollbacks}" if rollbacks else name


def _earlier_scores(session: Session, job_id: str) -> list[list[float]]:
    """Images seen, KID and the ends of its interval, for the scored checkpoints of the job."""
    query = select(Checkpoint).where(Checkpoint.job == job_id, Checkpoint.kid.is_not(None))
    return [
        [row.images_seen, row.metrics["kid"], *row.metrics["kid_interval"]]
        for row in session.scalars(query.order_by(Checkpoint.images_seen))
        if row.metrics is not None
    ]
