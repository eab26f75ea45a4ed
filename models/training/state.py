"""The training state: one file with everything that a run needs to resume bit for bit."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from models.adam import Adam
from models.checkpoint import require_finite
from models.config import TrainingConfig
from models.precision import Machine
from models.ranges import ConfigError
from models.tensor_files import TensorFileError, read_tensors, write_tensors
from models.training.health.watch import Watch
from models.training.run import TrainingRun
from models.training.schedules import Adjustments

KIND = "training state"

# Only these fields may differ between a state and the run that resumes from it: the numbers so far
# do not depend on them.
FREE_FIELDS = ("images", "sample_every_images", "checkpoint_every_images", "sample_grid")


class StateError(ValueError):
    """The file is not a training state that this run can resume from."""


@dataclass(frozen=True)
class TrainingState:
    """A state file's description, and its tensors by name."""

    config: TrainingConfig
    machine: Machine
    images_seen: int
    rollbacks: int
    pictures: int
    epoch: int
    position: int
    watch: Watch
    adjustments: Adjustments
    tensors: dict[str, Tensor]


def save_state(path: Path, run: TrainingRun) -> None:
    """Write the state of `run` atomically, without changing the run. Raises NotFiniteError."""
    tensors = state_tensors(run)
    description = {
        "config": run.config.to_json(),
        "images_seen": run.images_seen,
        "rollbacks": run.rollbacks,
        "pictures": len(run.dataset),
        "epoch": run.sampler.epoch,
        "position": run.sampler.position,
        "device": str(run.machine.device),
        "precision": run.machine.precision,
        "threads": run.machine.threads,
        "cores": run.machine.cores,
        "watch": run.watch.to_json(),
        "stability": run.adjustments.to_json(),
    }
    write_tensors(path, KIND, description, tensors)


def state_tensors(run: TrainingRun) -> dict[str, Tensor]:
    """Every tensor of the run by its name in the file.

    Raises NotFiniteError for a value that is NaN or infinite: no run could resume from it.
    """
    tensors = {
        "random.latents": run.latent_random.get_state(),
        "random.noise": run.noise_random.get_state(),
    }
    if run.unread:
        tensors["unread"] = torch.stack(list(run.unread))
    for part, network in _networks(run).items():
        tensors |= {f"{part}.{name}": tensor for name, tensor in network.state_dict().items()}
    for part, optimizer in _optimizers(run).items():
        tensors |= {f"{part}.{name}": tensor for name, tensor in optimizer.state().items()}
    require_finite(tensors, run.images_seen)
    return tensors


def load_state(path: Path) -> TrainingState:
    """Read a state file. Raises StateError if it is broken or of another kind."""
    try:
        description, tensors = read_tensors(path, KIND)
    except TensorFileError as error:
        raise StateError(str(error)) from error
    try:
        machine = Machine(
            torch.device(description["device"]),
            description["precision"],
            description["threads"],
            description["cores"],
        )
        config = TrainingConfig.from_json(description["config"])
        counters = {
            name: int(description[name])
            for name in ("images_seen", "rollbacks", "pictures", "epoch", "position")
        }
        # Older state files have neither of these.
        watch = Watch.from_json(description["watch"]) if "watch" in description else Watch()
        adjustments = Adjustments.from_json(description.get("stability", {}))
    except (AttributeError, ConfigError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise StateError(f"{path.name} has a broken description: {error}") from error
    return TrainingState(
        config=config,
        machine=machine,
        watch=watch,
        adjustments=adjustments,
        tensors=tensors,
        **counters,
    )


def restore(run: TrainingRun, state: TrainingState) -> None:
    """Set `run` to `state`. Raises StateError for another configuration or dataset."""
    saved, current = state.config.to_json(), run.config.to_json()
    for name, value in saved.items():
        if name not in FREE_FIELDS and current[name] != value:
            raise StateError(f"{name} is {current[name]!r}, but the training state has {value!r}")
    if state.pictures != len(run.dataset):
        raise StateError(
            f"the dataset has {len(run.dataset)} pictures, but the training state was saved with "
            f"{state.pictures}"
        )
    try:
        for part, network in _networks(run).items():
            network.load_state_dict(_part(state.tensors, part))
        for part, optimizer in _optimizers(run).items():
            optimizer.restore(_part(state.tensors, part))
        run.latent_random.set_state(state.tensors["random.latents"])
        run.noise_random.set_state(state.tensors["random.noise"])
        run.unread.extend(state.tensors.get("unread", torch.empty(0)).to(run.machine.device))
    except (IndexError, KeyError, RuntimeError, ValueError) as error:
        raise StateError(f"the training state does not fit its own description: {error}") from error
    run.images_seen = state.images_seen
    run.rollbacks = state.rollbacks
    run.watch, run.adjustments = state.watch, state.adjustments
    run.sampler.move_to(state.epoch, state.position)


def _networks(run: TrainingRun) -> dict[str, nn.Module]:
    return {
        "generator": run.gan.generator,
        "discriminator": run.gan.discriminator,
        "average": run.average.generator,
    }


def _optimizers(run: TrainingRun) -> dict[str, Adam]:
    return {
        "generator_optimizer": run.gan.generator_optimizer,
        "discriminator_optimizer": run.gan.discriminator_optimizer,
    }


def _part(tensors: dict[str, Tensor], part: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(f"{part}."): tensor
        for name, tensor in tensors.items()
        if name.startswith(f"{part}.")
    }
