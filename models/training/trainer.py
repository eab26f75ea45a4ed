"""The work of the trainer process: it trains one run, writes its files and emits its events."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch

from models.checkpoint import CheckpointError, NotFiniteError, load_weights, save_checkpoint
from models.child_process import Events, RunFileError, describe_failure
from models.config import TrainingConfig
from models.data import DatasetError, PackedDataset
from models.durable_files import file_sha256, write_durably
from models.onnx_writer import ExportError, write_onnx
from models.precision import choose_machine
from models.ranges import ConfigError
from models.rendering import synthesize
from models.samples import png, tile
from models.scoring.scorer import SCORE_IMAGES, Scorer
from models.seeds import SAMPLE_SEEDS, latents_from_seeds
from models.training.group import Group
from models.training.health.plateau import CheckpointScore, Plateau
from models.training.health.signals import HealthAlert
from models.training.loop import Observer, Progress, train
from models.training.run import TrainingRun
from models.training.stability import GoodStates, describe_rollback, roll_back
from models.training.state import StateError, load_state, restore, save_state, state_tensors

STATES_KEPT = 2


@dataclass(frozen=True)
class RunRequest:
    """The contents of run.json."""

    config: TrainingConfig
    dataset: Path
    state_every_seconds: float
    start_from: Path | None = None  # a checkpoint to fine-tune
    score_images: int = SCORE_IMAGES  # generated to score a checkpoint; 0 scores none
    scored: tuple[CheckpointScore, ...] = ()  # by earlier attempts of the same job

    @classmethod
    def read(cls, path: Path) -> "RunRequest":
        """Raises RunFileError and ConfigError."""
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            start_from = data.get("start_from")
            return cls(
                TrainingConfig.from_json(data["config"]),
                Path(data["dataset"]),
                float(data.get("state_every_seconds", 30)),
                None if start_from is None else Path(start_from),
                int(data.get("score_images", SCORE_IMAGES)),
                tuple(CheckpointScore(*score) for score in data.get("scored", [])),
            )
        except FileNotFoundError as error:
            raise RunFileError(f"{path} is missing") from error
        except KeyError as error:
            raise RunFileError(f"{path} lacks {error}") from error
        except ConfigError:
            raise
        except (AttributeError, TypeError, ValueError) as error:
            raise RunFileError(f"{path} is not a run description: {error}") from error


def run_training(folder: Path, events: Events, stopping: Callable[[], bool]) -> int:
    """Train as `folder`/run.json describes; return the exit status.

    An error that would occur again is an event `failed`; every other error (memory, disk) is
    raised, and the supervisor may resume from the last state. Only the first process of a group
    writes files and events.
    """
    group = Group.join()
    leads = group.rank == 0
    try:
        request = RunRequest.read(folder / "run.json")
        run = open_run(request, folder / "state.safetensors", group)
        if leads:
            events.emit(
                "started",
                images_seen=run.images_seen,
                images_total=run.config.images,
                device=run.machine.device.type,
                precision=run.machine.precision,
                threads=run.machine.threads,
            )
        observer: Observer = SilentObserver()
        if leads:
            scorer = Scorer(request.dataset, request.score_images, stopping=stopping)
            observer = RunFolder(folder, events, scorer, Plateau(request.scored))
        run, finished = _train_with_rollbacks(request, folder, run, observer, events, stopping)
    except (
        CheckpointError,
        ConfigError,
        DatasetError,
        ExportError,
        NotFiniteError,
        RunFileError,
        StateError,
    ) as error:
        if leads:
            events.emit("failed", **describe_failure(error))
        return 1
    finally:
        group.leave()
    if leads:
        events.emit("finished" if finished else "stopped", images_seen=run.images_seen)
    return 0


def _train_with_rollbacks(
    request: RunRequest,
    folder: Path,
    run: TrainingRun,
    observer: Observer,
    events: Events,
    stopping: Callable[[], bool],
) -> tuple[TrainingRun, bool]:
    """Train `run`, or a run rolled back from it; return the last one, and whether it is finished.

    Raises NotFiniteError when the run cannot be rolled back.
    """
    while True:
        try:
            every = request.state_every_seconds
            return run, train(run, observer, state_every_seconds=every, stopping=stopping)
        except NotFiniteError as error:
            run = reopen_good_state(request, folder, run, error)
            if run.group.rank == 0:
                events.emit("rollback", **describe_rollback(run, error))
            observer.state(run)  # at once: a crash must not lose the number of rollbacks


def open_run(
    request: RunRequest, state_file: Path, group: Group, dataset: PackedDataset | None = None
) -> TrainingRun:
    """A run that is new, fine-tunes a checkpoint, or resumes from `state_file` if that exists.

    `dataset` is that of the request, if it is open already.
    """
    state = load_state(state_file) if state_file.exists() else None
    machine = choose_machine(request.config.precision, state.machine if state else None)
    machine.prepare()
    if dataset is None:
        dataset = PackedDataset(request.dataset)
        dataset.move_to(machine.device)
    start = None
    if state is None and request.start_from is not None:
        start = load_weights(request.start_from)
    run = TrainingRun(request.config, dataset, machine, group, start)
    if state is not None:
        restore(run, state)
    return run


def reopen_good_state(
    request: RunRequest, folder: Path, run: TrainingRun, error: NotFiniteError
) -> TrainingRun:
    """Roll `run` back to a good state in the run folder."""

    def reopen(state_file: Path) -> TrainingRun:
        return open_run(request, state_file, run.group, run.dataset)

    return roll_back(run, error, GoodStates(folder).newest_first(), reopen)


@dataclass
class RunFolder:
    """An observer that writes a run's files into `folder`, each before the event that names it."""

    folder: Path
    events: Events
    scorer: Scorer
    plateau: Plateau = field(default_factory=Plateau)
    states: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._good_states = GoodStates(self.folder)

    def progress(self, progress: Progress) -> None:
        self.events.emit(
            "progress",
            images_seen=progress.images_seen,
            # The last batch is whole, so it may end past the number of images of the configuration.
            images_total=max(progress.images_total, progress.images_seen),
            images_per_second=progress.images_per_second,
            eta_seconds=progress.eta_seconds,
            **progress.report._asdict(),
        )

    def health(self, run: TrainingRun, alert: HealthAlert) -> None:
        self.events.emit("health", rollbacks=run.rollbacks, **alert.to_json())

    def sample(self, run: TrainingRun) -> None:
        path = f"samples/{run.images_seen}.png"
        side = run.config.sample_grid
        latents = latents_from_seeds(SAMPLE_SEEDS[: side * side], run.config.latent_dim)
        labels = None
        if run.config.classes:  # each column shows one class
            labels = torch.arange(side).repeat(side) % len(run.config.classes)
        grid = tile(synthesize(run.served_generator(), latents, labels), side)
        write_durably(self.folder / path, png(grid))
        self.events.emit("sample", images_seen=run.images_seen, path=path, rollbacks=run.rollbacks)

    def checkpoint(self, run: TrainingRun) -> bool:
        state_tensors(run)  # raises NotFiniteError: such a run stores no checkpoint
        path = f"checkpoints/{run.images_seen}.safetensors"
        file = self.folder / path
        generator, discriminator = run.served_generator(), run.gan.discriminator
        save_checkpoint(file, generator, discriminator, run.config, run.images_seen)
        sha256, onnx = file_sha256(file), file.with_suffix(".onnx")
        write_onnx(onnx, generator, run.config, run.images_seen, sha256)
        metrics = self.scorer.metrics(run, generator)
        self.events.emit(
            "checkpoint",
            images_seen=run.images_seen,
            path=path,
            bytes=file.stat().st_size,
            sha256=sha256,
            onnx_path=f"checkpoints/{onnx.name}",
            onnx_bytes=onnx.stat().st_size,
            onnx_sha256=file_sha256(onnx),
            metrics=metrics,
            unscored=self.scorer.failure,
        )
        if metrics is not None:
            alert = self.plateau.add(CheckpointScore.of(run.images_seen, metrics))
            if alert is not None:
                self.health(run, alert)
        return not self.scorer.abandoned

    def state(self, run: TrainingRun) -> None:
        path = f"state-{run.images_seen}.safetensors"
        save_state(self.folder / path, run)
        self._good_states.keep(self.folder / path, run.images_seen)
        self.events.emit("state", images_seen=run.images_seen, path=path)
        self.states = [state for state in self.states if state != path] + [path]
        for old in self.states[:-STATES_KEPT]:
            (self.folder / old).unlink(missing_ok=True)
        del self.states[:-STATES_KEPT]


class SilentObserver:
    """The observer of all but the first process of a group; it writes nothing.

    It raises NotFiniteError where RunFolder does, so that all processes roll back together.
    """

    def progress(self, progress: Progress) -> None:
        pass

    def health(self, run: TrainingRun, alert: HealthAlert) -> None:
        pass

    def sample(self, run: TrainingRun) -> None:
        pass

    def checkpoint(self, run: TrainingRun) -> bool:
        state_tensors(run)
        return True

    def state(self, run: TrainingRun) -> None:
        state_tensors(run)
