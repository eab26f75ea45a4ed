"""What the synthesis process does once torch is loaded: shard after shard, each whole or absent."""

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from app.domain.images.encoders import ENCODER
from app.domain.images.recipes import checkpoint_recipe, class_name
from app.domain.images.replacements import further_seeds
from models.checkpoint import CheckpointError, load_generator
from models.rendering import Renderer
from models.reporting import Events, Reporter
from models.scoring.embedding import EmbeddingError
from worker.synthesis.copies import Copies
from worker.synthesis.errors import Damaged, SynthesisError, TooManyCopies
from worker.synthesis.images import Picture, Pictures
from worker.synthesis.request import SynthesisRequest
from worker.synthesis.shards import SHARDS

MAX_WAITING = 2  # shards that nobody has taken away yet
POLL_SECONDS = 0.05


def run_synthesis(folder: Path, events: Events) -> int:
    """Write the shards that `folder`/run.json still lacks into it; the exit status.

    Each is an event `shard`, and whoever runs this takes its files away. What would fail again is
    a `failed` event; anything else (memory, disk) is raised, and may be tried again.
    """
    request = SynthesisRequest.read(folder / "run.json")
    try:
        Synthesis(request, folder, events).run()
    except (CheckpointError, EmbeddingError, SynthesisError) as error:
        events.emit("failed", error=str(error))
        return 1
    events.emit("finished")
    return 0


class Synthesis:
    """One run, from where the last one was."""

    def __init__(self, request: SynthesisRequest, folder: Path, events: Events) -> None:
        self._request = request
        self._folder = folder
        self._events = events
        self._shards, self._made, self._tried = request.shards, request.made, request.tried
        self._waiting: list[Path] = []
        self._reporter = Reporter(events, request.images, request.made)

    def run(self) -> None:
        request = self._request
        recipe = checkpoint_recipe(request.checkpoint)
        self._events.emit("started", recipe=recipe, encoder=ENCODER)
        # Without any to leave out, no more are made than are asked for.
        last = None if request.compared else request.images
        with closing(self._pictures().of(request.seed, self._tried, last)) as pictures:
            self._reporter.progress(self._made)
            while self._made < request.images:
                self._write_shard(pictures)

    def _pictures(self) -> Pictures:
        request = self._request
        checkpoint, name = request.checkpoint, request.class_name
        with request.path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != checkpoint.sha256:
            raise Damaged(
                f"checkpoint {checkpoint.id} of model {checkpoint.model!r} is damaged: its sha256 "
                f"is {found}, not {checkpoint.sha256}"
            )
        return Pictures(
            Renderer(load_generator(request.path)),
            checkpoint,
            request.format,
            None if name is None else checkpoint.classes.index(name),
            Copies(request.compared).among if request.compared else None,
        )

    def _write_shard(self, pictures: Iterator[Picture]) -> None:
        request, kind = self._request, SHARDS[self._request.layout]
        self._await_room()
        stem = f"{request.checkpoint.model}-{self._shards:06}"
        path, listing = self._folder / f"{stem}.{kind.suffix}", self._folder / f"{stem}.jsonl"
        images = min(request.shard_images, request.images - self._made)
        shard = kind(path, request.checkpoint, request.format)
        with listing.open("x", encoding="ascii") as recipes:
            for picture, data in self._originals(pictures, images):
                made = {
                    "file": shard.add(picture, data),
                    "seed": picture.seed,
                    "class": class_name(request.checkpoint, picture.label),
                }
                recipes.write(json.dumps(made) + "\n")
        shard.close()
        self._shards += 1
        self._waiting += [path, listing]
        described = {"shard": _describe(path), "recipes": _describe(listing)}
        self._events.emit("shard", images=images, tried=self._tried, **described)

    def _originals(
        self, pictures: Iterator[Picture], images: int
    ) -> Iterator[tuple[Picture, bytes]]:
        """The next so many that are no copies, each with its file."""
        missing, spare = images, further_seeds(images)
        while missing:
            picture = next(pictures)
            self._tried += 1
            if picture.data is not None:
                yield picture, picture.data
                missing -= 1
                self._made += 1
                self._reporter.progress(self._made)
            elif spare:
                spare -= 1
            else:
                raise TooManyCopies(self._refusal(images, missing))

    def _refusal(self, images: int, missing: int) -> str:
        model = self._request.checkpoint.model
        return (
            f"model {model!r} copies its training pictures: with {further_seeds(images):,} further "
            f"seeds tried, {missing:,} of the {images:,} images of shard {self._shards} are copies "
            "still. Name another checkpoint, or leave reject_copies out"
        )

    def _await_room(self) -> None:
        """Wait while shards are made faster than they are stored: the disk is not endless."""
        while True:
            self._waiting = [path for path in self._waiting if path.exists()]
            if len(self._waiting) < 2 * MAX_WAITING:
                return
            time.sleep(POLL_SECONDS)


def _describe(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return {"name": path.name, "bytes": path.stat().st_size, "sha256": sha256}
