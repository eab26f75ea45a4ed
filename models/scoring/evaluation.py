"""The work of the evaluation process: score a checkpoint with many images."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from models.checkpoint import CheckpointError, LoadedGenerator, load_generator
from models.child_process import (
    Events,
    ProgressReporter,
    RunFileError,
    describe_failure,
    read_run_file,
)
from models.data import DatasetError, PackedDataset
from models.precision import Machine, choose_machine
from models.random_streams import random_stream
from models.rendering import synthesize
from models.scoring.embedding import Embedder
from models.scoring.embedding_definition import EmbeddingError
from models.scoring.inception import inception_scores
from models.scoring.scores import Reference, ScoreError, score
from models.seeds import SCORE_SEEDS, class_from_seed, latents_from_seeds

IMAGES_PER_REPORT = 512  # generated between two reports of progress


@dataclass(frozen=True)
class EvaluationRequest:
    """The contents of run.json. `classes` are those of a labelled dataset."""

    checkpoint: Path
    dataset: Path
    images: int
    classes: tuple[str, ...]

    @classmethod
    def from_json(cls, request: Any) -> Self:
        return cls(
            Path(request["checkpoint"]),
            Path(request["dataset"]),
            int(request["images"]),
            tuple(request.get("classes") or ()),
        )


def run_evaluation(folder: Path, events: Events) -> int:
    """Run the evaluation that `folder`/run.json describes; return the exit status.

    An error that would occur again is an event `failed`; every other error (memory, disk) is
    raised, and the evaluation may be tried again.
    """
    try:
        request = read_run_file(folder / "run.json", "an evaluation", EvaluationRequest.from_json)
        machine = choose_machine()
        machine.prepare()
        events.emit("started", device=machine.device.type, threads=machine.threads)
        result = evaluate(request, machine, ProgressReporter(events, request.images).progress)
    except (CheckpointError, DatasetError, EmbeddingError, RunFileError, ScoreError) as error:
        events.emit("failed", **describe_failure(error))
        return 1
    events.emit("finished", result=result)
    return 0


def evaluate(
    request: EvaluationRequest, machine: Machine, progress: Callable[[int], None]
) -> dict[str, Any]:
    """Score the checkpoint; `progress` is called with the number of generated images.

    The images have the seeds of those that the trainer scores, and further seeds. Beside the
    scores of `models.scoring.scores`, `resized_from` is the images' [height, width] where they were
    resized, else None, and `inception` has the literature's distances, or why they are absent.
    """
    loaded, dataset = load_generator(request.checkpoint), PackedDataset(request.dataset)
    loaded.generator.to(machine.device)
    embedder = Embedder(machine.device)
    reference = Reference.of(request.dataset, embedder, request.images)
    progress(0)
    images = _generate(request, loaded, dataset, progress)
    size = loaded.config.shape[:2]
    metrics = score(reference, images, embedder)
    return metrics | {
        "real_images": min(request.images, len(dataset)),
        "resized_from": None if size == dataset.shape[:2] else list(size),
        "inception": inception_scores(_real_images(request), images, machine.device),
    }


def _real_images(request: EvaluationRequest) -> np.ndarray:
    """(N, H, W, C) uint8: the whole dataset, memory-mapped, or a fixed sample of `images` of it."""
    real: np.ndarray = np.load(request.dataset / "images.npy", mmap_mode="r", allow_pickle=False)
    if len(real) <= request.images:
        return real
    chosen = torch.randperm(len(real), generator=random_stream(0, "evaluation"))[: request.images]
    sample: np.ndarray = real[chosen.sort().values.numpy()]
    return sample


def _generate(
    request: EvaluationRequest,
    loaded: LoadedGenerator,
    dataset: PackedDataset,
    progress: Callable[[int], None],
) -> np.ndarray:
    """Generate (images, H, W, C) uint8, resized to the size of the dataset's images."""
    height, width, _ = dataset.shape
    images = np.empty((request.images, *dataset.shape), np.uint8)
    labels = _labels(request, loaded.config.classes, dataset)
    for first in range(0, request.images, IMAGES_PER_REPORT):
        part = slice(first, min(first + IMAGES_PER_REPORT, request.images))
        latents = latents_from_seeds(SCORE_SEEDS[part], loaded.config.latent_dim)
        part_labels = None if labels is None else labels[part]
        generated = synthesize(loaded.generator, latents, part_labels)
        images[part] = resize(generated, height, width)
        progress(part.stop)
    return images


def _labels(
    request: EvaluationRequest, classes: tuple[str, ...], dataset: PackedDataset
) -> Tensor | None:
    """(images,) int64 for a conditional checkpoint, in the proportions of the dataset's classes.

    Where the dataset has other classes, each seed draws its own class, all equally likely.
    """
    if not classes:
        return None
    if request.classes == classes:
        return dataset.proportional_labels(request.images)
    seeds = SCORE_SEEDS[: request.images]
    return torch.tensor([class_from_seed(seed, len(classes)) for seed in seeds])


def resize(images: np.ndarray, height: int, width: int) -> np.ndarray:
    """(N, h, w, C) uint8 -> (N, height, width, C), bilinear, with antialiasing."""
    if images.shape[1:3] == (height, width):
        return images
    planes = torch.from_numpy(images).permute(0, 3, 1, 2)
    planes = F.interpolate(planes, (height, width), mode="bilinear", antialias=True)
    return planes.permute(0, 2, 3, 1).contiguous().numpy()
