"""The scores of a run's checkpoints, computed between two steps in a small share of its time."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from models.config import TrainingConfig
from models.data import PackedDataset
from models.latents import truncate
from models.networks.network import Generator
from models.precision import Machine
from models.rendering import SYNTHESIS_BATCH, synthesize
from models.scoring.embedding import EMBEDDING_BATCH, Embedder
from models.scoring.embedding_definition import FEATURES
from models.scoring.scores import Reference, score
from models.seeds import SCORE_SEEDS, latents_from_seeds

log = logging.getLogger(__name__)

SCORE_IMAGES = 2000
MIN_SCORE_IMAGES = 128
RUN_SHARE = 1 / 20  # scored images per image of a short run: scoring it is faster than training
TIME_SHARE = 0.04  # of the time since this process started or resumed the run
FIRST_SCORE_SECONDS = 6.0  # assumed cost of the first scores, with the reference
# Whole batches, so that features are the same as those of one call with all images.
EMBEDDED_BETWEEN_CHECKS = 4 * EMBEDDING_BATCH


class _Stopped(Exception):
    """A stop was requested during the scoring."""


class ScoredRun(Protocol):
    """The part of a training run that its scores depend on."""

    config: TrainingConfig
    dataset: PackedDataset
    machine: Machine
    images_seen: int

    @property
    def finished(self) -> bool: ...


class Scorer:
    """Scores checkpoints while that takes at most TIME_SHARE of the time, and the last one always.

    The reference is prepared once, for the first scores. `images` is the number of generated and of
    real images; with 0 nothing is scored. The scoring in progress is abandoned as soon as
    `stopping()` is true.
    """

    def __init__(
        self,
        folder: Path,
        images: int = SCORE_IMAGES,
        clock: Callable[[], float] = time.monotonic,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._folder = folder
        self._images = images
        self._clock = clock
        self._stopping = stopping
        self._began = clock()
        self._spent_seconds = 0.0
        self._expected_seconds = FIRST_SCORE_SECONDS
        self._reference: tuple[Reference, InterruptibleEmbedder] | None = None
        self.failure: str | None = None  # the error of the last scores that were due
        self.abandoned = False  # whether the last scores that were due were ended by a stop

    def metrics(self, run: ScoredRun, generator: Generator) -> dict[str, Any] | None:
        """Score `generator`, which `run` serves now; None where that takes too long or is stopped.

        The run is not changed. An error is logged and kept in `failure`; it does not end the run.
        """
        self.failure, self.abandoned = None, False
        if self._images == 0 or not (run.finished or self._affordable()):
            return None
        began = self._clock()
        try:
            return self._score(run, generator)
        except _Stopped:
            self.abandoned = True
            return None
        except Exception as error:  # whatever is wrong with the scores, the training continues
            log.exception("no scores at %d images seen", run.images_seen)
            self.failure = f"{type(error).__name__}: {error}"
            return None
        finally:
            self._spent_seconds += self._clock() - began

    def _affordable(self) -> bool:
        elapsed = self._clock() - self._began
        return self._spent_seconds + self._expected_seconds <= TIME_SHARE * elapsed

    def _score(self, run: ScoredRun, generator: Generator) -> dict[str, Any]:
        self._raise_if_stopping()
        count = scored_images(self._images, run.config.images)
        if self._reference is None:
            embedder = InterruptibleEmbedder(run.machine.device, self._raise_if_stopping)
            self._reference = Reference.of(self._folder, embedder, count), embedder
        reference, embedder = self._reference
        began = self._clock()
        images = generate_scored(generator, run.dataset, count, self._raise_if_stopping)
        metrics = score(reference, images, embedder)
        self._expected_seconds = self._clock() - began
        return metrics

    def _raise_if_stopping(self) -> None:
        if self._stopping():
            raise _Stopped


class InterruptibleEmbedder(Embedder):
    """An embedder that calls `check` between parts of its work; its exception ends the call."""

    def __init__(self, device: str | torch.device, check: Callable[[], None]) -> None:
        super().__init__(device)
        self._check = check

    def __call__(self, images: np.ndarray) -> np.ndarray:
        parts = [np.empty((0, FEATURES), np.float32)]
        for first in range(0, len(images), EMBEDDED_BETWEEN_CHECKS):
            self._check()
            parts.append(super().__call__(images[first : first + EMBEDDED_BETWEEN_CHECKS]))
        return np.concatenate(parts)


def scored_images(images: int, run_images: int) -> int:
    """The number of scored images of a run of `run_images`, where `images` are requested."""
    return min(images, max(MIN_SCORE_IMAGES, int(run_images * RUN_SHARE)))


def generate_scored(
    generator: Generator,
    dataset: PackedDataset,
    count: int,
    check: Callable[[], None] = lambda: None,
    truncation: float = 1.0,
) -> np.ndarray:
    """Generate (count, H, W, C) uint8 from the SCORE_SEEDS, with the dataset's class shares.

    `check` is called before each batch; an exception of it ends the call. `truncation` is the
    factor ψ in (0, 1] by which the latents are scaled.
    """
    latents = truncate(latents_from_seeds(SCORE_SEEDS[:count], generator.latent_dim), truncation)
    labels = dataset.proportional_labels(count) if generator.classes else None
    batches = []
    for first in range(0, count, SYNTHESIS_BATCH):
        check()
        part = slice(first, first + SYNTHESIS_BATCH)
        batch_labels = None if labels is None else labels[part]
        batches.append(synthesize(generator, latents[part], batch_labels))
    return np.concatenate(batches)
