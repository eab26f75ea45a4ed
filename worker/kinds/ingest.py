"""Ingest: gives the child process an upload, and stores the packed dataset that it writes."""

import json
from typing import Any, ClassVar

from sqlalchemy.orm import Session

from app.domain import datasets, jobs
from app.domain.packing import PackingRequest, find_codec
from worker.kinds.kind import Kind

FLIPS = {"auto": None, "yes": True, "no": False}


class Ingest(Kind):
    module: ClassVar[str] = "worker.ingest"
    _last_progress: dict[str, Any] | None = None

    @property
    def needs_training(self) -> bool:
        return False

    @property
    def stall_seconds(self) -> float:
        return self.context.settings.ingest_stall_seconds

    def describe_stall(self) -> str:
        event = self._last_progress
        phase = f", {event['phase']}, after {event['files']:,} files" if event else ""
        return (
            f"no progress for {self.stall_seconds:,.0f} s (MOGGY_INGEST_STALL_SECONDS){phase}: the "
            "ingest was stopped. The file that it was reading may be damaged, or the disk too slow"
        )

    def prepare(self) -> None:
        config, settings = self.job.config, self.context.settings
        store = self.context.store
        request = PackingRequest.from_json(config)
        width, height = request.sides
        sources = [
            {"name": source["name"], "path": str(store.local_copy(source["key"]))}
            for source in datasets.read_upload(store, config["dataset_id"])
        ]
        run = {
            "sources": sources,
            "width": width,
            "height": height,
            "fit": request.fit,
            "channels": request.channels,
            "horizontal_flip": FLIPS[request.horizontal_flip],
            "drop_near_duplicates": request.near_duplicates == "drop",
            "drop_unclassified": request.unclassified == "drop",
            "code_page": find_codec(request.names),
            "levels": request.levels,
            "limits": {
                "max_pixels": settings.max_pixels,
                "max_images": settings.max_dataset_images,
                "max_unpacked_bytes": settings.max_unpacked_bytes,
            },
        }
        (self.run_dir / "run.json").write_text(json.dumps(run))

    def handle(self, event: dict[str, Any]) -> None:
        if event["event"] == "progress":
            self._last_progress = event
            self.publish_progress(event)

    def progress(self, event: dict[str, Any]) -> dict[str, Any]:
        return jobs.INITIAL_PROGRESS | {"images_seen": event["accepted"]}

    def store_results(self) -> None:
        for path in sorted((self.run_dir / "packed").iterdir()):
            self.context.store.move_in(path, f"{self._key()}/{path.name}")

    def register_results(self, session: Session, event: dict[str, Any]) -> None:
        datasets.complete(session, self.claim, self._key(), event)

    def _key(self) -> str:
        return f"datasets/{self.job.config['dataset_id']}/{self.claim.epoch}"
