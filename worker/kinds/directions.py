"""Directions: gives the child process a generator, and saves the directions that it finds."""

import json
from typing import Any, ClassVar

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain import registry
from app.domain.directions import NewDirection, found_name, is_found_name, save_found
from app.domain.tables import Direction, onnx_key
from models.samples import unpack_vector
from worker.kinds.kind import Kind

FOUND_DIRECTIONS = 12


class Directions(Kind):
    module: ClassVar[str] = "models.find_directions"

    def prepare(self) -> None:
        assert self.job.checkpoint is not None
        with self.context.read() as session:
            checkpoint = registry.find_checkpoint(session, self.job.checkpoint)
            rows = session.scalars(
                select(Direction).where(
                    Direction.model == checkpoint.model, Direction.checkpoint == checkpoint.id
                )
            ).all()
        key = onnx_key(checkpoint.key)
        run = {
            "generator": str(self.context.store.local_copy(key, checkpoint.onnx_sha256)),
            "count": FOUND_DIRECTIONS,
            "known": [unpack_vector(row.vector).tolist() for row in rows if not is_found_name(row)],
        }
        (self.run_dir / "run.json").write_text(json.dumps(run))

    def register_results(self, session: Session, event: dict[str, Any]) -> None:
        assert self.job.checkpoint is not None
        found = [
            NewDirection(
                name=found_name(rank),
                method=direction["method"],
                vector=np.array(direction["vector"], np.float32),
                details={"effect": direction["effect"], "found_as": found_name(rank)},
                checkpoint=self.job.checkpoint,
            )
            for rank, direction in enumerate(event["directions"], 1)
        ]
        save_found(session, self.claim, found)
