"""DCGAN in NumPy alone, as the article writes it: im2col, col2im, every gradient by hand.

Arrays are (B, C, H, W). Networks and step are the article's. What it leaves open is done the fast
way, to be fair to NumPy: im2col is one strided copy per position of the kernel, and each layer is
one matrix product for the whole batch.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Protocol

import numpy as np

Array = np.ndarray
KERNEL = 4


def im2col(images: Array, stride: int, padding: int) -> Array:
    """(B, C, H, W) -> (B · H' · W', C · 4 · 4): a row for each position of the kernel."""
    batch, channels, height, width = images.shape
    rows = (height + 2 * padding - KERNEL) // stride + 1
    columns = (width + 2 * padding - KERNEL) // stride + 1
    around = (padding, padding)
    padded = np.pad(images, ((0, 0), (0, 0), around, around))
    patches = np.empty((batch, channels, KERNEL, KERNEL, rows, columns), images.dtype)
    for y in range(KERNEL):
        for x in range(KERNEL):
            window = padded[:, :, y : y + stride * rows : stride, x : x + stride * columns : stride]
            patches[:, :, y, x] = window
    return patches.transpose(0, 4, 5, 1, 2, 3).reshape(batch * rows * columns, -1)


def col2im(patches: Array, shape: tuple[int, ...], stride: int, padding: int) -> Array:
    """The transpose of im2col: add rows back to images of `shape` (B, C, H, W)."""
    batch, channels, height, width = shape
    rows = (height + 2 * padding - KERNEL) // stride + 1
    columns = (width + 2 * padding - KERNEL) // stride + 1
    placed = patches.reshape(batch, rows, columns, channels, KERNEL, KERNEL)
    placed = placed.transpose(0, 3, 4, 5, 1, 2)
    padded = np.zeros(
        (batch, channels, height + 2 * padding, width + 2 * padding), dtype=patches.dtype
    )
    for y in range(KERNEL):
        for x in range(KERNEL):
            window = padded[:, :, y : y + stride * rows : stride, x : x + stride * columns : stride]
            window += placed[:, :, y, x]
    return padded[:, :, padding : padding + height, padding : padding + width]


class Layer(Protocol):
    """`backward` takes the gradient of the last output and adds to the parameter gradients."""

    parameters: list[Array]
    gradients: list[Array]

    def forward(self, images: Array) -> Array: ...
    def backward(self, gradient: Array) -> Array: ...


class Convolution:
    """weight (C', C, 4, 4)."""

    def __init__(self, weight: Array, stride: int, padding: int) -> None:
        self.stride, self.padding = stride, padding
        self.parameters, self.gradients = [weight], [np.zeros_like(weight)]

    def forward(self, images: Array) -> Array:
        weight = self.parameters[0]
        self._shape = images.shape
        self._columns = im2col(images, self.stride, self.padding)
        products = self._columns @ weight.reshape(len(weight), -1).T
        side = (images.shape[2] + 2 * self.padding - KERNEL) // self.stride + 1
        return products.reshape(len(images), side, side, -1).transpose(0, 3, 1, 2)

    def backward(self, gradient: Array) -> Array:
        weight = self.parameters[0]
        rows = gradient.transpose(0, 2, 3, 1).reshape(-1, len(weight))
        self.gradients[0] += (rows.T @ self._columns).reshape(weight.shape)
        patches = rows @ weight.reshape(len(weight), -1)
        return col2im(patches, self._shape, self.stride, self.padding)


class TransposedConvolution:
    """weight (C, C', 4, 4): the input gradient of a convolution, used as a layer."""

    def __init__(self, weight: Array, stride: int, padding: int) -> None:
        self.stride, self.padding = stride, padding
        self.parameters, self.gradients = [weight], [np.zeros_like(weight)]

    def forward(self, images: Array) -> Array:
        weight = self.parameters[0]
        batch, channels, height, _ = self._shape = images.shape
        self._rows = images.transpose(0, 2, 3, 1).reshape(-1, channels)
        side = (height - 1) * self.stride - 2 * self.padding + KERNEL
        patches = self._rows @ weight.reshape(channels, -1)
        return col2im(patches, (batch, weight.shape[1], side, side), self.stride, self.padding)

    def backward(self, gradient: Array) -> Array:
        weight = self.parameters[0]
        batch, channels, height, width = self._shape
        columns = im2col(gradient, self.stride, self.padding)
        self.gradients[0] += (self._rows.T @ columns).reshape(weight.shape)
        rows = columns @ weight.reshape(channels, -1).T
        return rows.reshape(batch, height, width, channels).transpose(0, 3, 1, 2)


class BatchNorm:
    """Normalises each channel over batch and pixels, with the statistics of the batch."""

    EPSILON = 1e-5

    def __init__(self, scale: Array) -> None:
        self.parameters = [scale, np.zeros_like(scale)]
        self.gradients = [np.zeros_like(scale), np.zeros_like(scale)]

    def forward(self, images: Array) -> Array:
        scale, shift = (parameter[:, None, None] for parameter in self.parameters)
        centred = images - images.mean((0, 2, 3), keepdims=True)
        variance = np.square(centred).mean((0, 2, 3), keepdims=True)
        self._inverse = 1 / np.sqrt(variance + self.EPSILON)
        self._normal = centred * self._inverse
        return scale * self._normal + shift

    def backward(self, gradient: Array) -> Array:
        of_scale = (gradient * self._normal).sum((0, 2, 3))
        of_shift = gradient.sum((0, 2, 3))
        self.gradients[0] += of_scale
        self.gradients[1] += of_shift
        count = gradient.size // len(of_scale)
        means = (of_shift[:, None, None] + self._normal * of_scale[:, None, None]) / count
        return self.parameters[0][:, None, None] * self._inverse * (gradient - means)


class LeakyReLU:
    """Slope 0 is the plain ReLU."""

    def __init__(self, slope: float) -> None:
        self.slope = slope
        self.parameters: list[Array] = []
        self.gradients: list[Array] = []

    def forward(self, images: Array) -> Array:
        unit, slope = np.array([1, self.slope], images.dtype)
        self._factor = np.where(images > 0, unit, slope)
        return images * self._factor

    def backward(self, gradient: Array) -> Array:
        return gradient * self._factor


class Tanh:
    def __init__(self) -> None:
        self.parameters: list[Array] = []
        self.gradients: list[Array] = []

    def forward(self, images: Array) -> Array:
        self._images = np.tanh(images)
        return self._images

    def backward(self, gradient: Array) -> Array:
        return gradient * (1 - np.square(self._images))


class Network:
    """A sequence of layers."""

    def __init__(self, layers: list[Layer]) -> None:
        self.layers = layers

    @property
    def parameters(self) -> list[Array]:
        return [parameter for layer in self.layers for parameter in layer.parameters]

    @property
    def gradients(self) -> list[Array]:
        return [gradient for layer in self.layers for gradient in layer.gradients]

    def forward(self, images: Array) -> Array:
        for layer in self.layers:
            images = layer.forward(images)
        return images

    def backward(self, gradient: Array) -> Array:
        for layer in reversed(self.layers):
            gradient = layer.backward(gradient)
        return gradient

    def clear_gradients(self) -> None:
        for gradient in self.gradients:
            gradient.fill(0)


class Adam:
    """Kingma and Ba (arXiv 1412.6980), algorithm 1."""

    RATE, BETA1, BETA2, EPSILON = 2e-4, 0.5, 0.999, 1e-8

    def __init__(self, network: Network) -> None:
        self.network = network
        self.means = [np.zeros_like(parameter) for parameter in network.parameters]
        self.squares = [np.zeros_like(parameter) for parameter in network.parameters]
        self.steps = 0

    def step(self) -> None:
        self.steps += 1
        parameters, gradients = self.network.parameters, self.network.gradients
        for parameter, gradient, mean, square in zip(
            parameters, gradients, self.means, self.squares, strict=True
        ):
            mean *= self.BETA1
            mean += (1 - self.BETA1) * gradient
            square *= self.BETA2
            square += (1 - self.BETA2) * np.square(gradient)
            unbiased = mean / (1 - self.BETA1**self.steps)
            root = np.sqrt(square / (1 - self.BETA2**self.steps))
            parameter -= self.RATE * unbiased / (root + self.EPSILON)


def generator(weights: Iterator[Array]) -> Network:
    """The article's generator of nine arrays: five weights, a BatchNorm scale between each two.

    One transposed convolution of stride 1, then four of stride 2, which halve the channels.
    """
    layers: list[Layer] = [TransposedConvolution(next(weights), 1, 0)]
    for _ in range(4):
        layers += [BatchNorm(next(weights)), LeakyReLU(0)]
        layers.append(TransposedConvolution(next(weights), 2, 1))
    return Network([*layers, Tanh()])


def discriminator(weights: Iterator[Array]) -> Network:
    """The article's discriminator of eight arrays; its middle three layers have a BatchNorm."""
    layers: list[Layer] = [Convolution(next(weights), 2, 1), LeakyReLU(0.2)]
    for _ in range(3):
        layers += [Convolution(next(weights), 2, 1), BatchNorm(next(weights)), LeakyReLU(0.2)]
    return Network([*layers, Convolution(next(weights), 1, 0)])


class Training:
    """The two networks, their optimizers and the article's step."""

    def __init__(self, generator: Network, discriminator: Network) -> None:
        self.generator, self.discriminator = generator, discriminator
        self.generator_adam, self.discriminator_adam = Adam(generator), Adam(discriminator)

    def step(self, reals: Array, latents: Array) -> tuple[float, float]:
        """(B, C, 64, 64) reals, (B, D) latents -> both losses; the generator is updated first."""
        G, D = self.generator, self.discriminator
        fakes = G.forward(latents[:, :, None, None])
        loss_generator, gradient = cross_entropy(D.forward(fakes), real=True)
        G.clear_gradients()
        G.backward(D.backward(gradient))
        self.generator_adam.step()

        D.clear_gradients()
        loss_real, gradient = cross_entropy(D.forward(reals), real=True)
        D.backward(gradient)
        loss_fake, gradient = cross_entropy(D.forward(fakes), real=False)
        D.backward(gradient)
        self.discriminator_adam.step()
        return loss_generator, loss_real + loss_fake


def new_training(width: int, dtype: type[np.floating], latent_dim: int = 100) -> Training:
    """A training with DCGAN's initial weights, for 64×64 RGB images."""
    random = np.random.default_rng(0)

    def normal(mean: float, *shape: int) -> Array:
        return random.normal(mean, 0.02, shape).astype(dtype)

    widths = [latent_dim, 8 * width, 4 * width, 2 * width, width, 3]
    upwards = [normal(0, *widths[:2], KERNEL, KERNEL)]
    for inner, outer in pairwise(widths[1:]):
        upwards += [normal(1, inner), normal(0, inner, outer, KERNEL, KERNEL)]
    downwards = [normal(0, width, 3, KERNEL, KERNEL)]
    for outer, inner in pairwise(widths[4:0:-1]):
        downwards += [normal(0, inner, outer, KERNEL, KERNEL), normal(1, inner)]
    downwards.append(normal(0, 1, widths[1], KERNEL, KERNEL))
    return Training(generator(iter(upwards)), discriminator(iter(downwards)))


def cross_entropy(logits: Array, *, real: bool) -> tuple[float, Array]:
    """Mean binary cross-entropy of the sigmoid, and its gradient with respect to the logits."""
    sign = -1 if real else 1
    loss = float(np.logaddexp(0, sign * logits).mean())
    probabilities = 1 / (1 + np.exp(-logits))
    return loss, ((probabilities - real) / logits.size).astype(logits.dtype)
