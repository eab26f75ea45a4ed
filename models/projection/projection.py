"""The work of the projection process: the latent of a picture, and an encoder where there is none.

The encoder file holds the encoder of one checkpoint and its calibration.
"""

import hashlib
import json
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from models.checkpoint import CheckpointError, LoadedGenerator, load_generator
from models.child_process import Events, ProgressReporter, RunFileError, describe_failure
from models.config import TrainingConfig
from models.data import DatasetError, normalise
from models.precision import Machine, choose_machine
from models.projection.calibration import (
    Calibration,
    calibrate,
    embedding_distances,
    read_held_out,
    reconstruct,
)
from models.projection.encoder import Encoder, Pairs, train_encoder
from models.projection.perception import Perception
from models.projection.refinement import Refinement
from models.random_streams import random_stream
from models.scoring.embedding import Embedder
from models.scoring.embedding_definition import EmbeddingError
from models.scoring.sample_index import SampleIndex, SampleIndexError
from models.tensor_files import TensorFileError, read_tensors, write_tensors

KIND = "encoder"
SMALL_IMAGE = 64 * 64  # pixels
ENCODER_FILE = "encoder.safetensors"  # written into the run folder


@dataclass(frozen=True)
class ProjectionRequest:
    """The contents of run.json. Paths that are None do not exist; `label` is None to find it.

    Without a picture, only the encoder is trained.
    """

    checkpoint: Path
    picture: Path | None  # a PNG of the checkpoint's shape
    label: int | None
    encoder: Path | None
    index: Path | None  # the sample index
    dataset: Path | None
    encoder_images: int  # to train an encoder on
    calibration_pictures: int
    steps: int

    @classmethod
    def read(cls, path: Path) -> "ProjectionRequest":
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            return cls(
                Path(data["checkpoint"]),
                _path(data["picture"]),
                data["label"],
                _path(data["encoder"]),
                _path(data["index"]),
                _path(data["dataset"]),
                int(data["encoder_images"]),
                int(data["calibration_pictures"]),
                int(data["steps"]),
            )
        except (OSError, AttributeError, KeyError, TypeError, ValueError) as error:
            raise RunFileError(
                f"{path} is not a valid description of a projection: {error!r}"
            ) from error


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)


def run_projection(folder: Path, events: Events) -> int:
    """Run the projection that `folder`/run.json describes; return the exit status.

    If the checkpoint has no encoder, one is trained first: an event `encoder` names its file. An
    error that would occur again is an event `failed`; every other error (memory, disk) is raised,
    and the projection may be tried again.
    """
    try:
        request = ProjectionRequest.read(folder / "run.json")
        loaded = load_generator(request.checkpoint)
        machine = choose_projection_machine(loaded.config)
        machine.prepare()
        events.emit("started", device=machine.device.type, threads=machine.threads)
        result = Projector(request, loaded, machine, folder, events).run()
    except (CheckpointError, DatasetError, EmbeddingError, RunFileError) as error:
        events.emit("failed", **describe_failure(error))
        return 1
    events.emit("finished", result=result)
    return 0


def choose_projection_machine(config: TrainingConfig) -> Machine:
    """This machine, with one thread for small images.

    A step on two images of 64×64 takes 15 ms of processor time, and threads mostly wait for each
    other. Beside other work they wait for a core as well: on two busy cores, one projection took
    8 minutes with two threads, and 19 s with one.
    """
    machine = choose_machine()
    height, width, _ = config.shape
    return replace(machine, threads=1) if height * width <= SMALL_IMAGE else machine


class Projector:
    """One projection: loads what it needs, trains the encoder if necessary, and projects."""

    def __init__(
        self,
        request: ProjectionRequest,
        loaded: LoadedGenerator,
        machine: Machine,
        folder: Path,
        events: Events,
    ) -> None:
        self._request, self._loaded, self._machine = request, loaded, machine
        self._folder, self._events = folder, events
        self._loaded.generator.to(machine.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._sha256 = hashlib.sha256(request.checkpoint.read_bytes()).hexdigest()
        self._perception = Perception(machine.device)
        self._embedder = Embedder(machine.device)
        self._index = self._open_index()

    def run(self) -> dict[str, Any] | None:
        """The result of the projection; None without a picture."""
        began = time.monotonic()
        encoder, calibration = self._stored_encoder() or self._train_encoder()
        if self._request.picture is None:
            return None
        ready = time.monotonic()
        refinement = self._refinement(encoder)
        device, label = self._machine.device, self._request.label
        picture = read_picture(self._request.picture)
        reporter = ProgressReporter(self._events, self._request.steps, phase="projection")
        reporter.progress(0)
        latents, labels = refinement.find(
            normalise(torch.from_numpy(picture)).to(device),
            None if label is None else torch.tensor([label], device=device),
            reporter.progress,
        )
        images = reconstruct(refinement, latents, labels)
        distance = float(embedding_distances(self._embedder, images, picture)[0])
        verdict = calibration.judge(distance)
        return {
            "latent": [float(str(value)) for value in latents[0].cpu().numpy()],
            "label": None if labels is None else int(labels[0]),
            "distance": distance,
            "pixel_error": pixel_error(images[0], picture[0]),
            "percentile": calibration.percentile(distance),
            "inside": verdict.inside,
            "verdict": verdict.kind,
            "says": verdict.says,
            "calibration": {
                "pictures": len(calibration.distances),
                "source": calibration.source,
                "median": float(np.median(calibration.distances)),
                "unrelated": calibration.unrelated,
            },
            "seconds": {
                "encoder": round(ready - began, 2),
                "projection": round(time.monotonic() - ready, 2),
            },
        }

    def _refinement(self, encoder: Encoder) -> Refinement:
        return Refinement(
            self._loaded.generator,
            encoder,
            self._perception,
            self._machine,
            self._request.steps,
            self._index,
        )

    def _stored_encoder(self) -> tuple[Encoder, Calibration] | None:
        """The stored encoder; None if there is none, or if it is not for these weights."""
        path = self._request.encoder
        if path is None:
            return None
        try:
            description, tensors = read_tensors(path, KIND)
            if description["made_for"] != self._made_for():
                return None
            encoder = Encoder(self._loaded.config.latent_dim)
            encoder.load_state_dict(tensors)
            calibration = Calibration.from_json(description["calibration"])
        except (TensorFileError, KeyError, TypeError, ValueError, RuntimeError):
            return None  # damaged, or of another version: it is computed again
        return encoder.to(self._machine.device).eval().requires_grad_(False), calibration

    def _train_encoder(self) -> tuple[Encoder, Calibration]:
        generator, machine, events = self._loaded.generator, self._machine, self._events
        images, pictures = self._request.encoder_images, self._request.calibration_pictures
        training = ProgressReporter(events, images, phase="encoder")
        encoder = train_encoder(generator, machine, training.progress, images)
        refinement = self._refinement(encoder)
        pairs = Pairs(generator, machine, random_stream(0, "calibration"))
        held_out = read_held_out(self._request.dataset, self._loaded.config, pairs, pictures)
        reporter = ProgressReporter(events, len(held_out.pictures), phase="calibration")
        reporter.progress(0)
        calibration = calibrate(refinement, self._embedder, held_out, reporter.progress)
        path = self._folder / ENCODER_FILE
        description = {"made_for": self._made_for(), "calibration": calibration.to_json()}
        write_tensors(path, KIND, description, encoder.state_dict())
        data = path.read_bytes()
        events.emit(
            "encoder",
            path=path.name,
            bytes=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
            details={"pictures": len(calibration.distances), "source": calibration.source},
        )
        return encoder, calibration

    def _open_index(self) -> SampleIndex | None:
        """The checkpoint's sample index, if there is one of this embedding."""
        if self._request.index is None:
            return None
        try:
            index = SampleIndex(self._request.index)
        except (OSError, SampleIndexError):
            return None
        made_for = (index.description.checkpoint_sha256, index.description.embedding)
        return index if made_for == (self._sha256, self._embedder.name) else None

    def _made_for(self) -> list[str]:
        """What the encoder and its calibration depend on."""
        return [self._sha256, self._embedder.name, f"{self._request.steps} steps"]


def read_picture(path: Path) -> np.ndarray:
    """A PNG file -> (1, H, W, C) uint8."""
    with Image.open(path) as image:
        pixels = np.array(image)
    return pixels.reshape(1, *pixels.shape[:2], -1)


def pixel_error(image: np.ndarray, picture: np.ndarray) -> float:
    """The root of the mean squared difference of two images, 0 to 255."""
    return float(np.sqrt(np.square(image.astype(np.float64) - picture).mean()))
