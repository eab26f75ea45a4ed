"""What the evaluation process does once torch is loaded: a checkpoint scored at full size."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from models.checkpoint import CheckpointError, LoadedGenerator, load_generator
from models.child_process import Events, ProgressReporter, RunFileError
from models.data import DatasetError, PackedDataset
from models.precision import Machine, choose_machine
from models.rendering import synthesize
from models.scoring.embedding import Embedder, EmbeddingError
from models.scoring.inception import inception_scores
from models.scoring.scorer import SEEDS
from models.scoring.scores import Reference, ScoreError, score
from models.seeds import class_from_seed, latents_from_seeds, random_stream

PART = 512  # pictures between two looks at the clock


@dataclass(frozen=True)
class EvaluationRequest:
    """What run.json asks for. `classes` are the dataset's, of a labelled one."""

    checkpoint: Path
    dataset: Path
    images: int
    classes: tuple[str, ...]

    @classmethod
    def read(cls, path: Path) -> "EvaluationRequest":
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            return cls(
                Path(data["checkpoint"]),
                Path(data["dataset"]),
                int(data["images"]),
                tuple(data.get("classes") or ()),
            )
        except (OSError, AttributeError, KeyError, TypeError, ValueError) as error:
            raise RunFileError(f"{path} describes no evaluation: {error!r}") from error


def run_evaluation(folder: Path, events: Events) -> int:
    """Evaluate as `folder`/run.json says; returns the exit status.

    What would fail again is a `failed` event; anything else (memory, disk) is raised, and may be
    tried again.
    """
    try:
        request = EvaluationRequest.read(folder / "run.json")
        machine = choose_machine()
        machine.prepare()
        events.emit("started", device=machine.device.type, threads=machine.threads)
        result = evaluate(request, machine, ProgressReporter(events, request.images).progress)
    except (CheckpointError, DatasetError, EmbeddingError, RunFileError, ScoreError) as error:
        events.emit("failed", error=str(error))
        return 1
    events.emit("finished", result=result)
    return 0


def evaluate(
    request: EvaluationRequest, machine: Machine, progress: Callable[[int], None]
) -> dict[str, Any]:
    """Score the checkpoint as `models.scoring.scores` defines; `progress` gets the images made.

    The pictures are those of the seeds that the trainer's own scores are of, only more of them.
    `resized_from` is [height, width] where they were brought to another size, else None;
    `inception` has the literature's distances, or says why they are absent.
    """
    loaded, dataset = load_generator(request.checkpoint), PackedDataset(request.dataset)
    loaded.generator.to(machine.device)
    embedder = Embedder(machine.device)
    reference = Reference.of(request.dataset, embedder, request.images)
    progress(0)
    pictures = _pictures(request, loaded, dataset, progress)
    size = loaded.config.shape[:2]
    metrics = score(reference, pictures, embedder)
    return metrics | {
        "real_images": min(request.images, len(dataset)),
        "resized_from": None if size == dataset.shape[:2] else list(size),
        "inception": inception_scores(_real(request), pictures, machine.device),
    }


def _real(request: EvaluationRequest) -> np.ndarray:
    """(N, H, W, C) uint8: all of the dataset, still on the disk, or a fixed sample of as many."""
    real: np.ndarray = np.load(request.dataset / "images.npy", mmap_mode="r", allow_pickle=False)
    if len(real) <= request.images:
        return real
    chosen = torch.randperm(len(real), generator=random_stream(0, "evaluation"))[: request.images]
    sample: np.ndarray = real[chosen.sort().values.numpy()]
    return sample


def _pictures(
    request: EvaluationRequest,
    loaded: LoadedGenerator,
    dataset: PackedDataset,
    progress: Callable[[int], None],
) -> np.ndarray:
    """(images, H, W, C) uint8 at the dataset's size."""
    height, width, _ = dataset.shape
    pictures = np.empty((request.images, *dataset.shape), np.uint8)
    labels = _labels(request, loaded.config.classes, dataset)
    for first in range(0, request.images, PART):
        places = slice(first, min(first + PART, request.images))
        seeds = range(SEEDS + first, SEEDS + places.stop)
        latents = latents_from_seeds(seeds, loaded.config.latent_dim)
        made = synthesize(loaded.generator, latents, None if labels is None else labels[places])
        pictures[places] = resized(made, height, width)
        progress(places.stop)
    return pictures


def _labels(
    request: EvaluationRequest, classes: tuple[str, ...], dataset: PackedDataset
) -> Tensor | None:
    """(images,) int64 of a conditional checkpoint: a class as often as the dataset has it.

    Where the dataset's classes are others, all are equally likely, as where nobody names one.
    """
    if not classes:
        return None
    if request.classes == classes:
        return dataset.proportional(request.images)
    seeds = range(SEEDS, SEEDS + request.images)
    return torch.tensor([class_from_seed(seed, len(classes)) for seed in seeds])


def resized(pictures: np.ndarray, height: int, width: int) -> np.ndarray:
    """(N, h, w, C) uint8 -> (N, height, width, C), bilinear, every source pixel counted."""
    if pictures.shape[1:3] == (height, width):
        return pictures
    planes = torch.from_numpy(pictures).permute(0, 3, 1, 2)
    planes = F.interpolate(planes, (height, width), mode="bilinear", antialias=True)
    return planes.permute(0, 2, 3, 1).contiguous().numpy()
