"""The training state: everything needed to go on as if nothing had happened, in one file."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from models.checkpoint import require_finite
from models.config import TrainingConfig
from models.precision import Machine
from models.ranges import ConfigError
from models.tensor_files import TensorFileError, read_tensors, write_tensors
from models.training.health.watch import Watch
from models.training.run import TrainingRun
from models.training.stability import Stability

KIND = "training state"

# What may differ between the state and the run that goes on from it: nothing the numbers
# up to here depend on.
FREE_FIELDS = ("images", "sample_every_images", "checkpoint_every_images", "sample_grid")


class StateError(ValueError):
    """The file is not a training state this run can go on from."""


@dataclass(frozen=True)
class TrainingState:
    """A state as read: its tensors by name, and what else it says."""

    config: TrainingConfig
    machine: Machine
    images_seen: int
    rollbacks: int
    pictures: int
    epoch: int
    position: int
    watch: Watch
    stability: Stability
    tensors: dict[str, Tensor]


def save_state(path: Path, run: TrainingRun) -> None:
    """Write the whole of `run`, atomically; the run is not changed by it. Raises NotFiniteError."""
    tensors = whole(run)
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
        "stability": run.stability.to_json(),
    }
    write_tensors(path, KIND, description, tensors)


def whole(run: TrainingRun) -> dict[str, Tensor]:
    """Every tensor of the run by its name in the file.

    Raises NotFiniteError where one holds what is no number: nobody could go on from it.
    """
    tensors = {"random.latents": run.latents.get_state(), "random.noise": run.noise.get_state()}
    if run.unread:
        tensors["unread"] = torch.stack(list(run.unread))
    for part, network in _networks(run).items():
        tensors |= {f"{part}.{name}": tensor for name, tensor in network.state_dict().items()}
    for part, optimizer in _optimizers(run).items():
        for index, values in optimizer.state_dict()["state"].items():
            tensors |= {f"{part}.{index}.{name}": value for name, value in values.items()}
    require_finite(tensors, run.images_seen)
    return tensors


def load_state(path: Path) -> TrainingState:
    """Read a state. Raises StateError for a broken or foreign file."""
    try:
        described, tensors = read_tensors(path, KIND)
    except TensorFileError as error:
        raise StateError(str(error)) from error
    try:
        machine = Machine(
            torch.device(described["device"]),
            described["precision"],
            described["threads"],
            described["cores"],
        )
        config = TrainingConfig.from_json(described["config"])
        counters = {
            name: int(described[name])
            for name in ("images_seen", "rollbacks", "pictures", "epoch", "position")
        }
        # A state from before there were these has neither.
        watch = Watch.from_json(described["watch"]) if "watch" in described else Watch()
        stability = Stability.from_json(described.get("stability", {}))
    except (AttributeError, ConfigError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise StateError(f"{path.name} has a broken description: {error}") from error
    return TrainingState(
        config=config,
        machine=machine,
        watch=watch,
        stability=stability,
        tensors=tensors,
        **counters,
    )


def restore(run: TrainingRun, state: TrainingState) -> None:
    """Make `run` the one the state was taken of. Raises StateError where the two do not fit."""
    before, now = state.config.to_json(), run.config.to_json()
    for name, value in before.items():
        if name not in FREE_FIELDS and now[name] != value:
            raise StateError(f"{name} is {now[name]!r}, but the training state has {value!r}")
    if state.pictures != len(run.dataset):
        raise StateError(
            f"the dataset has {len(run.dataset)} pictures, the state was taken on {state.pictures}"
        )
    try:
        for part, network in _networks(run).items():
            network.load_state_dict(_part(state.tensors, part))
        for part, optimizer in _optimizers(run).items():
            _restore_optimizer(optimizer, _part(state.tensors, part))
        run.latents.set_state(state.tensors["random.latents"])
        run.noise.set_state(state.tensors["random.noise"])
        run.unread.extend(state.tensors.get("unread", torch.empty(0)).to(run.machine.device))
    except (IndexError, KeyError, RuntimeError, ValueError) as error:
        raise StateError(f"the training state does not fit its own description: {error}") from error
    run.images_seen = state.images_seen
    run.rollbacks = state.rollbacks
    run.watch, run.stability = state.watch, state.stability
    run.sampler.move_to(state.epoch, state.position)


def _networks(run: TrainingRun) -> dict[str, nn.Module]:
    return {
        "generator": run.players.generator,
        "discriminator": run.players.discriminator,
        "average": run.average.generator,
    }


def _optimizers(run: TrainingRun) -> dict[str, torch.optim.Optimizer]:
    return {
        "generator_optimizer": run.players.generator_optimizer,
        "discriminator_optimizer": run.players.discriminator_optimizer,
    }


def _part(tensors: dict[str, Tensor], part: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(f"{part}."): tensor
        for name, tensor in tensors.items()
        if name.startswith(f"{part}.")
    }


def _restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    parameters = [one for group in optimizer.param_groups for one in group["params"]]
    values: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        index, _, key = name.partition(".")
        parameter = parameters[int(index)]
        if key != "step":
            # The fused optimizer walks moments and weights as raw memory: same order, or garbage.
            tensor = torch.empty_like(parameter).copy_(tensor)
        values.setdefault(int(index), {})[key] = tensor
    optimizer.load_state_dict(optimizer.state_dict() | {"state": values})
