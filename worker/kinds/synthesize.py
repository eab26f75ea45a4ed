"""Synthesis: gives the child process a checkpoint, stores each shard, and writes the manifest."""

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar

from sqlalchemy.orm import Session

from app.domain import datasets, job_objects, registry
from app.domain.checkpoint_files import find_file
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.images.replacement_seeds import seed_after
from app.domain.job_objects import MANIFEST, StoredFile, file_key
from app.domain.job_states import JobKind
from app.domain.leases import lock_job
from app.domain.queue import Queue
from app.domain.tables import CheckpointFile, JobFile
from worker.kinds.kind import EMBEDDING_FILES, Kind


class Synthesize(Kind):
    module: ClassVar[str] = "worker.synthesis"
    _classes: tuple[str, ...]
    _started: dict[str, Any]
    _manifest: StoredFile

    @property
    def needs_training(self) -> bool:
        """Whether the checkpoint of an older version has only a file for PyTorch."""
        assert self.job.checkpoint is not None
        with self.context.read() as session:
            return registry.find_checkpoint(session, self.job.checkpoint).onnx_sha256 is None

    def prepare(self) -> None:
        assert self.job.checkpoint is not None
        with self.context.read() as session:
            row = registry.find_checkpoint(session, self.job.checkpoint)
            stored = job_objects.count_stored(session, self.job.id)
            index = find_file(session, row.id, JobKind.INDEX)
        checkpoint = GeneratorCheckpoint.of(row)
        self._classes = checkpoint.classes
        run = {
            "checkpoint": asdict(checkpoint),
            "path": str(self._generator_file(checkpoint)),
            "config": self.job.config,
            "compared": self._compared_dataset() if self.job.config["reject_copies"] else None,
            "index": self._index_file(index),
            "shards": stored.shards,
            "made": stored.images,
            "tried": stored.tried,
        }
        (self.run_dir / "run.json").write_text(json.dumps(run))

    def handle(self, event: dict[str, Any]) -> None:
        if event["event"] == "started":
            self._started = event
        elif event["event"] == "progress":
            self.publish_progress(event)
        elif event["event"] == "shard":
            self._store_shard(event)

    def store_results(self) -> None:
        """Store the manifest, which describes the shards of all attempts."""
        with self.context.read() as session:
            files = job_objects.list_files(session, self.job.id)
        recipe, encoder = self._started["recipe"], self._started["encoder"]
        manifest = describe_files(self.job.config, recipe, encoder, self._classes, files)
        path = self.run_dir / MANIFEST
        path.write_text(json.dumps(manifest, indent=1) + "\n")
        size, sha256 = path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest()
        self._manifest = self._move_in({"name": MANIFEST, "bytes": size, "sha256": sha256})

        if self.job.config.get("into") is not None:
            shards = [(file.name, file.key) for file in files if file.images is not None]
            with self.context.read() as session:
                dataset = datasets.find_reserved(session, self.job.id)
            datasets.store_sources(self.context.store, dataset.id, shards)

    def register_results(self, session: Session, _event: dict[str, Any]) -> None:
        job_objects.add_manifest(session, self.claim, self._manifest)
        if self.job.config.get("into") is not None:
            dataset = datasets.pack_reserved(session, self.job.id)
            job = lock_job(session, self.claim)
            job.result = (job.result or {}) | {"dataset": dataset.name, "ingest": dataset.job}

    @property
    def next_queue(self) -> Queue | None:
        return Queue.LIGHT if self.job.config.get("into") is not None else None

    def _generator_file(self, checkpoint: GeneratorCheckpoint) -> Path:
        """The ONNX file; the safetensors file of a checkpoint that has none."""
        if checkpoint.onnx_sha256 is None:
            return self.context.store.local_copy(checkpoint.key, checkpoint.sha256)
        return self.context.store.local_copy(checkpoint.onnx_key, checkpoint.onnx_sha256)

    def _index_file(self, index: CheckpointFile | None) -> str | None:
        """The sample index that was there when the synthesis was queued; None if it is gone."""
        if index is None or index.sha256 != self.job.config.get("index"):
            return None
        with suppress(FileNotFoundError):
            return str(self.context.store.local_copy(index.key, index.sha256))
        return None

    def _compared_dataset(self) -> dict[str, str]:
        """The dataset whose images must not be copied, and a folder with its embeddings.

        The images themselves are not fetched. The child reports files that are missing.
        """
        store, name = self.context.store, self.job.dataset or ""
        with self.context.read() as session:
            prefix = datasets.packed_prefix(session, name)
        first, *others = (f"{prefix}/{file}" for file in EMBEDDING_FILES)
        folder = store.local_copy(first).parent
        for key in others:
            with suppress(FileNotFoundError):
                store.local_copy(key)
        return {"dataset": name, "folder": str(folder)}

    def _store_shard(self, event: dict[str, Any]) -> None:
        shard, recipes = self._move_in(event["shard"]), self._move_in(event["recipes"])
        self.context.write(
            lambda session: job_objects.add_shard(
                session, self.claim, shard, recipes, images=event["images"], tried=event["tried"]
            )
        )
        self.context.notifier.notify([self.job.id])

    def _move_in(self, file: dict[str, Any]) -> StoredFile:
        """Move a file of the run folder to the store."""
        key = file_key(self.job.id, self.claim.epoch, file["name"])
        self.context.store.move_in(self.run_dir / file["name"], key)
        return StoredFile(key=key, **file)


def describe_files(
    config: dict[str, Any],
    recipe: dict[str, Any],
    encoder: str,
    classes: Sequence[str],
    files: Sequence[JobFile],
) -> dict[str, Any]:
    """The manifest of a synthesis. `files` are all shards in order, each followed by its recipes.

    `recipe` holds what the recipes of all images have in common. The recipes file of a shard has
    the rest, one line of JSON for each image.
    """
    shards, tried = [], 0
    for shard, recipes in zip(files[::2], files[1::2], strict=True):
        assert shard.images is not None
        assert shard.tried is not None
        shards.append(
            _describe_file(shard)
            | {
                "images": shard.images,
                "first_seed": seed_after(config["seed"], tried),
                "last_seed": seed_after(config["seed"], shard.tried - 1),
                "left_out": shard.tried - tried - shard.images,
                "recipes": _describe_file(recipes),
            }
        )
        tried = shard.tried
    return {
        "recipe": recipe,
        "encoder": encoder,
        **config,
        "classes": list(classes) or None,
        "bytes": sum(file.bytes for file in files),
        "left_out": tried - config["images"],
        "shards": shards,
    }


def _describe_file(file: JobFile) -> dict[str, Any]:
    return {"name": file.name, "bytes": file.bytes, "sha256": file.sha256}
