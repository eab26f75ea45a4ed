"""Import: gives the child process uploaded weights, and stores them with the ONNX file."""

import json
from typing import Any, ClassVar

from sqlalchemy.orm import Session

from app.domain.bundles import REFERENCE, ImportedRecord
from app.domain.imports import (
    add_imported_model,
    imported_reference_key,
    read_record,
    reference_key,
    weights_key,
)
from app.domain.job_objects import checkpoint_key
from app.domain.starter import GRAPH
from app.domain.tables import onnx_key
from models.graph_template import GraphTemplate
from worker.kinds.kind import Kind, link_or_copy

WEIGHTS, ONNX = "checkpoint.safetensors", "checkpoint.onnx"


class Import(Kind):
    module: ClassVar[str] = "models.import_checkpoint"
    _record: ImportedRecord
    _name_taken = False

    @property
    def needs_training(self) -> bool:
        return not self._is_starter

    @property
    def _is_starter(self) -> bool:
        """Whether the weights are those that come with Moggy, whose graph is known."""
        known = GraphTemplate.read(GRAPH).weights_sha256
        return bool(self.job.config["sha256"] == known)

    @property
    def _key(self) -> str:
        return checkpoint_key(self.job.id, self.claim.epoch, self.job.config["images_seen"])

    def prepare(self) -> None:
        weights = self.run_dir / WEIGHTS
        self._record = read_record(self.context.store, self.job.id)
        key = weights_key(self.job.id)
        link_or_copy(self.context.store.local_copy(key, self.job.config["sha256"]), weights)
        if self._record.reference is not None:
            stored = reference_key(self.job.id)
            source = self.context.store.local_copy(stored, self._record.reference["sha256"])
            link_or_copy(source, self.run_dir / REFERENCE)
        run = {
            "weights": str(weights),
            "max_bytes": self.context.settings.max_model_bytes,
            "graph": str(GRAPH) if self._is_starter else None,
        }
        (self.run_dir / "run.json").write_text(json.dumps(run))

    def store_results(self) -> None:
        self.context.store.move_in(self.run_dir / WEIGHTS, self._key)
        self.context.store.move_in(self.run_dir / ONNX, onnx_key(self._key))
        if self._record.reference is not None:
            self.context.store.move_in(self.run_dir / REFERENCE, imported_reference_key(self.claim))

    def register_results(self, session: Session, event: dict[str, Any]) -> None:
        added = add_imported_model(session, self.claim, self._key, event, self._record)
        self._name_taken = added is None

    def shortfall(self) -> str | None:
        if not self._name_taken:
            return None
        return (
            f"there is a model {self.job.model!r} by now: import the file again under another "
            "name, or delete that model first"
        )
