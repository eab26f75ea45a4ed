"""The layers of the generators as nodes of an ONNX graph, with BatchNorm folded into the weights.

torch.onnx.export writes the same layers in 1.5 to 4.5 seconds for each checkpoint; here they take
milliseconds, because nothing is traced.
"""

from functools import singledispatch

import numpy as np
from onnx import TensorProto
from torch import nn

from models.networks.convolution import Upsample
from models.networks.dcgan import DCGANGenerator
from models.networks.mlp import MLPGenerator
from models.networks.network import Generator
from models.networks.r3gan import (
    SLOPE,
    BiasedLeakyReLU,
    R3GANGenerator,
    Resample,
    ResidualBlock,
)
from models.onnx_graph import Graph, float64, scale_and_shift

DOUBLING = np.array([0.5, 1.0, 0.5])  # R3GAN's kernel that doubles a side


@singledispatch
def add_generator(generator: Generator, _graph: Graph, _inputs: str) -> str:
    """Add the layers of `generator`, which computes as in eval mode, to the graph.

    `inputs` names the latents with the embeddings of the classes, (N, input_dim). Returns the name
    of the images (N, C, H, W), as the generator's `forward` returns them. Raises TypeError for an
    architecture without a function here.
    """
    raise TypeError(f"no ONNX layers are known for a {type(generator).__name__}")


def add_inputs(generator: Generator, graph: Graph, latents: str, labels: str) -> str:
    """Add the embeddings of the labels to the latents: -> (N, input_dim)."""
    if generator.embedding is None:
        return latents
    table = graph.weight(float64(generator.embedding.weight))
    return graph.node("Concat", latents, graph.node("Gather", table, labels, axis=0), axis=1)


def add_pixels(graph: Graph, images: str, channels: int, output: str) -> None:
    """(N, C, H, W) in [-1, 1] -> `output` (N, H, W, C) uint8, rounded and clipped.

    The colours of fully transparent pixels become 0: an animated WebP drops them, and all formats
    are to agree.
    """
    one, scale = graph.weight(np.array(1.0)), graph.weight(np.array(127.5))
    low, high = graph.weight(np.array(0.0)), graph.weight(np.array(255.0))
    levels = graph.node("Round", graph.node("Mul", graph.node("Add", images, one), scale))
    levels = graph.node("Clip", levels, low, high)
    if channels == 4:
        starts, ends, axes = (graph.whole_numbers(number) for number in (3, 4, 1))
        alpha = graph.node("Slice", levels, starts, ends, axes)
        levels = graph.node("Mul", levels, graph.node("Sign", alpha))
    pixels = graph.node("Cast", levels, to=TensorProto.UINT8)
    graph.node("Transpose", pixels, perm=(0, 2, 3, 1), output=output)


@add_generator.register
def _(generator: MLPGenerator, graph: Graph, inputs: str) -> str:
    """BatchNorm follows the activation, so that it is folded into the next dense layer."""
    features, norm = inputs, None
    for layer in generator.layers:
        if isinstance(layer, nn.Linear):
            weight, bias = float64(layer.weight).T, float64(layer.bias)
            if norm is not None:
                weight, bias = norm.scale[:, None] * weight, bias + norm.shift @ weight
            features, norm = graph.dense(features, weight, bias), None
        elif isinstance(layer, nn.BatchNorm1d):
            norm = scale_and_shift(layer)
        else:
            features = _add_activation(layer, graph, features)
    return graph.reshape(graph.node("Tanh", features), -1, *generator.shape)


@add_generator.register
def _(generator: DCGANGenerator, graph: Graph, inputs: str) -> str:
    """BatchNorm follows a transposed convolution, and is folded into it."""
    layers = list(generator.layers)
    colours = iter(generator.colours)
    features, image = _add_first_layer(generator, graph, inputs), None
    for index, layer in enumerate(layers[generator.start :], generator.start):
        if isinstance(layer, nn.BatchNorm2d):
            continue
        if not isinstance(layer, Upsample):
            features = _add_activation(layer, graph, features)
            continue
        # Every stage but the first adds its colours to the image before it is enlarged.
        if generator.colours and index > generator.start + 1:
            added = _add_colours(next(colours), graph, features)
            image = added if image is None else graph.node("Add", _enlarge(graph, image), added)
        weight, shift = float64(layer.weight), None
        norm = layers[index + 1] if index + 1 < len(layers) else None
        if isinstance(norm, nn.BatchNorm2d):
            scale, shift = scale_and_shift(norm)
            weight = weight * scale[:, None, None]  # (C, C', 4, 4)
        features = graph.convolve(
            "ConvTranspose", features, weight, shift, strides=(2, 2), pads=(1, 1, 1, 1)
        )
    if image is not None:
        features = graph.node("Add", features, _enlarge(graph, image))
    return graph.node("Tanh", features)


@add_generator.register
def _(generator: R3GANGenerator, graph: Graph, inputs: str) -> str:
    basis = float64(generator.basis)
    scales = graph.dense(inputs, float64(generator.scale.weight).T)
    scales = graph.reshape(scales, -1, len(basis), 1, 1)
    features, channels = graph.node("Mul", scales, graph.weight(basis)), len(basis)
    for layer in generator.layers:
        if isinstance(layer, ResidualBlock):
            features = graph.node("Add", features, _add_residual(layer, graph, features))
            continue
        convolution = layer.convolution if isinstance(layer, Resample) else layer
        if convolution is not None:
            assert isinstance(convolution, nn.Conv2d)
            channels = convolution.out_channels
            features = graph.convolve("Conv", features, float64(convolution.weight), None)
        if isinstance(layer, Resample):
            features = _double(graph, features, channels)
    return features


def _add_activation(layer: nn.Module, graph: Graph, values: str) -> str:
    if isinstance(layer, nn.LeakyReLU):
        return graph.leaky_relu(values, layer.negative_slope)
    assert isinstance(layer, nn.ReLU), layer
    return graph.node("Relu", values)


def _add_first_layer(generator: DCGANGenerator, graph: Graph, inputs: str) -> str:
    """The latents' and the classes' layers as one matrix product: -> (N, C, H, W).

    BatchNorm normalises the latents' share alone.
    """
    first, norm = generator.layers[0], generator.layers[1]
    assert isinstance(first, nn.ConvTranspose2d)
    weight, bias = float64(first.weight), None  # (D, C, H, W)
    _, channels, height, width = weight.shape
    if isinstance(norm, nn.BatchNorm2d):
        scale, shift = scale_and_shift(norm)
        weight, bias = weight * scale[:, None, None], shift.repeat(height * width)
    if generator.class_layer is not None:
        weight = np.concatenate([weight, float64(generator.class_layer.weight)])
    products = graph.dense(inputs, weight.reshape(len(weight), -1), bias)
    return graph.reshape(products, -1, channels, height, width)


def _add_colours(layer: nn.Module, graph: Graph, features: str) -> str:
    assert isinstance(layer, nn.Conv2d)
    assert layer.bias is not None
    return graph.convolve("Conv", features, float64(layer.weight), float64(layer.bias))


def _enlarge(graph: Graph, images: str) -> str:
    """(N, C, H, W) -> (N, C, 2 H, 2 W), bilinear."""
    scales = graph.weight(np.array([1.0, 1.0, 2.0, 2.0]))
    mode = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
    return graph.node("Resize", images, "", scales, **mode)


def _add_residual(block: ResidualBlock, graph: Graph, images: str) -> str:
    """What the block adds to `images`. Each bias belongs to the convolution before it."""
    layers = list(block.layers)
    for layer, following in zip(layers, [*layers[1:], None], strict=True):
        if isinstance(layer, BiasedLeakyReLU):
            images = graph.leaky_relu(images, SLOPE)
            continue
        assert isinstance(layer, nn.Conv2d)
        bias = float64(following.bias) if isinstance(following, BiasedLeakyReLU) else None
        padding = layer.kernel_size[0] // 2
        images = graph.convolve(
            "Conv", images, float64(layer.weight), bias, group=layer.groups, pads=[padding] * 4
        )
    return images


def _double(graph: Graph, images: str, channels: int) -> str:
    """(N, C, H, W) -> (N, C, 2 H, 2 W), each channel by itself."""
    kernel = np.broadcast_to(np.outer(DOUBLING, DOUBLING), (channels, 1, 3, 3))
    return graph.convolve(
        "ConvTranspose",
        images,
        kernel,
        None,
        group=channels,
        strides=(2, 2),
        pads=(1, 1, 1, 1),
        output_padding=(1, 1),
    )
