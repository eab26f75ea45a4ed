"""The process that makes a sample index: `python -m models.index_build RUN_DIR`.

It writes RUN_DIR/index.safetensors for the generator that RUN_DIR/run.json names, and prints one
JSON event per line: `progress`, and at last `finished`, with the file's size and hash. SIGTERM ends
it and nothing is kept. Does not import torch.
"""

import hashlib
import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from math import prod
from pathlib import Path
from typing import NamedTuple, NoReturn, Self

import numpy as np
from numpy.typing import NDArray

from models.child_process import (
    Events,
    ProgressReporter,
    RunFileError,
    begin,
    end_on_signals,
    report_full_disk,
)
from models.colours import Colours, cell_colours
from models.onnx_generator import OnnxFileError, OnnxGenerator
from models.resources import usable_cores
from models.scoring.embedding_definition import EmbeddingError
from models.scoring.nearest import FEATURES_FILE, NoIndex, open_index
from models.scoring.onnx_embedder import OnnxEmbedder
from models.scoring.realism import Reference
from models.scoring.reference_file import ReferenceFileError, read_reference
from models.scoring.sample_index import Description, write_sample_index
from models.seeds import SEARCH_SEEDS, classes_from_seeds, latents_from_seeds

INDEX_FILE = "index.safetensors"
TASK_IMAGES = 32  # that a thread makes at a time
TASK_BYTES = 4 << 20  # of their pixels, at most


@dataclass(frozen=True)
class BuildRequest:
    """`pictures`: the folder of the real images' embeddings; None, and why there are none.

    `reference`: the file of the quality reference that came with the checkpoint, None without one.
    It counts where there are no pictures.
    """

    generator: Path  # the ONNX file
    sha256: str
    samples: int
    pictures: Path | None
    pictures_absent: str | None
    reference: Path | None

    @classmethod
    def read(cls, path: Path) -> Self:
        try:
            run = json.loads(path.read_text(encoding="utf-8"))
            pictures, reference = run["pictures"], run["reference"]
            return cls(
                generator=Path(run["generator"]),
                sha256=run["sha256"],
                samples=int(run["samples"]),
                pictures=None if pictures is None else Path(pictures),
                pictures_absent=run["pictures_absent"],
                reference=None if reference is None else Path(reference),
            )
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise RunFileError(f"{path} does not describe a sample index: {error!r}") from error


class _Batch(NamedTuple):
    features: NDArray[np.float32]
    colours: Colours


def main() -> NoReturn:
    """Build the index of the folder on the command line; exit with its status."""
    folder, events, supervised = begin("models.index_build")
    end_on_signals(events, supervised)
    sys.exit(report_full_disk(events, lambda: run_build(folder, events)))


def run_build(folder: Path, events: Events) -> int:
    """Write the index that `folder`/run.json describes; return the exit status.

    An error that would occur again is an event `failed`; every other error (memory, disk) is
    raised, and the job may be tried again.
    """
    path = folder / INDEX_FILE
    try:
        description = _build(BuildRequest.read(folder / "run.json"), path, events)
    except OnnxFileError as error:
        events.emit("failed", error=f"the generator's file {error}")
        return 1
    except (EmbeddingError, RunFileError) as error:
        events.emit("failed", error=str(error))
        return 1
    data = path.read_bytes()
    sha256 = hashlib.sha256(data).hexdigest()
    events.emit("finished", bytes=len(data), sha256=sha256, details=asdict(description))
    return 0


def _build(request: BuildRequest, path: Path, events: Events) -> Description:
    actual = hashlib.sha256(request.generator.read_bytes()).hexdigest()
    if actual != request.sha256:
        raise OnnxFileError(f"is damaged: its sha256 is {actual}, not {request.sha256}")
    generator, embedder = OnnxGenerator(request.generator, on_cpu=True), OnnxEmbedder()
    reference, absent = _reference(request, embedder.name)
    seeds = SEARCH_SEEDS[: request.samples]
    labels = None
    if generator.conditional:
        labels = classes_from_seeds(seeds, len(generator.config.classes)).astype(np.int32)
    reporter, batches = ProgressReporter(events, len(seeds)), list[_Batch]()
    reporter.progress(0)
    made = 0
    for batch in _batches(generator, embedder, seeds, labels):
        batches.append(batch)
        made += len(batch.features)
        reporter.progress(made)
    description = Description(
        samples=len(seeds),
        embedding=embedder.name,
        checkpoint_sha256=generator.checkpoint_sha256,
        quality_absent=absent,
    )
    write_sample_index(
        path,
        description,
        features=np.concatenate([batch.features for batch in batches]),
        colours=np.concatenate([batch.colours for batch in batches]),
        labels=labels,
        reference=reference,
    )
    return description


def _batches(
    generator: OnnxGenerator,
    embedder: OnnxEmbedder,
    seeds: range,
    labels: NDArray[np.int32] | None,
) -> Iterator[_Batch]:
    """The features and colours of the seeds' images in order, with one thread per core."""
    size = max(1, min(TASK_IMAGES, TASK_BYTES // prod(generator.shape)))

    def make(first: int) -> _Batch:
        part = slice(first, min(first + size, len(seeds)))
        latents = latents_from_seeds(seeds[part], generator.config.latent_dim)
        chosen = None if labels is None else labels[part].astype(np.int64)
        images = generator.generate(latents, chosen)
        return _Batch(embedder(images), cell_colours(images))

    with ThreadPoolExecutor(usable_cores(), "index") as pool:
        yield from pool.map(make, range(0, len(seeds), size))


def _reference(request: BuildRequest, embedding: str) -> tuple[Reference | None, str | None]:
    """The real images that realism is measured by, or None and the reason."""
    if request.pictures is None and request.reference is not None:
        return _imported_reference(request.reference, embedding)
    if request.pictures is None:
        return None, request.pictures_absent
    try:
        open_index(request.pictures.joinpath, embedding)
    except NoIndex as error:
        return None, f"its training dataset {error}"
    features = np.load(request.pictures / FEATURES_FILE, mmap_mode="r", allow_pickle=False)
    if len(features) < 2:
        return None, "its training dataset has a single picture"
    return Reference.of_dataset(features), None


def _imported_reference(path: Path, embedding: str) -> tuple[Reference | None, str | None]:
    try:
        return read_reference(path).of_embedding(embedding), None
    except ReferenceFileError as error:
        return None, f"the quality reference that came with it {error}"


if __name__ == "__main__":
    main()
