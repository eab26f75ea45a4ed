"""A checkpoint: the generator as served, its configuration and its age, in one safetensors file."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from models.config import ConfigError, TrainingConfig
from models.files import TensorFileError, read_tensors, write_tensors
from models.networks import Generator

KIND = "checkpoint"


class CheckpointError(ValueError):
    """The file is not a checkpoint that can be read: broken, foreign, or of other networks."""


@dataclass(frozen=True)
class LoadedGenerator:
    """A generator in eval mode on the CPU, with what it was trained from."""

    generator: Generator
    config: TrainingConfig
    images_seen: int


def save_checkpoint(
    path: Path, generator: nn.Module, config: TrainingConfig, images_seen: int
) -> None:
    """Write the generator's float32 weights and running statistics, atomically."""
    description = {"config": config.to_json(), "images_seen": images_seen}
    write_tensors(path, KIND, description, generator.state_dict())


def load_generator(path: Path) -> LoadedGenerator:
    """Read a checkpoint; everything in it is checked before the generator is handed out."""
    try:
        description, tensors = read_tensors(path, KIND)
    except TensorFileError as error:
        raise CheckpointError(str(error)) from error
    except OSError as error:
        raise CheckpointError(f"{path.name} cannot be read as a {KIND}: {error}") from error
    try:
        config = TrainingConfig.from_json(description["config"])
        images_seen = int(description["images_seen"])
    except (ConfigError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path.name} has a broken description: {error}") from error
    with torch.device("meta"):  # allocates nothing and draws no random numbers
        generator = Generator(config)
    try:
        generator.load_state_dict(tensors, assign=True)
    except RuntimeError as error:
        raise CheckpointError(f"{path.name} does not fit its own description: {error}") from error
    for name, tensor in generator.state_dict().items():
        if tensor.is_floating_point() and not (
            tensor.dtype == torch.float32 and tensor.isfinite().all()
        ):
            raise CheckpointError(f"{path.name} holds weights that are not finite float32: {name}")
    return LoadedGenerator(generator.eval().requires_grad_(False), config, images_seen)
