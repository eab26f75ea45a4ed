"""What the trainer process does once torch is loaded: one run, its files and its events."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch

from models.checkpoint import CheckpointError, NotFiniteError, load_weights, save_checkpoint
from models.child_process import Events, RunFileError
from models.config import TrainingConfig
from models.data import DatasetError, PackedDataset
from models.durable_files import write_durably
from models.precision import choose_machine
from models.ranges import ConfigError
from models.rendering import synthesize
from models.samples import png, tile
from models.scoring.scorer import SCORE_IMAGES, Scorer
from models.seeds import latents_from_seeds
from models.training.group import Group
from models.training.health.plateau import Plateau, Scored
from models.training.health.signals import Finding
from models.training.loop import Observer, Progress, train
from models.training.run import TrainingRun
from models.training.schedules import hyperparameters
from models.training.state import StateError, load_state, restore, save_state, whole

STATES_KEPT = 2
# The newest state, and the one before it, kept here however soon another takes their files.
GOOD_STATE, OLDER_STATE = "good.safetensors", "older.safetensors"
MAX_ROLLBACKS = 2
REMEDY = "choose lower learning rates, another loss, a penalty (r1), or precision=float32"


@dataclass(frozen=True)
class RunRequest:
    """What run.json asks for."""

    config: TrainingConfig
    dataset: Path
    state_every_seconds: float
    start_from: Path | None = None  # a checkpoint to fine-tune
    score_images: int = SCORE_IMAGES  # pictures that a checkpoint is judged by; 0: it is not
    scored: tuple[Scored, ...] = ()  # the checkpoints that earlier attempts have scored

    @classmethod
    def read(cls, path: Path) -> "RunRequest":
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            start_from = data.get("start_from")
            return cls(
                TrainingConfig.from_json(data["config"]),
                Path(data["dataset"]),
                float(data.get("state_every_seconds", 30)),
                None if start_from is None else Path(start_from),
                int(data.get("score_images", SCORE_IMAGES)),
                tuple(Scored(*one) for one in data.get("scored", [])),
            )
        except FileNotFoundError as error:
            raise RunFileError(f"{path} is missing") from error
        except KeyError as error:
            raise RunFileError(f"{path} lacks {error}") from error
        except ConfigError:
            raise
        except (AttributeError, TypeError, ValueError) as error:
            raise RunFileError(f"{path} is not a run description: {error}") from error


@dataclass
class RunFolder:
    """Observes a run: writes its files under `folder`, each before the event that names it."""

    folder: Path
    events: Events
    scorer: Scorer
    plateau: Plateau = field(default_factory=Plateau)
    states: list[str] = field(default_factory=list)
    good_at: int = -1  # images seen by the state that is kept as the good one

    def progress(self, progress: Progress) -> None:
        self.events.emit(
            "progress",
            images_seen=progress.images_seen,
            # The last batch is whole: it may end beyond what was asked for.
            images_total=max(progress.images_total, progress.images_seen),
            images_per_second=progress.images_per_second,
            eta_seconds=progress.eta_seconds,
            **progress.losses._asdict(),
        )

    def health(self, run: TrainingRun, finding: Finding) -> None:
        self.events.emit("health", rollbacks=run.rollbacks, **finding.to_json())

    def sample(self, run: TrainingRun) -> None:
        path = f"samples/{run.images_seen}.png"
        side = run.config.sample_grid
        latents = latents_from_seeds(range(side * side), run.config.latent_dim)
        labels = None
        if run.config.classes:  # a class to each column
            labels = torch.arange(side).repeat(side) % len(run.config.classes)
        grid = tile(synthesize(run.served_generator(), latents, labels), side)
        write_durably(self.folder / path, png(grid))
        self.events.emit("sample", images_seen=run.images_seen, path=path, rollbacks=run.rollbacks)

    def checkpoint(self, run: TrainingRun) -> bool:
        whole(run)
        path = f"checkpoints/{run.images_seen}.safetensors"
        file = self.folder / path
        generator, discriminator = run.served_generator(), run.players.discriminator
        save_checkpoint(file, generator, discriminator, run.config, run.images_seen)
        metrics = self.scorer.metrics(run, generator)
        self.events.emit(
            "checkpoint",
            images_seen=run.images_seen,
            path=path,
            bytes=file.stat().st_size,
            sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
            metrics=metrics,
            unscored=self.scorer.failure,
        )
        if metrics is not None:
            finding = self.plateau.add(Scored.of(run.images_seen, metrics))
            if finding is not None:
                self.health(run, finding)
        return not self.scorer.abandoned

    def state(self, run: TrainingRun) -> None:
        path = f"state-{run.images_seen}.safetensors"
        save_state(self.folder / path, run)
        self._keep(self.folder / path, run.images_seen)
        self.events.emit("state", images_seen=run.images_seen, path=path)
        self.states = [one for one in self.states if one != path] + [path]
        for old in self.states[:-STATES_KEPT]:
            (self.folder / old).unlink(missing_ok=True)
        del self.states[:-STATES_KEPT]

    def _keep(self, state: Path, images_seen: int) -> None:
        if 0 <= self.good_at < images_seen:
            (self.folder / GOOD_STATE).replace(self.folder / OLDER_STATE)
        self.good_at = images_seen
        link = self.folder / f".{GOOD_STATE}"
        link.unlink(missing_ok=True)
        try:
            os.link(state, link)
        except OSError:  # a file system without links
            try:
                shutil.copyfile(state, link)
            except OSError:
                link.unlink(missing_ok=True)  # part of it: on a full disk, room that is needed
                raise
        link.replace(self.folder / GOOD_STATE)


class Bystander:
    """Observes a run that another process of the group reports.

    What cannot be stored raises here as it does there: all go back together, or none.
    """

    def progress(self, progress: Progress) -> None:
        pass

    def health(self, run: TrainingRun, finding: Finding) -> None:
        pass

    def sample(self, run: TrainingRun) -> None:
        pass

    def checkpoint(self, run: TrainingRun) -> bool:
        whole(run)
        return True

    def state(self, run: TrainingRun) -> None:
        whole(run)


def run_training(folder: Path, events: Events, stopping: Callable[[], bool]) -> int:
    """Train as `folder`/run.json says; returns the exit status.

    What would fail again is a `failed` event; anything else (memory, disk) is raised, and may be
    tried again from the last state. Of a group, the first process alone writes and reports.
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
        observer: Observer = Bystander()
        if leads:
            scorer = Scorer(request.dataset, request.score_images, stopping=stopping)
            observer = RunFolder(folder, events, scorer, Plateau(request.scored))
        finished = None
        while finished is None:
            try:
                finished = train(
                    run,
                    observer,
                    state_every_seconds=request.state_every_seconds,
                    stopping=stopping,
                )
            except NotFiniteError as error:
                run = roll_back(request, folder, run, error)
                if leads:
                    events.emit("rollback", **_describe(run, error))
                observer.state(run)
    except (
        CheckpointError,
        ConfigError,
        DatasetError,
        RunFileError,
        StateError,
        NotFiniteError,
    ) as error:
        if leads:
            events.emit("failed", error=str(error))
        return 1
    finally:
        group.leave()
    if leads:
        events.emit("finished" if finished else "stopped", images_seen=run.images_seen)
    return 0


def roll_back(
    request: RunRequest, folder: Path, run: TrainingRun, error: NotFiniteError
) -> TrainingRun:
    """The run as a good state left it, with halved learning rates; at most twice.

    The second time it goes back further, if the first has led nowhere and there is a state before.
    """
    rates = hyperparameters(run.config, run.images_seen, 0.5**run.rollbacks)
    if run.rollbacks == MAX_ROLLBACKS:
        raise NotFiniteError(
            f"{error}, after {MAX_ROLLBACKS} rollbacks and with learning rates down to "
            f"{rates.generator_learning_rate:g} (generator) and "
            f"{rates.discriminator_learning_rate:g} (discriminator): the training diverges; "
            f"{REMEDY}"
        ) from error
    states = [folder / name for name in (GOOD_STATE, OLDER_STATE, "state.safetensors")]
    states = [one for one in states if one.exists()] or states
    again = open_run(request, states[0], run.group, run.dataset)
    if again.images_seen == run.rolled_back_to and len(states) > 1:
        again = open_run(request, states[1], run.group, run.dataset)
    again.rollbacks = run.rollbacks + 1
    again.stability = run.stability  # what was done stays done, and counts
    again.rolled_back_to = again.images_seen
    return again


def _describe(run: TrainingRun, error: NotFiniteError) -> dict[str, object]:
    """The signal `not_finite`: how often it has happened, and how often it may."""
    rates = hyperparameters(run.config, run.images_seen, 0.5**run.rollbacks)
    return {
        "signal": "not_finite",
        "value": run.rollbacks,
        "threshold": MAX_ROLLBACKS,
        "says": f"{error}: rolled back to {run.images_seen:,} images seen, with learning rates "
        f"halved to {rates.generator_learning_rate:g} (generator) and "
        f"{rates.discriminator_learning_rate:g} (discriminator)",
        "suggests": REMEDY,
        "reason": str(error),
        "images_seen": run.images_seen,
        "rollbacks": run.rollbacks,
        "generator_learning_rate": rates.generator_learning_rate,
        "discriminator_learning_rate": rates.discriminator_learning_rate,
    }


def open_run(
    request: RunRequest, state_file: Path, group: Group, opened: PackedDataset | None = None
) -> TrainingRun:
    """A run ready to step: new, from a checkpoint, or as the state file left it."""
    state = load_state(state_file) if state_file.exists() else None
    dataset = opened or PackedDataset(request.dataset)
    machine = choose_machine(request.config.precision, state.machine if state else None)
    machine.prepare()
    if opened is None:
        dataset.move_to(machine.device)
    start = None
    if state is None and request.start_from is not None:
        start = load_weights(request.start_from)
    run = TrainingRun(request.config, dataset, machine, group, start)
    if state is not None:
        restore(run, state)
    return run
