"""The wire format of an ONNX file: its layers, and a copy of it that outputs them too.

The package onnx would read the file; it belongs to training, and the API does without it.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

# Numbers of the fields in onnx.proto.
MODEL_GRAPH = 7
GRAPH_NODE, GRAPH_INITIALIZER, GRAPH_OUTPUT = 1, 5, 12
NODE_INPUT, NODE_OUTPUT, NODE_OPERATOR = 1, 2, 4
TENSOR_DIMS, TENSOR_NAME = 1, 8
VALUE_NAME = 1

# Wire types of protobuf.
VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5

WEIGHT_OPERATORS = ("Gemm", "Conv", "ConvTranspose")
ACTIVATIONS = ("Relu", "LeakyRelu", "Tanh")


class Layer(NamedTuple):
    """An operator with weights, and the activation behind it. `output` names what it computes."""

    operator: str
    activation: str | None
    weights: int
    output: str


class _Node(NamedTuple):
    operator: str
    inputs: list[str]
    output: str


def read_layers(model: bytes) -> list[Layer]:
    """The layers of a graph, in the order of its nodes. Raises ValueError for a broken file."""
    nodes: list[_Node] = []
    weights: dict[str, int] = {}
    for number, graph in _fields(memoryview(model)):
        if number != MODEL_GRAPH or isinstance(graph, int):
            continue
        for part, content in _fields(graph):
            if isinstance(content, int):
                continue
            if part == GRAPH_NODE:
                nodes.append(_node(content))
            elif part == GRAPH_INITIALIZER:
                name, size = _weight(content)
                weights[name] = size
    return [_layer(node, nodes, weights) for node in nodes if node.operator in WEIGHT_OPERATORS]


def with_outputs(model: bytes, names: list[str]) -> bytes:
    """The model with values of its graph as additional outputs.

    A message that occurs twice is merged when it is read, and its lists are joined: so a second
    graph of nothing but outputs adds them to the first.
    """
    outputs = (_message(VALUE_NAME, name.encode()) for name in names)
    graph = b"".join(_message(GRAPH_OUTPUT, output) for output in outputs)
    return model + _message(MODEL_GRAPH, graph)


def _layer(node: _Node, nodes: list[_Node], weights: dict[str, int]) -> Layer:
    activation, output = None, node.output
    while True:
        consumers = [other for other in nodes if output in other.inputs]
        if len(consumers) != 1:
            break
        operator = consumers[0].operator
        if operator in ACTIVATIONS and activation is None:
            activation = operator
        elif operator != "Reshape":
            break
        output = consumers[0].output
    size = sum(weights.get(name, 0) for name in node.inputs)
    return Layer(node.operator, activation, size, output)


def _node(content: memoryview) -> _Node:
    operator, inputs, outputs = "", [], [""]
    for number, value in _fields(content):
        if isinstance(value, int):
            continue
        if number == NODE_INPUT:
            inputs.append(str(value, "utf-8"))
        elif number == NODE_OUTPUT:
            outputs.append(str(value, "utf-8"))
        elif number == NODE_OPERATOR:
            operator = str(value, "utf-8")
    return _Node(operator, inputs, outputs[-1])


def _weight(content: memoryview) -> tuple[str, int]:
    """The name of a tensor, and how many numbers it has."""
    name, dims = "", []
    for number, value in _fields(content):
        if number == TENSOR_DIMS and isinstance(value, int):
            dims.append(value)
        elif number == TENSOR_NAME and not isinstance(value, int):
            name = str(value, "utf-8")
    return name, math.prod(dims)


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """The fields of a message: a number each, with its integer or its bytes."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, kind = key >> 3, key & 7
        if kind == VARINT:
            value, at = _varint(message, at)
            yield number, value
        elif kind in (FIXED32, FIXED64):
            at += 4 if kind == FIXED32 else 8
        elif kind == LENGTH:
            length, at = _varint(message, at)
            if at + length > len(message):
                raise ValueError("a field is longer than its message")
            yield number, message[at : at + length]
            at += length
        else:
            raise ValueError(f"wire type {kind} is unknown")


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """An integer of seven bits a byte, the lowest first, and where it ends."""
    value, shift = 0, 0
    while True:
        if at >= len(message) or shift > 63:
            raise ValueError("an integer has no end")
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def _message(number: int, content: bytes) -> bytes:
    return _bytes_of(number << 3 | LENGTH) + _bytes_of(len(content)) + content


def _bytes_of(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])
