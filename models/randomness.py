"""Independent streams of random numbers, one for each purpose of a run."""

import hashlib

import torch


def random_stream(seed: int, purpose: str) -> torch.Generator:
    """A CPU generator that depends on both; hashed, so that neighbouring seeds share nothing.

    The generator uses the low 32 bits of the hash: two streams coincide once in 2^32 pairs.
    """
    digest = hashlib.sha256(f"{purpose}:{seed}".encode()).digest()
    return torch.Generator("cpu").manual_seed(int.from_bytes(digest[:8], "big") >> 1)
