"""Writes the ONNX files of this folder: `python -m models.scoring.export`.

`embedding.onnx` is the network of `embedding.py` with the weights of `embedding.safetensors`;
`nearest_halves.onnx` and `nearest_scores.onnx` are the arithmetic of `nearest.py`. The same weights
give the same bytes on every machine.
"""

import hashlib
import sys
from pathlib import Path

import numpy as np
from onnx import TensorProto, ValueInfoProto, checker, helper
from torch import nn

from models.durable_files import write_durably
from models.onnx_graph import Graph, float64, scale_and_shift
from models.onnx_writer import IR_VERSION, OPSET
from models.scoring.embedding import WEIGHTS, Convolution, read_network
from models.scoring.embedding_definition import FEATURES, SIDE
from models.scoring.nearest import HALVES_ONNX, SCORES_ONNX
from models.scoring.onnx_embedder import EMBEDDING_ONNX, WEIGHTS_SHA256

STORED = helper.make_tensor_value_info("stored", TensorProto.FLOAT16, ["R", "F"])
HALVES = helper.make_tensor_value_info("halves", TensorProto.FLOAT, ["R"])
QUERIES = helper.make_tensor_value_info("queries", TensorProto.FLOAT, ["M", "F"])
SCORES = helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["M", "R"])


def main() -> None:
    for path, data in {
        EMBEDDING_ONNX: embedding_onnx(WEIGHTS),
        HALVES_ONNX: halves_onnx(),
        SCORES_ONNX: scores_onnx(),
    }.items():
        write_durably(path, data)
        sys.stdout.write(f"{path}: {len(data):,} bytes\n")


def embedding_onnx(weights: Path) -> bytes:
    """The network: `images` (N, 64, 64, 3) uint8 -> `features` (N, 128) float32, of unit length.

    `weights` is the safetensors file. Raises EmbeddingError where it is unusable.
    """
    network = read_network(weights)
    unshuffle, *convolutions = network.layers
    assert isinstance(unshuffle, nn.PixelUnshuffle)
    graph = Graph()
    channels_first = graph.node("Transpose", "images", perm=(0, 3, 1, 2))
    levels = graph.node("Cast", channels_first, to=TensorProto.FLOAT)
    scaled = graph.node("Div", levels, graph.weight(np.array(127.5)))
    features = graph.node("Sub", scaled, graph.weight(np.array(1.0)))
    for number, layer in enumerate(convolutions):
        assert isinstance(layer, Convolution)
        features = _add_convolution(
            graph, layer, features, unshuffle.downscale_factor if number == 0 else 1
        )
    # A convolution, and not a matrix product, whose bits would depend on the number of images.
    pooled = graph.node("GlobalAveragePool", features)  # (N, 256, 1, 1)
    weight = float64(network.features.weight)[:, :, None, None]
    embedded = graph.convolve("Conv", pooled, weight, float64(network.features.bias))
    flat = graph.node("Flatten", embedded)
    graph.node("LpNormalization", flat, output="features", axis=1, p=2)
    images = helper.make_tensor_value_info("images", TensorProto.UINT8, ["N", SIDE, SIDE, 3])
    output = helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", FEATURES])
    sha256 = hashlib.sha256(weights.read_bytes()).hexdigest()
    return _model(graph, [images], output, {WEIGHTS_SHA256: sha256})


def halves_onnx() -> bytes:
    """`stored` (R, F) float16 -> `halves` (R,) float32: ½|x|² of each row."""
    graph = Graph()
    vectors = graph.node("Cast", "stored", to=TensorProto.FLOAT)
    squares = graph.node("Mul", vectors, vectors)
    sums = graph.node("ReduceSum", squares, graph.whole_numbers(1), keepdims=0)
    graph.node("Mul", sums, graph.weight(np.array(0.5)), output="halves")
    return _model(graph, [STORED], HALVES)


def scores_onnx() -> bytes:
    """`stored` (R, F) float16, `halves` (R,), `queries` (M, F) -> `scores` (M, R): ½|x|² - x·q."""
    graph = Graph()
    vectors = graph.node("Cast", "stored", to=TensorProto.FLOAT)
    products = graph.node("Gemm", "queries", vectors, transB=1)
    graph.node("Sub", "halves", products, output="scores")
    return _model(graph, [STORED, HALVES, QUERIES], SCORES)


def _add_convolution(graph: Graph, layer: Convolution, images: str, block: int) -> str:
    """Add a convolution with its norm folded into it, its skip and its ReLU.

    `block` is the factor of the PixelUnshuffle before it, 1 without one. Both together are one
    convolution with a larger kernel and stride: each channel of an unshuffled image is one place in
    blocks of pixels.
    """
    norm = layer.norm
    assert isinstance(norm, nn.BatchNorm2d)
    scale, shift = scale_and_shift(norm)
    weight = float64(layer.convolution.weight) * scale[:, None, None, None]  # (O, C · block², 3, 3)
    outputs, channels, height, width = weight.shape
    weight = weight.reshape(outputs, channels // block**2, block, block, height, width)
    weight = weight.transpose(0, 1, 4, 2, 5, 3)  # (O, C, 3, block, 3, block)
    weight = weight.reshape(outputs, channels // block**2, height * block, width * block)
    stride = layer.convolution.stride[0] * block
    features = graph.convolve(
        "Conv", images, weight, shift, strides=(stride, stride), pads=[block] * 4
    )
    if layer.skip:
        features = graph.node("Add", features, images)
    return graph.node("Relu", features)


def _model(
    graph: Graph,
    inputs: list[ValueInfoProto],
    output: ValueInfoProto,
    metadata: dict[str, str] | None = None,
) -> bytes:
    model = helper.make_model(
        helper.make_graph(graph.nodes, "moggy", inputs, [output], graph.weights),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="moggy",
    )
    helper.set_model_props(model, metadata or {})
    checker.check_model(model)
    data: bytes = model.SerializeToString(deterministic=True)
    return data


if __name__ == "__main__":
    main()
