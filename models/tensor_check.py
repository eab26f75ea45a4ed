"""Compares the tensors that a checkpoint file declares with the networks of its configuration.

Nothing is allocated: the networks are built on PyTorch's device `meta`, and only the header of the
file is read.
"""

import torch
from torch import Tensor

from models.checkpoint_header import DISCRIMINATOR_PREFIX, CheckpointHeader, TensorHeader
from models.networks.build import build_discriminator, build_generator

TYPES = {torch.float32: "F32", torch.int64: "I64"}  # of all tensors that networks store
HALF_TYPES = ("F16", "BF16")  # in which a file may hold float32 tensors; they are widened exactly


class TensorMismatch(ValueError):
    """The tensors are not those of the networks; the message is a predicate."""


def check_tensors(header: CheckpointHeader, max_bytes: int) -> None:
    """Raise TensorMismatch unless the tensors are exactly those of the configuration's networks.

    The discriminator may be missing as a whole. `max_bytes` limits the size of all tensors. Raises
    ConfigError for a shape that the architecture cannot have.
    """
    expected = _expected_tensors(header)
    size = sum(tensor.nbytes for tensor in expected.values())
    if size > max_bytes:
        raise TensorMismatch(
            f"declares networks of {size:,} bytes: at most {max_bytes:,} are accepted "
            "(MOGGY_MAX_MODEL_BYTES)"
        )
    for name, tensor in expected.items():
        _check(name, header.tensors.get(name), TensorHeader(TYPES[tensor.dtype], (*tensor.shape,)))
    unknown = sorted(set(header.tensors) - set(expected))
    if unknown:
        raise TensorMismatch(
            f"has a tensor {unknown[0][:100]!r} that the {header.config.architecture} networks of "
            "its configuration do not have"
        )


def _expected_tensors(header: CheckpointHeader) -> dict[str, Tensor]:
    """The tensors of both networks, or of the generator alone, without storage."""
    with torch.device("meta"):
        tensors: dict[str, Tensor] = dict(build_generator(header.config).state_dict())
        discriminator = build_discriminator(header.config).state_dict()
    if header.has_discriminator:
        tensors |= {f"{DISCRIMINATOR_PREFIX}{name}": value for name, value in discriminator.items()}
    return tensors


def _check(name: str, declared: TensorHeader | None, expected: TensorHeader) -> None:
    if declared is None:
        raise TensorMismatch(f"has no tensor {name!r}, of {_describe(expected)}")
    halved = expected.dtype == "F32" and declared.dtype in HALF_TYPES
    if declared.shape != expected.shape or (declared.dtype != expected.dtype and not halved):
        raise TensorMismatch(
            f"has a tensor {name!r} of {_describe(declared)}, and the networks of its "
            f"configuration have one of {_describe(expected)}"
        )


def _describe(tensor: TensorHeader) -> str:
    """`F32 [64, 3, 4, 4]`."""
    return f"{tensor.dtype} {list(tensor.shape)}"
