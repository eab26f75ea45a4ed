"""What the trainer process does once torch is loaded: one run, its files and its events."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from models.checkpoint import save_checkpoint
from models.config import ConfigError, TrainingConfig
from models.data import DatasetError, PackedDataset
from models.files import write_atomically
from models.images import png, synthesize, tile
from models.latents import latents_from_seeds
from models.loop import Progress, train
from models.precision import choose_machine
from models.state import StateError, load_state, restore, save_state
from models.training import TrainingError, TrainingRun

SAMPLE_SEEDS = range(64)
SAMPLE_COLUMNS = 8
STATES_KEPT = 2


class RunError(ValueError):
    """RUN_DIR/run.json is missing or says nothing that can be run."""


class Events(Protocol):
    """Where events go."""

    def emit(self, event: str, **values: object) -> None: ...


@dataclass(frozen=True)
class RunRequest:
    """What run.json asks for."""

    config: TrainingConfig
    dataset: Path
    state_every_seconds: float

    @classmethod
    def read(cls, path: Path) -> "RunRequest":
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            return cls(
                TrainingConfig.from_json(data["config"]),
                Path(data["dataset"]),
                float(data.get("state_every_seconds", 30)),
            )
        except FileNotFoundError as error:
            raise RunError(f"{path} is missing") from error
        except KeyError as error:
            raise RunError(f"{path} lacks {error}") from error
        except ConfigError:
            raise
        except (AttributeError, TypeError, ValueError) as error:
            raise RunError(f"{path} is not a run description: {error}") from error


@dataclass
class RunFolder:
    """Observes a run: writes its files under `folder`, each before the event that names it."""

    folder: Path
    events: Events
    states: list[str] = field(default_factory=list)

    def progress(self, progress: Progress) -> None:
        losses = progress.losses
        self.events.emit(
            "progress",
            images_seen=progress.images_seen,
            images_total=progress.images_total,
            images_per_second=progress.images_per_second,
            eta_seconds=progress.eta_seconds,
            generator_loss=losses.generator,
            discriminator_loss=losses.discriminator,
            discriminator_real=losses.discriminator_real,
            discriminator_fake=losses.discriminator_fake,
        )

    def sample(self, run: TrainingRun) -> None:
        path = f"samples/{run.images_seen}.png"
        latents = latents_from_seeds(SAMPLE_SEEDS, run.config.latent_dim)
        grid = tile(synthesize(run.served_generator(), latents), SAMPLE_COLUMNS)
        write_atomically(self.folder / path, png(grid))
        self.events.emit("sample", images_seen=run.images_seen, path=path)

    def checkpoint(self, run: TrainingRun) -> None:
        path = f"checkpoints/{run.images_seen}.safetensors"
        file = self.folder / path
        save_checkpoint(file, run.served_generator(), run.config, run.images_seen)
        self.events.emit(
            "checkpoint",
            images_seen=run.images_seen,
            path=path,
            bytes=file.stat().st_size,
            sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
        )

    def state(self, run: TrainingRun) -> None:
        path = f"state-{run.images_seen}.safetensors"
        save_state(self.folder / path, run)
        self.events.emit("state", images_seen=run.images_seen, path=path)
        self.states = [one for one in self.states if one != path] + [path]
        for old in self.states[:-STATES_KEPT]:
            (self.folder / old).unlink(missing_ok=True)
        del self.states[:-STATES_KEPT]


def run_training(folder: Path, events: Events, stopping: Callable[[], bool]) -> int:
    """Train as `folder`/run.json says; returns the exit status.

    What would fail again is a `failed` event; anything else (memory, disk) is raised, and may be
    tried again from the last state.
    """
    try:
        request = RunRequest.read(folder / "run.json")
        run = _open(request, folder / "state.safetensors")
        events.emit(
            "started",
            images_seen=run.images_seen,
            images_total=run.config.images,
            device=run.machine.device.type,
            precision=run.machine.precision,
            threads=run.machine.threads,
        )
        finished = train(
            run,
            RunFolder(folder, events),
            state_every_seconds=request.state_every_seconds,
            stopping=stopping,
        )
    except (ConfigError, DatasetError, RunError, StateError, TrainingError) as error:
        events.emit("failed", error=str(error))
        return 1
    events.emit("finished" if finished else "stopped", images_seen=run.images_seen)
    return 0


def _open(request: RunRequest, state_file: Path) -> TrainingRun:
    """A run ready to step: new, or as the state file left it."""
    state = load_state(state_file) if state_file.exists() else None
    dataset = PackedDataset(request.dataset)
    machine = choose_machine(request.config.precision, state.machine if state else None)
    machine.prepare()
    run = TrainingRun(request.config, dataset, machine)
    if state is not None:
        restore(run, state)
    return run
