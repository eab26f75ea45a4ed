"""What a seed stands for: a latent and a class.

The random numbers are those of Philox4x32-10: Salmon et al., "Parallel random numbers: as easy as
1, 2, 3" (SC11, 2011). The key is the seed. The last word of the counter names the purpose, so that
a class never changes a latent. docs/latents.md describes the definition for other languages.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.config import MAX_SEED

# The seeds that Moggy draws by itself, in disjoint ranges. Requests may name any seed from 0 to
# MAX_SEED: only what is shown and what is measured must differ.
SAMPLE_SEEDS = range(2**20)  # the sample grids of trainings, from 0 on
SEARCH_SEEDS = range(2**20, 2**21)  # reserved for an index of a checkpoint's own images
CHECK_SEEDS = range(2**21, 2**22)  # comparisons of an exported generator with its original
SCORE_SEEDS = range(2**52, 2**53)  # the images that are scored

LATENT_STREAM, CLASS_STREAM = 0, 1  # the last word of the counter
ROUNDS = 10
WORDS_PER_BLOCK = 4
WORD = np.uint64(2**32 - 1)
# One value for each of the two products of a round; the key's two words grow by the increments.
MULTIPLIERS = np.array([0xD2511F53, 0xCD9E8D57], np.uint64)[:, None, None]
KEY_INCREMENTS = np.array([0x9E3779B9, 0xBB67AE85], np.uint64)[:, None, None]
BLOCKS_AT_A_TIME = 16_384  # the arrays in use then fit a core's own cache

Words = NDArray[np.uint32]
Latents = NDArray[np.float32]  # (N, D)


class SeedError(ValueError):
    """The seed is out of range."""


def latent_from_seed(seed: int, latent_dim: int) -> Latents:
    """The latent of `seed` (0 to 2^53 − 1): float32 of shape (latent_dim,). Raises SeedError."""
    latent: Latents = latents_from_seeds([seed], latent_dim)[0]
    return latent


def latents_from_seeds(seeds: Sequence[int], latent_dim: int) -> Latents:
    """The latents of `seeds`: float32 of shape (len(seeds), latent_dim), each value from N(0, 1).

    Box–Muller in float64: of each pair of words the first gives the radius and the second the
    angle; the cosine comes first. Raises SeedError.
    """
    _check(seeds)
    blocks = -(-latent_dim // WORDS_PER_BLOCK)
    latents = np.empty((len(seeds), latent_dim), np.float32)
    seeds_at_a_time = max(1, BLOCKS_AT_A_TIME // blocks)
    for first in range(0, len(seeds), seeds_at_a_time):
        part = seeds[first : first + seeds_at_a_time]
        even, odd = philox(part, range(blocks), LATENT_STREAM)
        radii, angles = even + 0.5, odd + 0.5
        radii *= 2.0**-32
        angles *= math.tau * 2.0**-32
        np.log(radii, out=radii)
        radii *= -2
        np.sqrt(radii, out=radii)
        normal = np.empty((len(part), blocks, 2, 2), np.float32)
        pairs = normal.transpose(2, 0, 1, 3)  # in the order of `radii`: (2, seeds, blocks, 2)
        np.multiply(radii, np.cos(angles), out=pairs[..., 0], casting="same_kind")
        np.multiply(radii, np.sin(angles), out=pairs[..., 1], casting="same_kind")
        latents[first : first + len(part)] = normal.reshape(len(part), -1)[:, :latent_dim]
    return latents


def class_from_seed(seed: int, classes: int) -> int:
    """The index of the class, 0 to `classes` − 1, of `seed` where a request names no class.

    All classes are equally likely within 2^-32. Raises SeedError.
    """
    return int(classes_from_seeds([seed], classes)[0])


def classes_from_seeds(seeds: Sequence[int], classes: int) -> NDArray[np.int64]:
    """The index of the class of each seed: (len(seeds),). Raises SeedError."""
    _check(seeds)
    even, _ = philox(seeds, range(1), CLASS_STREAM)
    # The first word of the block, u, gives the class ⌊u · classes / 2^32⌋.
    return (even[0, :, 0].astype(np.int64) * classes) >> 32


def philox(keys: Sequence[int], counters: Sequence[int], stream: int) -> tuple[Words, Words]:
    """Philox4x32-10 of each 64-bit key with each counter: (2, keys, counters) uint32, twice.

    The first array holds words 0 and 2 of each block, the second one words 1 and 3. A counter is
    the first of the counter's four words, `stream` the last one; the other two are 0.
    """
    shape = (2, len(keys), len(counters))
    even, odd = np.zeros((2, *shape), np.uint32)
    even[0], odd[1] = counters, stream
    products = np.empty(shape, np.uint64)
    halves = products.view("<u4")
    low, high = halves[::-1, :, 0::2], halves[::-1, :, 1::2]
    for round_keys in _key_schedule(np.array(keys, np.uint64)):
        np.multiply(even, MULTIPLIERS, out=products)
        np.bitwise_xor(high, odd, out=even)
        np.bitwise_xor(even, round_keys, out=even)
        odd[...] = low
    return even, odd


def _key_schedule(keys: NDArray[np.uint64]) -> Words:
    """(K,) -> (ROUNDS, 2, K, 1): both words of each key in each round."""
    words = np.stack([keys & WORD, keys >> np.uint64(32)])[:, :, None]
    rounds = np.arange(ROUNDS, dtype=np.uint64)[:, None, None, None]
    schedule: Words = (words + rounds * KEY_INCREMENTS).astype(np.uint32)  # modulo 2^32
    return schedule


def _check(seeds: Sequence[int]) -> None:
    for seed in (min(seeds), max(seeds)) if len(seeds) else ():
        if not 0 <= seed <= MAX_SEED:
            raise SeedError(f"seed {seed} is out of range: 0 to {MAX_SEED}")
