"""What a seed stands for: a latent, a class, a stream of random numbers."""

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor

from models.config import MAX_SEED


class SeedError(ValueError):
    """The seed is out of range."""


def latent_from_seed(seed: int, latent_dim: int) -> Tensor:
    """The latent of `seed` (0 to 2^53 − 1): float32 of shape (latent_dim,).

    PyTorch's CPU generator uses the low 32 bits of its seed: seeds that differ by a multiple of
    2^32 give the same latent. Raises SeedError.
    """
    _check(seed)
    return torch.randn(latent_dim, generator=torch.Generator("cpu").manual_seed(seed))


def latents_from_seeds(seeds: Sequence[int], latent_dim: int) -> Tensor:
    """The latents of `seeds`: float32 of shape (len(seeds), latent_dim)."""
    return torch.stack([latent_from_seed(seed, latent_dim) for seed in seeds])


def class_from_seed(seed: int, classes: int) -> int:
    """The index of the class, 0 to `classes` − 1, of `seed` where a request names no class.

    All classes are equally likely. The class comes from a stream of its own, which leaves the
    seed's latent as it is. Raises SeedError.
    """
    _check(seed)
    return int(torch.randint(classes, (), generator=random_stream(seed, "class")))


def random_stream(seed: int, purpose: str) -> torch.Generator:
    """A CPU generator that depends on `seed` and `purpose`, independent of every other pair.

    Both are hashed, so that the streams of neighbouring seeds have nothing in common. The generator
    uses the low 32 bits of the hash: two streams coincide once in 2^32 pairs.
    """
    digest = hashlib.sha256(f"{purpose}:{seed}".encode()).digest()
    return torch.Generator("cpu").manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def _check(seed: int) -> None:
    if not 0 <= seed <= MAX_SEED:
        raise SeedError(f"seed {seed} is out of range: 0 to {MAX_SEED}")
