from dataclasses import replace

import pytest
import torch

from benchmarks.harness.training_work import Work, count, example_work, training_work
from models.presets import PRESETS

DCGAN = PRESETS["dcgan"].config
# Forward, per image, at width 64: 2 · 16 · (inputs · outputs · smaller picture) of each layer.
PAIRS = [(64, 128, 16), (128, 256, 8), (256, 512, 4)]
FIRST = 2 * 16 * 3 * 64 * 32**2
MIDDLE = sum(2 * 16 * inner * outer * side**2 for outer, inner, side in PAIRS)
D = FIRST + MIDDLE + 2 * 16 * 512
START = 2 * 16 * 100 * 512
G = START + MIDDLE + FIRST


def test_a_product_reads_its_operands_and_writes_its_result() -> None:
    a, b = torch.empty(3, 5, device="meta"), torch.empty(5, 7, device="meta")
    assert count(lambda: (a @ b).relu()) == Work(2 * 3 * 5 * 7, 2 * (15 + 35 + 21))


@pytest.mark.parametrize("groups", [1, 4])
def test_a_grouped_convolution_costs_its_weights_at_each_position(groups: int) -> None:
    images = torch.empty(2, 8, 10, 10, device="meta", requires_grad=True)
    layer = torch.nn.Conv2d(8, 8, 3, padding=1, groups=groups, bias=False, device="meta")
    forward = 2 * 2 * 100 * (8 * 8 * 9 // groups)
    assert count(lambda: layer(images)).operations == forward
    assert count(lambda: layer(images).sum().backward()).operations == 3 * forward


@pytest.mark.parametrize(
    ("updates", "of_generator", "of_discriminator"),
    [("shared", 3, 7), ("alternating", 4, 8), ("split", 4, 8)],
)
def test_the_passes_of_a_step_are_as_documented(
    updates: str, of_generator: int, of_discriminator: int
) -> None:
    config = replace(DCGAN, width=64, updates=updates)
    # Not computed: the gradients of the latents, and of reals and fakes while D learns.
    saved = START + 2 * FIRST
    expected = of_generator * G + of_discriminator * D - saved
    assert training_work(config).operations == pytest.approx(expected)


def test_the_examples_step_is_two_and_a_quarter_gflop() -> None:
    operations = example_work(64).operations
    assert operations == pytest.approx(3 * G + 8 * D - START - 2 * FIRST)
    assert operations == pytest.approx(2.27e9, rel=0.01)


def test_a_penalty_costs_three_forward_passes_of_the_discriminator() -> None:
    free, single, both = (
        training_work(replace(DCGAN, width=64, r1=r1, r2=r2)).operations
        for r1, r2 in ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0))
    )
    assert single - free == pytest.approx(3 * D, rel=0.05)
    assert both - free == pytest.approx(6 * D, rel=0.05)


def test_penalties_cost_and_cost_less_when_rarer() -> None:
    free, often, rare = (
        training_work(replace(DCGAN, r1=r1, penalty_every_steps=every))
        for r1, every in ((0.0, 1), (1.0, 1), (1.0, 4))
    )
    assert rare.operations - free.operations == pytest.approx(
        (often.operations - free.operations) / 4
    )
    assert often.bytes > rare.bytes > free.bytes


def test_a_larger_batch_spreads_the_weights_traffic() -> None:
    small, large = (training_work(replace(DCGAN, batch_size=size)) for size in (8, 512))
    assert small.bytes > large.bytes
    assert small.operations == pytest.approx(large.operations)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_can_be_counted(name: str) -> None:
    work = training_work(PRESETS[name].config)
    assert work.operations > 0
    assert work.bytes > 0
