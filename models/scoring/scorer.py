"""The scores of a run's checkpoints, computed between two steps within a share of its time."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from models.config import TrainingConfig
from models.data import PackedDataset
from models.networks.network import Generator
from models.precision import Machine
from models.rendering import SYNTHESIS_BATCH, synthesize
from models.seeds import latents_from_seeds

if TYPE_CHECKING:
    from models.scoring.cancellable import InterruptibleEmbedder
    from models.scoring.scores import Reference

log = logging.getLogger(__name__)

SCORE_IMAGES = 2000
SHARE = 0.04  # of the time since this process took the run up
FIRST_SECONDS = 6.0  # what the first scores are taken to cost, with the reference: none are known
# The scored pictures have the seeds from here on, which no sample grid shows. A seed's latent
# depends on its low 32 bits (models.latents), so the range lies below 2^32.
SEEDS = 2**31
LEAST_IMAGES = 128
RUN_SHARE = 1 / 20  # of a short run's images: its scores shall not take longer than itself


class _Stopped(Exception):
    """A stop was asked for while something was being scored."""


class ScoredRun(Protocol):
    """The part of a training run that its scores depend on."""

    config: TrainingConfig
    dataset: PackedDataset
    machine: Machine
    images_seen: int

    @property
    def finished(self) -> bool: ...


class Scorer:
    """Scores checkpoints while that costs no more than `SHARE` of the time, and the last always.

    The real side is prepared when it is first needed, and once. `images` is how many pictures are
    generated, and taken of the data; 0 scores nothing. Once `stopping()`, whatever is being scored
    is given up.
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
        self._spent = 0.0
        self._expected = FIRST_SECONDS
        self._real: tuple[Reference, InterruptibleEmbedder] | None = None
        self.trouble: str | None = None  # what went wrong with the last scores that were due
        self.given_up = False  # whether the last scores that were due were, because of a stop

    def metrics(self, run: ScoredRun, generator: Generator) -> dict[str, Any] | None:
        """The scores of `generator`, as `run` serves it now; None where they would cost too much,
        and after a stop.

        Nothing of the run is changed. What goes wrong here is written to the log, and ends nothing.
        """
        self.trouble, self.given_up = None, False
        if self._images == 0 or not (run.finished or self._affordable()):
            return None
        began = self._clock()
        try:
            return self._score(run, generator)
        except _Stopped:
            self.given_up = True
            return None
        except Exception as error:  # a training outlives whatever is wrong with its judge
            log.exception("no scores at %d images seen", run.images_seen)
            self.trouble = f"{type(error).__name__}: {error}"
            return None
        finally:
            self._spent += self._clock() - began

    def _affordable(self) -> bool:
        return self._spent + self._expected <= SHARE * (self._clock() - self._began)

    def _score(self, run: ScoredRun, generator: Generator) -> dict[str, Any]:
        from models.scoring.cancellable import (
            InterruptibleEmbedder,  # what is wrong there ends nothing
        )
        from models.scoring.scores import Reference, score

        self._look()
        count = scored_images(self._images, run.config.images)
        if self._real is None:
            embedder = InterruptibleEmbedder(run.machine.device, self._look)
            self._real = Reference.of(self._folder, embedder, count), embedder
        reference, judge = self._real
        began = self._clock()
        images = generated(generator, run.dataset, count, self._look)
        metrics = score(reference, images, judge)
        self._expected = self._clock() - began
        return metrics

    def _look(self) -> None:
        if self._stopping():
            raise _Stopped


def scored_images(images: int, run_images: int) -> int:
    """How many pictures of a run of `run_images` are scored where `images` are wanted."""
    return min(images, max(LEAST_IMAGES, int(run_images * RUN_SHARE)))


def generated(
    generator: Generator,
    dataset: PackedDataset,
    count: int,
    look: Callable[[], None] = lambda: None,
) -> np.ndarray:
    """(count, H, W, C) uint8 of seeds of their own; a class as often as the data has it.

    `look` is called before each batch; what it raises ends the call.
    """
    latents = latents_from_seeds(range(SEEDS, SEEDS + count), generator.latent_dim)
    labels = dataset.proportional(count) if generator.classes else None
    pictures = []
    for first in range(0, count, SYNTHESIS_BATCH):
        look()
        part = slice(first, first + SYNTHESIS_BATCH)
        pictures.append(
            synthesize(generator, latents[part], None if labels is None else labels[part])
        )
    return np.concatenate(pictures)
