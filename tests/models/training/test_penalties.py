"""Penalties equal the formulas of their papers, for a discriminator whose gradient is known."""

import pytest
import torch
from torch import Tensor, nn

from models.networks.network import Discriminator
from models.training.penalties import gradient_penalty, squared_gradient


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
