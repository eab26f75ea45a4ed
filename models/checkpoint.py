"""A checkpoint: the served generator, the discriminator for fine-tuning, their configuration and
images_seen, in one safetensors file.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from models.checkpoint_header import DISCRIMINATOR_PREFIX, KIND
from models.config import TrainingConfig
from models.networks.build import build_generator
from models.networks.network import Discriminator, Generator
from models.ranges import ConfigError
from models.tensor_files import TensorFileError, read_tensors, write_tensors


class CheckpointError(ValueError):
    """The file is not a readable checkpoint: broken, of another kind, or of other networks."""

    failure = "checkpoint_unreadable"


class NotFiniteError(ArithmeticError):
    """A loss, a weight or a statistic is NaN or infinite: the training has diverged."""

    failure = "diverged"


class NetworkWeights(NamedTuple):
    """The weights of both networks, by the names in their state_dict."""

    generator: dict[str, Tensor]
    discriminator: dict[str, Tensor]


@dataclass(frozen=True)
class LoadedGenerator:
    """A generator in eval mode on the CPU, with its configuration and age."""

    generator: Generator
    config: TrainingConfig
    images_seen: int


def save_checkpoint(
    path: Path,
    generator: Generator,
    discriminator: Discriminator,
    config: TrainingConfig,
    images_seen: int,
) -> None:
    """Write both networks' float32 weights and running statistics, whole or not at all.

    Raises NotFiniteError for a weight that is NaN or infinite.
    """
    description = {"config": config.to_json(), "images_seen": images_seen}
    tensors = dict(generator.state_dict())
    for name, tensor in discriminator.state_dict().items():
        tensors[f"{DISCRIMINATOR_PREFIX}{name}"] = tensor
    require_finite(tensors, images_seen)
    write_tensors(path, KIND, description, tensors)


def require_finite(tensors: Mapping[str, Tensor], images_seen: int) -> None:
    """Raise NotFiniteError for the first tensor that holds NaN or infinity."""
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise NotFiniteError(f"{name} is not finite at {images_seen:,} images seen")


def load_generator(path: Path) -> LoadedGenerator:
    """Read and check the generator of a checkpoint. Raises CheckpointError."""
    config, images_seen, tensors = _read(
        path, lambda name: not name.startswith(DISCRIMINATOR_PREFIX)
    )
    try:
        with torch.device("meta"):  # allocates nothing and draws no random numbers
            generator = build_generator(config)
        generator.load_state_dict(tensors, assign=True)
    except (ConfigError, RuntimeError) as error:
        raise CheckpointError(f"{path.name} does not fit its own description: {error}") from error
    for name, tensor in generator.state_dict().items():
        if tensor.is_floating_point() and not (
            tensor.dtype == torch.float32 and tensor.isfinite().all()
        ):
            raise CheckpointError(f"{path.name} holds weights that are not finite float32: {name}")
    return LoadedGenerator(generator.eval().requires_grad_(False), config, images_seen)


def load_weights(path: Path) -> NetworkWeights:
    """Read the weights of both networks, to fine-tune them. Raises CheckpointError."""
    _, _, tensors = _read(path, lambda _: True)
    weights = NetworkWeights({}, {})
    for name, tensor in tensors.items():
        if name.startswith(DISCRIMINATOR_PREFIX):
            weights.discriminator[name.removeprefix(DISCRIMINATOR_PREFIX)] = tensor
        else:
            weights.generator[name] = tensor
    if not weights.discriminator:
        raise CheckpointError(f"{path.name} has no discriminator: fine-tuning needs one")
    return weights


def _read(
    path: Path, is_wanted: Callable[[str], bool]
) -> tuple[TrainingConfig, int, dict[str, Tensor]]:
    try:
        description, tensors = read_tensors(path, KIND, is_wanted)
    except TensorFileError as error:
        raise CheckpointError(str(error)) from error
    except OSError as error:
        raise CheckpointError(f"{path.name} cannot be read as a {KIND}: {error}") from error
    try:
        config = TrainingConfig.from_json(description["config"])
        widened = {name: _widen(tensor) for name, tensor in tensors.items()}
        return config, int(description["images_seen"]), widened
    except (ConfigError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path.name} has a broken description: {error}") from error


def _widen(tensor: Tensor) -> Tensor:
    """Weights of 16 bits as float32, which holds each of their values exactly."""
    return tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor
