"""Evaluation: gives the child process a checkpoint and a dataset, and stores the scores."""

import json
from typing import Any, ClassVar

from sqlalchemy.orm import Session

from app.domain import datasets, leases, registry
from worker.kinds.kind import Kind


class Evaluate(Kind):
    module: ClassVar[str] = "models.evaluate"

    def prepare(self) -> None:
        assert self.job.checkpoint is not None
        with self.context.read() as session:
            dataset = datasets.find(session, self.job.dataset or "")
            prefix = datasets.packed_prefix(session, dataset.name)
            checkpoint = registry.find_checkpoint(session, self.job.checkpoint)
        run = {
            "checkpoint": str(self.context.store.local_copy(checkpoint.key, checkpoint.sha256)),
            "dataset": str(self.context.store.local_folder(prefix)),
            "images": self.job.config["images"],
            "classes": dataset.classes,
        }
        (self.run_dir / "run.json").write_text(json.dumps(run))

    def register_results(self, session: Session, event: dict[str, Any]) -> None:
        leases.lock_job(session, self.claim).result = event["result"]
