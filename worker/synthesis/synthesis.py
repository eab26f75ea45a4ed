"""A synthesis: writes shard after shard, and continues after the shards of earlier runs."""

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from app.domain.images.encoders import ENCODER
from app.domain.images.recipes import checkpoint_recipe, class_name, truncation_recipe
from app.domain.images.replacement_seeds import describe_rejected, max_further_seeds
from models.child_process import Events, ProgressReporter
from models.onnx_generator import OnnxFileError, OnnxGenerator
from models.scoring.embedding_definition import EmbeddingError
from worker.synthesis.images import EncodedImage, ImageStream
from worker.synthesis.rejection import RejectionFilter
from worker.synthesis.request import (
    DamagedCheckpoint,
    SynthesisError,
    SynthesisRequest,
    TooManyRejected,
)
from worker.synthesis.shards import SHARDS

MAX_WAITING_SHARDS = 2  # written, and not yet moved to the store
SHARD_POLL_SECONDS = 0.05


def run_synthesis(folder: Path, events: Events) -> int:
    """Write the shards that the job still lacks into `folder`; return the exit status.

    `folder` holds run.json. Each shard is an event `shard`; the supervisor then moves its files
    away. An error that would occur again is an event `failed`; every other error (memory, disk) is
    raised, and the job may be tried again.
    """
    request = SynthesisRequest.read(folder / "run.json")
    try:
        Synthesis(request, folder, events).run()
    except (EmbeddingError, SynthesisError) as error:
        events.emit("failed", error=str(error))
        return 1
    events.emit("finished")
    return 0


class Synthesis:
    """One run of the job, which starts after the last stored shard."""

    def __init__(self, request: SynthesisRequest, folder: Path, events: Events) -> None:
        self._request = request
        self._folder = folder
        self._events = events
        self._shards, self._made, self._tried = request.shards, request.made, request.tried
        self._waiting: list[Path] = []
        self._reporter = ProgressReporter(events, request.images, request.made)

    def run(self) -> None:
        request = self._request
        recipe = checkpoint_recipe(request.checkpoint) | truncation_recipe(request.truncation)
        self._events.emit("started", recipe=recipe, encoder=ENCODER)
        # If images are left out, the number of seeds is not known beforehand.
        stop = None if self._rejects else request.images
        with closing(self._open_stream().images(request.seed, self._tried, stop)) as images:
            self._reporter.progress(self._made)
            while self._made < request.images:
                self._write_shard(images)

    @property
    def _rejects(self) -> bool:
        return self._request.compared is not None or self._request.quality is not None

    def _open_stream(self) -> ImageStream:
        request = self._request
        checkpoint, name = request.checkpoint, request.class_name
        return ImageStream(
            _open_generator(request),
            checkpoint,
            request.format,
            None if name is None else checkpoint.classes.index(name),
            RejectionFilter(request.compared, request.quality).find if self._rejects else None,
            request.truncation,
        )

    def _write_shard(self, images: Iterator[EncodedImage]) -> None:
        request, shard_type = self._request, SHARDS[self._request.layout]
        self._wait_for_store()
        stem = f"{request.checkpoint.model}-{self._shards:06}"
        path, listing = self._folder / f"{stem}.{shard_type.suffix}", self._folder / f"{stem}.jsonl"
        count = min(request.shard_images, request.images - self._made)
        shard = shard_type(path, request.checkpoint, request.format)
        with listing.open("x", encoding="ascii") as lines:
            for image, data in self._accepted(images, count):
                line = {
                    "file": shard.add(image, data),
                    "seed": image.seed,
                    "class": class_name(request.checkpoint, image.label),
                }
                lines.write(json.dumps(line) + "\n")
        shard.close()
        self._shards += 1
        self._waiting += [path, listing]
        files = {"shard": _describe(path), "recipes": _describe(listing)}
        self._events.emit("shard", images=count, tried=self._tried, **files)

    def _accepted(
        self, images: Iterator[EncodedImage], count: int
    ) -> Iterator[tuple[EncodedImage, bytes]]:
        """Yield the next `count` images that are not left out, each with the bytes of its file."""
        missing, spare = count, self._max_further_seeds(count)
        while missing:
            image = next(images)
            self._tried += 1
            if image.data is not None:
                yield image, image.data
                missing -= 1
                self._made += 1
                self._reporter.progress(self._made)
            elif spare:
                spare -= 1
            else:
                raise TooManyRejected(self._describe_rejected(count, missing))

    @property
    def _min_quality(self) -> float:
        quality = self._request.quality
        return quality.min_quality if quality else 0.0

    def _max_further_seeds(self, count: int) -> int:
        return max_further_seeds(count, self._min_quality)

    def _describe_rejected(self, count: int, missing: int) -> str:
        request = self._request
        return describe_rejected(
            request.checkpoint.model,
            f"{missing:,} of the {count:,} images of shard {self._shards}",
            self._max_further_seeds(count),
            min_quality=self._min_quality,
            reject_copies=request.compared is not None,
        )

    def _wait_for_store(self) -> None:
        """Wait while two finished shards are still in the folder, so that the disk cannot fill."""
        while True:
            self._waiting = [path for path in self._waiting if path.exists()]
            if len(self._waiting) < 2 * MAX_WAITING_SHARDS:  # a shard is two files
                return
            time.sleep(SHARD_POLL_SECONDS)


def _open_generator(request: SynthesisRequest) -> OnnxGenerator:
    """Verify and load the generator. One that an older version stored is exported first."""
    checkpoint, file = request.checkpoint, request.path.read_bytes()
    name = f"checkpoint {checkpoint.id} of model {checkpoint.model!r}"
    sha256, stored = hashlib.sha256(file).hexdigest(), checkpoint.onnx_sha256 or checkpoint.sha256
    if sha256 != stored:
        raise DamagedCheckpoint(f"{name} is damaged: its sha256 is {sha256}, not {stored}")
    if checkpoint.onnx_sha256 is None:
        file = _export(request.path, checkpoint.sha256)
    try:
        return OnnxGenerator(file)
    except OnnxFileError as error:
        raise DamagedCheckpoint(f"the ONNX file of {name} {error}") from error


def _export(path: Path, sha256: str) -> bytes:
    """The ONNX file that a job of kind export would write; it is not stored."""
    # Imported here, because torch takes a second, and no other checkpoint needs it.
    from models.checkpoint import CheckpointError, load_generator
    from models.onnx_writer import ExportError, export_generator

    try:
        loaded = load_generator(path)
        return export_generator(loaded.generator, loaded.config, loaded.images_seen, sha256)
    except (CheckpointError, ExportError) as error:
        raise DamagedCheckpoint(str(error)) from error


def _describe(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return {"name": path.name, "bytes": path.stat().st_size, "sha256": sha256}
