"""Matrix products give the same numbers as the convolutions that they replace."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from models.networks import convolution
from models.networks.convolution import Downsample, Flatten, Unflatten, Upsample, input_gradients

CLOSE: dict[str, Any] = {"rtol": 0.02, "atol": 0.02}


def _gradients(result: Tensor, *of: Tensor) -> tuple[Tensor, ...]:
    weights = torch.linspace(-1, 1, result.numel()).view_as(result)
    return torch.autograd.grad((result.float() * weights).sum(), of)


@pytest.fixture(params=["products", "products for the weights"])
def _as_products(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    positions = 1e9 if request.param == "products" else 0
    monkeypatch.setattr(convolution, "POSITIONS_PER_ROW", positions)
    monkeypatch.setattr(convolution, "POSITIONS_PER_ROW_OF_WEIGHT_GRADIENT", 1e9)


@pytest.mark.usefixtures("_as_products")
@pytest.mark.parametrize("sides", [(8, 8), (6, 10)])
def test_halving_and_doubling_are_the_convolutions_and_so_are_their_gradients(
    sides: tuple[int, int],
) -> None:
    random = torch.Generator().manual_seed(0)
    images = torch.randn(3, 16, *sides, generator=random).bfloat16().float().requires_grad_()
    layers: list[tuple[Downsample | Upsample, Callable[[Tensor, Tensor], Tensor]]] = [
        (Downsample(16, 8), lambda x, w: F.conv2d(x, w, stride=2, padding=1)),
        (Upsample(16, 8), lambda x, w: F.conv_transpose2d(x, w, stride=2, padding=1)),
    ]
    for layer, reference in layers:
        layer.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        with torch.no_grad():
            layer.weight.copy_(layer.weight.bfloat16())
        with torch.autocast("cpu", torch.bfloat16):
            ours = layer(images)
        plain = reference(images, layer.weight)
        torch.testing.assert_close(ours.float(), plain, **CLOSE)
        pairs = zip(
            _gradients(ours, images, layer.weight),
            _gradients(plain, images, layer.weight),
            strict=True,
        )
        for gradient, expected in pairs:
            scale = expected.abs().max()
            torch.testing.assert_close(gradient / scale, expected / scale, **CLOSE)


@pytest.mark.usefixtures("_as_products")
def test_a_penalty_on_the_gradient_reaches_the_weights() -> None:
    images = torch.randn(2, 4, 8, 8).bfloat16().float()
    layer = Downsample(4, 4)
    with torch.no_grad():
        layer.weight.copy_(layer.weight.bfloat16())

    def penalty(ours: bool) -> Tensor:
        shown = images.clone().requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=ours):
            result = layer(shown)
        (gradient,) = torch.autograd.grad(result.float().square().sum(), shown, create_graph=True)
        (second,) = torch.autograd.grad(gradient.square().sum(), layer.weight)
        return second

    expected = penalty(ours=False)
    scale = expected.abs().max()
    torch.testing.assert_close(penalty(ours=True) / scale, expected / scale, rtol=0.05, atol=0.05)


@pytest.mark.usefixtures("_as_products")
@pytest.mark.parametrize("layer", [Downsample(4, 4), Upsample(4, 4)])
def test_an_activation_may_follow_in_place(layer: Downsample | Upsample) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        result = F.leaky_relu(layer(torch.randn(2, 4, 8, 8)), 0.2, inplace=True)
    result.float().sum().backward()
    assert layer.weight.grad is not None


def test_flatten_and_unflatten_are_the_convolutions() -> None:
    grow, shrink = Unflatten(7, 5, (4, 6)), Flatten(5, 2, (4, 6))
    latents = torch.randn(3, 7, 1, 1)
    pictures = F.conv_transpose2d(latents, grow.weight)
    torch.testing.assert_close(grow(latents), pictures)
    torch.testing.assert_close(shrink(pictures), F.conv2d(pictures, shrink.weight))


@pytest.mark.usefixtures("_as_products")
def test_input_gradients_are_the_same_and_compute_no_weight_gradients() -> None:
    images, layer = torch.randn(2, 4, 8, 8, requires_grad=True), Downsample(4, 4)
    with torch.autocast("cpu", torch.bfloat16):
        result = layer(images).float().square().sum()
    (expected,) = torch.autograd.grad(result, images, retain_graph=True)
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        (gradient,) = input_gradients(result, [images], retain_graph=True)
    assert torch.equal(gradient, expected)
    assert not any(event.key == "_WeightGradient" for event in profiled.key_averages())
    (of_weight,) = torch.autograd.grad(result, layer.weight)
    assert of_weight.any()
