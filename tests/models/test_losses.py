"""The losses are the paper's formulas, also where a naive form would overflow."""

import math

import pytest
import torch

from models.losses import discriminator_loss, generator_loss


def test_an_undecided_discriminator_costs_log_two_per_kind() -> None:
    logits = torch.zeros(4)
    assert generator_loss(logits).item() == pytest.approx(math.log(2))
    assert discriminator_loss(logits, logits).item() == pytest.approx(2 * math.log(2))


def test_losses_are_minus_log_of_the_right_answer() -> None:
    real, fake = torch.tensor([2.0, -1.0]), torch.tensor([0.5, -3.0])
    expected = -real.sigmoid().log().mean() - (1 - fake.sigmoid()).log().mean()
    torch.testing.assert_close(discriminator_loss(real, fake), expected)
    torch.testing.assert_close(generator_loss(fake), -fake.sigmoid().log().mean())


def test_extreme_logits_stay_finite() -> None:
    logits = torch.tensor([500.0, -500.0])
    assert generator_loss(logits).item() == 250
    assert discriminator_loss(logits, logits).item() == 500
