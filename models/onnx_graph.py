"""An ONNX graph that is written node by node, and BatchNorm as what it does to a convolution."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper
from torch import Tensor, nn

Array = NDArray[np.float64]  # weights while they are folded; the file holds float32


class Graph:
    """The nodes and the weights of an ONNX graph. Values are referred to by their names."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.weights: list[TensorProto] = []

    def node(self, operator: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """Add a node and return the name of its output."""
        name = output or f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], name, **attributes))
        return name

    def weight(self, values: Array) -> str:
        """Add float32 weights and return their name. Values that are too large become infinite."""
        with np.errstate(over="ignore"):
            return self._constant(values.astype(np.float32))

    def whole_numbers(self, *values: int) -> str:
        return self._constant(np.array(values, np.int64))

    def dense(self, inputs: str, weight: Array, bias: Array | None = None) -> str:
        """(N, K) times a weight of (K, M) plus a bias of (M,): -> (N, M)."""
        biases = [] if bias is None else [self.weight(bias)]
        return self.node("Gemm", inputs, self.weight(weight), *biases)

    def convolve(
        self, operator: str, images: str, weight: Array, bias: Array | None, **attributes: Any
    ) -> str:
        """A Conv or a ConvTranspose of (N, C, H, W)."""
        biases = [] if bias is None else [self.weight(bias)]
        attributes["kernel_shape"] = weight.shape[2:]
        return self.node(operator, images, self.weight(weight), *biases, **attributes)

    def reshape(self, values: str, *shape: int) -> str:
        """Reshape; the batch, whose size is not known, is the only side of -1."""
        return self.node("Reshape", values, self.whole_numbers(*shape))

    def leaky_relu(self, values: str, slope: float) -> str:
        return self.node("LeakyRelu", values, alpha=slope)

    def _constant(self, values: NDArray[Any]) -> str:
        name = f"weight_{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(values, name))
        return name


class ScaleAndShift(NamedTuple):
    """What BatchNorm multiplies a channel with in eval mode, and then adds: (C,) each."""

    scale: Array
    shift: Array


def scale_and_shift(norm: nn.BatchNorm1d | nn.BatchNorm2d) -> ScaleAndShift:
    """Computed in float64, so that the same weights give the same bytes on every processor."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = float64(norm.weight) / np.sqrt(float64(norm.running_var) + norm.eps)
    return ScaleAndShift(scale, float64(norm.bias) - float64(norm.running_mean) * scale)


def float64(tensor: Tensor) -> Array:
    return tensor.detach().cpu().double().numpy()
