"""DCGAN's four convolutions, as matrix products where oneDNN has no fast kernel for them.

In bfloat16 on a CPU, oneDNN's gradients of the stages near the start are slow: those of the weights
256 -> 512 at 8×8, batch 64, take 17 ms, their matrix product 3.5. Weights have PyTorch's shapes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# How many positions a batch may have for each input channel and tap: beyond, gathering the patches
# costs more than it saves. Laying them out again costs most. Decided by shapes alone, that a run
# can be repeated bit for bit.
POSITIONS_PER_ROW = 0.25
POSITIONS_PER_ROW_OF_WEIGHTS = 2


class Downsample(nn.Conv2d):
    """A 4×4 convolution that halves both sides, without a bias."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__(channels_in, channels_out, 4, 2, 1, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        positions = images[:, 0].numel() // 4
        if _pays(images, positions, self.in_channels):
            down: Tensor = _Down.apply(images.bfloat16(), self.weight.bfloat16())
            return down
        return super().forward(images)


class Upsample(nn.ConvTranspose2d):
    """A 4×4 transposed convolution that doubles both sides, without a bias."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__(channels_in, channels_out, 4, 2, 1, bias=False)

    def forward(self, images: Tensor, output_size: list[int] | None = None) -> Tensor:
        if _pays(images, images[:, 0].numel(), self.out_channels):
            up: Tensor = _Up.apply(images.bfloat16(), self.weight.bfloat16())
            return up
        return super().forward(images, output_size)


class Unflatten(nn.ConvTranspose2d):
    """(B, C, 1, 1) -> (B, C', H, W): a transposed convolution that is one matrix product."""

    def __init__(self, channels_in: int, channels_out: int, sides: tuple[int, int]) -> None:
        super().__init__(channels_in, channels_out, sides, 1, 0, bias=False)

    def forward(self, images: Tensor, _size: list[int] | None = None) -> Tensor:
        rows = self.weight.permute(0, 2, 3, 1)  # (C, H, W, C'), as it lies in memory
        grown = images.flatten(1) @ rows.flatten(1)
        return grown.view(-1, *rows.shape[1:]).permute(0, 3, 1, 2)


class Flatten(nn.Conv2d):
    """(B, C, H, W) -> (B, C', 1, 1): a convolution of the picture's size, one matrix product."""

    def __init__(self, channels_in: int, channels_out: int, sides: tuple[int, int]) -> None:
        super().__init__(channels_in, channels_out, sides, 1, 0, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        pixels = images.permute(0, 2, 3, 1).flatten(1)
        return (pixels @ self.weight.permute(0, 2, 3, 1).flatten(1).t())[:, :, None, None]


def _pays(images: Tensor, positions: int, channels: int) -> bool:
    """Whether a layer's gradient by its weights, at least, is faster as a product."""
    mixed = images.device.type == "cpu" and torch.is_autocast_enabled("cpu")
    return mixed and positions <= POSITIONS_PER_ROW_OF_WEIGHTS * 16 * channels


def _as_product(positions: int, channels: int) -> bool:
    """Whether the layer itself is, too."""
    return positions <= POSITIONS_PER_ROW * 16 * channels


class _Down(torch.autograd.Function):
    """The convolution. It, its transpose and the weights' gradient are each other's gradients."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(images, weight)
        _, channels, height, width = images.shape
        if not _as_product(images[:, 0].numel() // 4, channels):
            return F.conv2d(images, weight, stride=2, padding=1)
        down = _empty(images, len(weight), height // 2, width // 2)
        torch.mm(_patches(images), _rows(weight).t(), out=_pixels(down))
        return down

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None]:
        images, weight = ctx.saved_tensors
        wanted = ctx.needs_input_grad
        of_images = _Up.apply(gradients[0], weight) if wanted[0] else None
        of_weight = _Weights.apply(images, gradients[0]) if wanted[1] and _wanted.weights else None
        return of_images, of_weight


class _Up(torch.autograd.Function):
    """The transposed convolution: each position's product is laid over its 4×4 patch."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(images, weight)
        batch, _, height, width = images.shape
        if not _as_product(images[:, 0].numel(), weight.shape[1]):
            return F.conv_transpose2d(images, weight, stride=2, padding=1)
        products = _pixels(images) @ _rows(weight)
        up = _empty(images, weight.shape[1], 2 * height, 2 * width)
        up.copy_(_lay(products.view(batch, height, width, 4, 4, -1)))
        return up

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None]:
        images, weight = ctx.saved_tensors
        wanted = ctx.needs_input_grad
        of_images = _Down.apply(gradients[0], weight) if wanted[0] else None
        of_weight = _Weights.apply(gradients[0], images) if wanted[1] and _wanted.weights else None
        return of_images, of_weight


class _Weights(torch.autograd.Function):
    """The gradient of the weights: (B, C, 2H, 2W), (B, C', H, W) -> (C', C, 4, 4)."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, small: Tensor) -> Tensor:
        ctx.save_for_backward(images, small)
        products = _pixels(small).t() @ _patches(images)
        return products.view(-1, 4, 4, images.shape[1]).permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None]:
        images, small = ctx.saved_tensors
        wanted = ctx.needs_input_grad
        of_images = _Up.apply(small, gradients[0]) if wanted[0] else None
        of_small = _Down.apply(images, gradients[0]) if wanted[1] else None
        return of_images, of_small


@contextmanager
def without_weights() -> Iterator[None]:
    """Within it gradients are made of images only: of a network that does not learn from them.

    PyTorch tells a function at its forward pass what may be wanted, not what is wanted in the end.
    """
    _wanted.weights = False
    try:
        yield
    finally:
        _wanted.weights = True


class _Wanted:
    weights = True


_wanted = _Wanted()


def _empty(images: Tensor, channels: int, height: int, width: int) -> Tensor:
    """A batch to fill: no view of another tensor, which nobody could change in place then."""
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
    of_batch, of_row, of_column, _ = padded.stride()
    patches = padded.as_strided(
        (batch, height // 2, width // 2, 4, 4, channels),
        (of_batch, 2 * of_row, 2 * of_column, of_row, of_column, 1),
    )
    return patches.reshape(-1, 16 * channels)


def _lay(patches: Tensor) -> Tensor:
    """(B, H, W, 4, 4, C) -> (B, C, 2H, 2W) float32: the sum of the patches, each in its place."""
    batch, height, width, _, _, channels = patches.shape
    shape = (batch, height + 1, 2, width + 1, 2, channels)
    # In float32: four bfloat16 numbers are added to each pixel.
    padded = torch.zeros(shape, dtype=torch.float32)
    for down in (0, 1):
        for right in (0, 1):
            part = patches[:, :, :, 2 * down : 2 * down + 2, 2 * right : 2 * right + 2]
            place = padded[:, down : down + height, :, right : right + width]
            place += part.permute(0, 1, 3, 2, 4, 5)
    whole = padded.view(batch, 2 * height + 2, 2 * width + 2, channels)
    return whole[:, 1:-1, 1:-1].permute(0, 3, 1, 2)
