"""A seed stands for the same latent and the same class for ever, on every machine."""

import json
import math
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from models.config import MAX_SEED
from models.seeds import (
    CHECK_SEEDS,
    SAMPLE_SEEDS,
    SCORE_SEEDS,
    SEARCH_SEEDS,
    SeedError,
    class_from_seed,
    classes_from_seeds,
    latent_from_seed,
    latents_from_seeds,
    philox,
)

ROOT = Path(__file__).parents[2]
# The known answers of the authors' library, Random123, for philox4x32 with 10 rounds.
ZEROS = (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)
ONES = (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)
PI = (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1)


def reference(counter: tuple[int, ...], key: tuple[int, int]) -> tuple[int, ...]:
    """Philox4x32-10 as section 3 of the paper states it, a word at a time."""
    for _ in range(10):
        products = 0xD2511F53 * counter[0], 0xCD9E8D57 * counter[2]
        (high_0, low_0), (high_1, low_1) = (divmod(product, 2**32) for product in products)
        counter = (high_1 ^ counter[1] ^ key[0], low_1, high_0 ^ counter[3] ^ key[1], low_0)
        key = (key[0] + 0x9E3779B9) % 2**32, (key[1] + 0xBB67AE85) % 2**32
    return counter


def block(seed: int, counter: int, stream: int) -> tuple[int, ...]:
    even, odd = philox([seed], [counter], stream)
    return tuple(int(word) for word in (even[0, 0, 0], odd[0, 0, 0], even[1, 0, 0], odd[1, 0, 0]))


def test_the_reference_gives_the_published_answers() -> None:
    most = 2**32 - 1
    assert reference((0, 0, 0, 0), (0, 0)) == ZEROS
    assert reference((most,) * 4, (most, most)) == ONES
    digits = (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344)
    assert reference(digits, (0xA4093822, 0x299F31D0)) == PI


@pytest.mark.parametrize("seed", [0, 7, 7 + 2**32, MAX_SEED])
@pytest.mark.parametrize(("counter", "stream"), [(0, 0), (24, 0), (2**32 - 1, 0), (3, 1)])
def test_every_block_is_that_of_philox_with_the_seed_as_its_key(
    seed: int, counter: int, stream: int
) -> None:
    assert block(seed, counter, stream) == reference(
        (counter, 0, 0, stream), (seed % 2**32, seed >> 32)
    )


def test_the_first_block_of_seed_0_is_the_published_answer() -> None:
    assert block(0, 0, 0) == ZEROS


@pytest.mark.parametrize("seed", [0, 7, MAX_SEED])
@pytest.mark.parametrize("latent_dim", [1, 2, 7, 100])
def test_a_latent_follows_from_the_definition(seed: int, latent_dim: int) -> None:
    expected = []
    for counter in range(math.ceil(latent_dim / 4)):
        words = [(word + 0.5) / 2**32 for word in block(seed, counter, 0)]
        for first, second in (words[:2], words[2:]):
            radius = math.sqrt(-2 * math.log(first))
            expected += [radius * math.cos(math.tau * second), radius * math.sin(math.tau * second)]
    latent = latent_from_seed(seed, latent_dim)
    assert (latent.dtype.type, latent.shape) == (np.float32, (latent_dim,))
    np.testing.assert_allclose(latent, expected[:latent_dim], rtol=1e-7)


def test_a_seed_names_these_very_numbers() -> None:
    assert latent_from_seed(0, 3).tolist() == [
        0.991137683391571,
        -0.9246625900268555,
        -0.6176089644432068,
    ]
    assert latent_from_seed(MAX_SEED, 3).tolist() == [
        -1.378544807434082,
        -0.6003620624542236,
        -0.3515344560146332,
    ]


def test_the_documented_javascript_gives_the_same_latents() -> None:
    text = (ROOT / "docs" / "latents.md").read_text()
    script = text.split("```js\n")[1].split("```")[0]
    script += "\nconsole.log(JSON.stringify(process.argv.slice(1).map((s) => [...latent(+s, 7)])));"
    node = Path(sys.executable).with_name("node")
    seeds = [0, 7, 7 + 2**32, MAX_SEED]
    said = subprocess.run(
        [node, "-e", script, *map(str, seeds)], capture_output=True, check=True, text=True
    )
    assert np.array_equal(
        np.array(json.loads(said.stdout), np.float32), latents_from_seeds(seeds, 7)
    )


def test_seeds_that_share_their_low_32_bits_have_different_latents() -> None:
    latents = latents_from_seeds([7, 7 + 2**32, 7 + 2**52], 100)
    assert all(np.abs(a - b).max() > 1 for a, b in combinations(latents, 2))


def test_a_latent_is_the_same_alone_and_among_others() -> None:
    seeds = [*range(2000), MAX_SEED]
    together = latents_from_seeds(seeds, 100)
    assert all(np.array_equal(together[k], latent_from_seed(seeds[k], 100)) for k in (0, 655, 2000))


def test_the_values_are_normal() -> None:
    latents = latents_from_seeds(range(10_000), 100)
    assert abs(float(latents.mean())) < 0.004
    assert float(latents.std()) == pytest.approx(1, abs=0.004)
    assert float((latents < -1.6449).mean()) == pytest.approx(0.05, abs=0.001)
    neighbours = np.corrcoef(latents[:-1].ravel(), latents[1:].ravel())[0, 1]
    assert abs(neighbours) < 0.004


def test_the_ranges_that_moggy_draws_from_are_disjoint_seeds() -> None:
    ranges = [SAMPLE_SEEDS, SEARCH_SEEDS, CHECK_SEEDS, SCORE_SEEDS]
    for a, b in combinations(ranges, 2):
        assert a[-1] < b[0] or b[-1] < a[0]
    assert all(seeds[0] >= 0 and seeds[-1] <= MAX_SEED for seeds in ranges)


def test_a_seed_names_these_very_classes() -> None:
    assert [class_from_seed(seed, 10) for seed in range(8)] == [1, 0, 3, 0, 9, 2, 1, 8]
    assert 0 <= class_from_seed(MAX_SEED, 3) < 3
    assert class_from_seed(7, 1) == 0


def test_the_classes_of_many_seeds_are_those_of_each() -> None:
    classes = [class_from_seed(seed, 7) for seed in range(50)]
    assert classes_from_seeds(range(50), 7).tolist() == classes


def test_seeds_draw_every_class_equally_often() -> None:
    drawn = classes_from_seeds(range(3000), 3).tolist()
    assert all(900 < drawn.count(label) < 1100 for label in range(3))


def test_the_class_of_a_seed_is_independent_of_its_latent() -> None:
    """Otherwise a class would see only a part of the latents."""
    labels = classes_from_seeds(range(2000), 2)
    latents = latents_from_seeds(range(2000), 8)
    means = [latents[labels == label].mean(0) for label in (0, 1)]
    np.testing.assert_allclose(means[0], means[1], atol=0.2)


@pytest.mark.parametrize("seed", [-1, 2**53])
def test_a_seed_out_of_range_is_refused(seed: int) -> None:
    with pytest.raises(SeedError, match=f"seed {seed} is out of range"):
        latent_from_seed(seed, 100)
    with pytest.raises(SeedError, match=f"seed {seed} is out of range"):
        class_from_seed(seed, 10)
