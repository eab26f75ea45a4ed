import json
import math
from pathlib import Path

import numpy as np
import pytest

from benchmarks.stacked_mnist import count_digits, count_stacks, inner, pack


def test_equal_shares_have_no_divergence() -> None:
    coverage = count_digits(np.arange(10).repeat(7))
    assert coverage.covered == 10
    assert coverage.divergence == pytest.approx(0)
    assert coverage.shares == pytest.approx(np.full(10, 0.1))


def test_a_single_mode_has_the_most_divergence() -> None:
    coverage = count_stacks(np.full((50, 3), 9))
    assert coverage.covered == 1
    assert coverage.counts[999] == 50
    assert coverage.divergence == pytest.approx(math.log(1000))


def test_half_of_the_modes_equally_often() -> None:
    coverage = count_digits(np.array([0, 2, 4, 6, 8]))
    assert coverage.covered == 5
    assert coverage.divergence == pytest.approx(math.log(2))


def test_the_order_of_a_stack_tells_its_mode() -> None:
    stacks = np.array([[1, 2, 3], [3, 2, 1], [1, 2, 3]])
    coverage = count_stacks(stacks)
    assert coverage.covered == 2
    assert (coverage.counts[123], coverage.counts[321]) == (2, 1)


def test_packed_stacks_are_whole_digits_inside_a_margin(tmp_path: Path) -> None:
    digits = np.random.default_rng(0).integers(1, 256, (5, 28, 28), np.uint8)
    pack(tmp_path / "stacked", digits, pictures=12)
    images = np.load(tmp_path / "stacked" / "images.npy")
    assert (images.shape, images.dtype) == ((12, 32, 32, 3), np.uint8)
    channels = inner(images).transpose(0, 3, 1, 2).reshape(-1, 28, 28)
    known = {digit.tobytes() for digit in digits}
    assert {channel.tobytes() for channel in channels} <= known
    assert images.sum() == inner(images).sum()
    description = json.loads((tmp_path / "stacked" / "dataset.json").read_text())
    assert (description["images"], description["shape"]) == (12, [32, 32, 3])
    assert description["horizontal_flip"] is False


def test_the_same_seed_packs_the_same_pictures(tmp_path: Path) -> None:
    digits = np.random.default_rng(0).integers(0, 256, (5, 28, 28), np.uint8)
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        pack(tmp_path / name, digits, pictures=6, seed=seed)
    a, b, c = ((tmp_path / name / "images.npy").read_bytes() for name in "abc")
    assert a == b != c


def test_pictures_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match="64 × 64 are none of digits"):
        inner(np.zeros((1, 64, 64, 3), np.uint8))
