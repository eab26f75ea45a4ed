"""PyTorch's random numbers for trainings and scores: a generator for each seed and purpose."""

import hashlib

import torch


def random_stream(seed: int, purpose: str) -> torch.Generator:
    """A CPU generator that depends on `seed` and `purpose`, independent of every other pair.

    Both are hashed, so that the streams of neighbouring seeds have nothing in common. The generator
    uses the low 32 bits of the hash: two streams coincide once in 2^32 pairs.
    """
    digest = hashlib.sha256(f"{purpose}:{seed}".encode()).digest()
    return torch.Generator("cpu").manual_seed(int.from_bytes(digest[:8], "big") >> 1)
