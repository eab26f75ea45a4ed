"""Export: gives the child process a checkpoint, and stores the ONNX file that it writes."""

import json
from typing import Any, ClassVar

from sqlalchemy.orm import Session

from app.domain import registry
from app.domain.export import add_onnx_file
from app.domain.tables import onnx_key
from worker.kinds.kind import Kind


class Export(Kind):
    module: ClassVar[str] = "models.export"
    _key: str

    def prepare(self) -> None:
        assert self.job.checkpoint is not None
        with self.context.read() as session:
            checkpoint = registry.find_checkpoint(session, self.job.checkpoint)
        self._key = onnx_key(checkpoint.key)
        run = {"checkpoint": str(self.context.store.local_copy(checkpoint.key, checkpoint.sha256))}
        (self.run_dir / "run.json").write_text(json.dumps(run))

    def store_results(self) -> None:
        """Store the file. Another attempt would write the same bytes under the same key."""
        self.context.store.move_in(self.run_dir / "generator.onnx", self._key)

    def register_results(self, session: Session, event: dict[str, Any]) -> None:
        add_onnx_file(session, self.claim, event["sha256"], event["bytes"])
