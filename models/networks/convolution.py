"""DCGAN's four kinds of convolution. Their weights have the shapes of PyTorch's own layers.

`convolve`, which the layers call, and `input_gradients`, which the training step calls, are
optimised for CPUs.
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# `convolve` uses matrix products up to this many positions of a batch per row of the weights, which
# have 16 rows per input channel. With more positions, gathering the patches costs more than the
# product saves. The gradient of the weights has a higher limit: it need not scatter the patches,
# which costs most.
POSITIONS_PER_ROW = 0.25
POSITIONS_PER_ROW_OF_WEIGHT_GRADIENT = 2


class Downsample(nn.Conv2d):
    """A 4×4 convolution that halves both sides, without a bias."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__(channels_in, channels_out, 4, 2, 1, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        return convolve(images, self.weight)


class Upsample(nn.ConvTranspose2d):
    """A 4×4 transposed convolution that doubles both sides, without a bias."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__(channels_in, channels_out, 4, 2, 1, bias=False)

    def forward(self, images: Tensor, _output_size: list[int] | None = None) -> Tensor:
        return convolve(images, self.weight, transposed=True)


class Unflatten(nn.ConvTranspose2d):
    """(B, C, 1, 1) -> (B, C', H, W): a transposed convolution that is one matrix product."""

    def __init__(self, channels_in: int, channels_out: int, sides: tuple[int, int]) -> None:
        super().__init__(channels_in, channels_out, sides, 1, 0, bias=False)

    def forward(self, images: Tensor, _output_size: list[int] | None = None) -> Tensor:
        rows = self.weight.permute(0, 2, 3, 1)  # (C, H, W, C'), its order in memory
        products = images.flatten(1) @ rows.flatten(1)
        return products.view(-1, *rows.shape[1:]).permute(0, 3, 1, 2)


class Flatten(nn.Conv2d):
    """(B, C, H, W) -> (B, C', 1, 1): a convolution as large as the image, one matrix product."""

    def __init__(self, channels_in: int, channels_out: int, sides: tuple[int, int]) -> None:
        super().__init__(channels_in, channels_out, sides, 1, 0, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        pixels = images.permute(0, 2, 3, 1).flatten(1)
        return (pixels @ self.weight.permute(0, 2, 3, 1).flatten(1).t())[:, :, None, None]


def convolve(images: Tensor, weight: Tensor, *, transposed: bool = False) -> Tensor:
    """A 4×4 convolution of stride 2 and padding 1, or its transpose.

    The result is that of F.conv2d or F.conv_transpose2d. On a CPU under bfloat16 autocast, layers
    of many channels and few positions are computed as matrix products, because oneDNN has no fast
    kernel for their gradients: the gradient of the weights 256 -> 512 at 8×8, batch 64, takes it
    17 ms, and the matrix product 3.5 ms. The choice depends on shapes alone, so that a run can be
    repeated bit for bit.
    """
    positions = images[:, 0].numel() // (1 if transposed else 4)
    under_autocast = images.device.type == "cpu" and torch.is_autocast_enabled("cpu")
    if under_autocast and positions <= POSITIONS_PER_ROW_OF_WEIGHT_GRADIENT * 16 * weight.shape[1]:
        function = _TransposedConvolution if transposed else _Convolution
        result: Tensor = function.apply(images.bfloat16(), weight.bfloat16())
        return result
    if transposed:
        return F.conv_transpose2d(images, weight, stride=2, padding=1)
    return F.conv2d(images, weight, stride=2, padding=1)


def input_gradients(
    output: Tensor, inputs: Sequence[Tensor], *, retain_graph: bool = False
) -> tuple[Tensor, ...]:
    """torch.autograd.grad without the gradients of the weights that were passed to `convolve`.

    Use it to differentiate a loss through a network that is not trained on it. PyTorch's own layers
    omit the gradients that the caller does not request. A custom autograd function only knows, from
    its forward pass, which gradients may be needed.
    """
    _weight_gradients.enabled = False
    try:
        return torch.autograd.grad(output, inputs, retain_graph=retain_graph)
    finally:
        _weight_gradients.enabled = True


class _Switch:
    enabled = True


_weight_gradients = _Switch()


def _is_product(positions: int, channels: int) -> bool:
    """Whether the layer itself is a matrix product, not only the gradient of its weights."""
    return positions <= POSITIONS_PER_ROW * 16 * channels


class _Convolution(torch.autograd.Function):
    """(B, C, 2H, 2W), (C', C, 4, 4) -> (B, C', H, W).

    The three functions here are each other's gradients.
    """

    @staticmethod
    def forward(ctx: Any, images: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(images, weight)
        _, channels, height, width = images.shape
        if not _is_product(images[:, 0].numel() // 4, channels):
            return F.conv2d(images, weight, stride=2, padding=1)
        small = _empty(images, len(weight), height // 2, width // 2)
        torch.mm(_patches(images), _rows(weight).t(), out=_pixels(small))
        return small

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None]:
        images, weight = ctx.saved_tensors
        images_gradient = weight_gradient = None
        if ctx.needs_input_grad[0]:
            images_gradient = _TransposedConvolution.apply(gradients[0], weight)
        if ctx.needs_input_grad[1] and _weight_gradients.enabled:
            weight_gradient = _WeightGradient.apply(images, gradients[0])
        return images_gradient, weight_gradient


class _TransposedConvolution(torch.autograd.Function):
    """(B, C', H, W), (C', C, 4, 4) -> (B, C, 2H, 2W): each position's product adds a 4×4 patch."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(images, weight)
        batch, _, height, width = images.shape
        if not _is_product(images[:, 0].numel(), weight.shape[1]):
            return F.conv_transpose2d(images, weight, stride=2, padding=1)
        products = _pixels(images) @ _rows(weight)
        large = _empty(images, weight.shape[1], 2 * height, 2 * width)
        large.copy_(_sum_patches(products.view(batch, height, width, 4, 4, -1)))
        return large

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None]:
        images, weight = ctx.saved_tensors
        images_gradient = weight_gradient = None
        if ctx.needs_input_grad[0]:
            images_gradient = _Convolution.apply(gradients[0], weight)
        if ctx.needs_input_grad[1] and _weight_gradients.enabled:
            weight_gradient = _WeightGradient.apply(gradients[0], images)
        return images_gradient, weight_gradient


class _WeightGradient(torch.autograd.Function):
    """(B, C, 2H, 2W), (B, C', H, W) -> (C', C, 4, 4)."""

    @staticmethod
    def forward(ctx: Any, large: Tensor, small: Tensor) -> Tensor:
        ctx.save_for_backward(large, small)
        products = _pixels(small).t() @ _patches(large)
        return products.view(-1, 4, 4, large.shape[1]).permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None]:
        large, small = ctx.saved_tensors
        large_gradient = small_gradient = None
        if ctx.needs_input_grad[0]:
            large_gradient = _TransposedConvolution.apply(small, gradients[0])
        if ctx.needs_input_grad[1]:
            small_gradient = _Convolution.apply(large, gradients[0])
        return large_gradient, small_gradient


def _empty(images: Tensor, channels: int, height: int, width: int) -> Tensor:
    """An empty batch; unlike a view of another tensor, it may be changed in place later."""
    shape = (len(images), channels, height, width)
    return torch.empty(shape, dtype=images.dtype, memory_format=torch.channels_last)


def _rows(weight: Tensor) -> Tensor:
    """(C', C, 4, 4) -> (C', 4 · 4 · C)."""
    return weight.permute(0, 2, 3, 1).flatten(1)


def _pixels(images: Tensor) -> Tensor:
    """(B, C, H, W) -> (B · H · W, C)."""
    return images.permute(0, 2, 3, 1).flatten(0, 2)


def _patches(images: Tensor) -> Tensor:
    """(B, C, 2H, 2W) -> (B · H · W, 4 · 4 · C): every patch under a 4×4 kernel, stride 2, pad 1."""
    batch, channels, height, width = images.shape
    padded = F.pad(images.permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1))
    batch_stride, row_stride, column_stride, _ = padded.stride()
    patches = padded.as_strided(
        (batch, height // 2, width // 2, 4, 4, channels),
        (batch_stride, 2 * row_stride, 2 * column_stride, row_stride, column_stride, 1),
    )
    return patches.reshape(-1, 16 * channels)


def _sum_patches(patches: Tensor) -> Tensor:
    """(B, H, W, 4, 4, C) -> (B, C, 2H, 2W) float32: the sum of all patches at their positions."""
    batch, height, width, _, _, channels = patches.shape
    shape = (batch, height + 1, 2, width + 1, 2, channels)
    # In float32, because four bfloat16 numbers are added to each pixel.
    padded = torch.zeros(shape, dtype=torch.float32)
    for down in (0, 1):
        for right in (0, 1):
            part = patches[:, :, :, 2 * down : 2 * down + 2, 2 * right : 2 * right + 2]
            target = padded[:, down : down + height, :, right : right + width]
            target += part.permute(0, 1, 3, 2, 4, 5)
    whole = padded.view(batch, 2 * height + 2, 2 * width + 2, channels)
    return whole[:, 1:-1, 1:-1].permute(0, 3, 1, 2)
