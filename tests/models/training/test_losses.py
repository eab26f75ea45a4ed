"""The losses and the penalties are the formulas of their papers, also where a naive form overflows.

The penalties are tested with a discriminator whose gradient is known.
"""

import math

import pytest
import torch
from torch import Tensor, nn

from models.networks.network import Discriminator
from models.training.losses import LOSSES, SPLIT_LOSSES, gradient_penalty, squared_gradient

REAL, FAKE = torch.tensor([2.0, -1.0]), torch.tensor([0.5, -3.0])


def _log_sigmoid(logits: Tensor) -> Tensor:
    return logits.sigmoid().log()


GENERATOR = {
    "minimax": (1 - FAKE.sigmoid()).log().mean(),
    "non_saturating": -_log_sigmoid(FAKE).mean(),
    "least_squares": ((FAKE - 1) ** 2).mean() / 2,
    "hinge": -FAKE.mean(),
    "wasserstein": -FAKE.mean(),
    "relativistic": -_log_sigmoid(FAKE - REAL).mean(),
}
CROSS_ENTROPY = -_log_sigmoid(REAL).mean() - (1 - FAKE.sigmoid()).log().mean()
DISCRIMINATOR = {
    "minimax": CROSS_ENTROPY,
    "non_saturating": CROSS_ENTROPY,
    "least_squares": (((REAL - 1) ** 2).mean() + (FAKE**2).mean()) / 2,
    "hinge": (1 - REAL).clamp(min=0).mean() + (1 + FAKE).clamp(min=0).mean(),
    "wasserstein": FAKE.mean() - REAL.mean(),
    "relativistic": -_log_sigmoid(REAL - FAKE).mean(),
}


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_is_its_papers_formula(name: str) -> None:
    torch.testing.assert_close(LOSSES[name].generator(REAL, FAKE), GENERATOR[name])
    torch.testing.assert_close(LOSSES[name].discriminator(REAL, FAKE, 0.0), DISCRIMINATOR[name])


@pytest.mark.parametrize("name", LOSSES)
def test_the_two_losses_push_the_logits_in_opposite_directions(
    name: str,
) -> None:
    real, fake = torch.zeros(4, requires_grad=True), torch.zeros(4, requires_grad=True)
    of_real, of_fake = torch.autograd.grad(
        LOSSES[name].discriminator(real, fake, 0.0), (real, fake)
    )
    assert (of_real < 0).all()
    assert name == "least_squares" or (of_fake > 0).all()
    (of_generator,) = torch.autograd.grad(LOSSES[name].generator(real, fake), fake)
    assert (of_generator < 0).all()


@pytest.mark.parametrize("name", LOSSES)
def test_extreme_logits_stay_finite(name: str) -> None:
    logits = torch.tensor([500.0, -500.0])
    assert LOSSES[name].generator(logits, logits).isfinite()
    assert LOSSES[name].discriminator(logits, -logits, 0.0).isfinite()


def test_smoothing_makes_the_best_logit_of_a_real_image_finite() -> None:
    logits = torch.tensor([math.log(9)], requires_grad=True)  # D(x) = 0.9
    loss = LOSSES["non_saturating"].discriminator(logits, torch.tensor([-100.0]), 0.1)
    (gradient,) = torch.autograd.grad(loss, logits)
    assert gradient.item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("name", SPLIT_LOSSES)
def test_the_terms_of_a_split_loss_add_up_to_the_loss(name: str) -> None:
    halves = SPLIT_LOSSES[name].real(REAL, 0.1) + SPLIT_LOSSES[name].fake(FAKE)
    torch.testing.assert_close(halves, LOSSES[name].discriminator(REAL, FAKE, 0.1))


class Linear(Discriminator):
    """Its gradient with respect to the images is its weight."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__(classes=0, features=1)
        self.weight = nn.Parameter(weight)

    def forward(self, images: Tensor, _labels: Tensor | None = None) -> Tensor:
        return (images * self.weight).sum((1, 2, 3))


def test_r1_is_half_the_squared_length_of_the_gradient_and_shrinks_it() -> None:
    discriminator = Linear(torch.full((1, 2, 2), 3.0))
    images = torch.randn(5, 1, 2, 2, requires_grad=True)
    penalty = squared_gradient(discriminator(images), images)
    assert penalty.item() == pytest.approx(4 * 9 / 2)
    penalty.backward()
    torch.testing.assert_close(discriminator.weight.grad, discriminator.weight.detach())


@pytest.mark.parametrize(("weight", "expected"), [(0.5, 0.0), (1.0, 1.0), (0.0, 1.0)])
def test_the_gradient_penalty_is_zero_at_length_one(weight: float, expected: float) -> None:
    discriminator = Linear(torch.full((1, 2, 2), weight))
    reals, fakes = torch.randn(5, 1, 2, 2), torch.randn(5, 1, 2, 2)
    penalty = gradient_penalty(discriminator, reals, fakes, None, torch.rand(5))
    assert penalty.item() == pytest.approx(expected, abs=1e-4)
    penalty.backward()
    assert discriminator.weight.grad is not None
    assert discriminator.weight.grad.isfinite().all()
