"""What the layers of a generator compute on the way to an image. Does not import torch."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.onnx_runtime import onnxruntime
from models.onnx_sessions import CPU, session_options
from models.onnx_wire import Layer, read_layers, with_outputs

Maps = NDArray[np.float32]  # (C, H, W); the maps of a dense layer are single values
Pixels = NDArray[np.uint8]  # (H, W)

CLIPPED_PERCENT = 99.5  # of the values of a layer: a few large ones would leave the others dark


class LayerMaps(NamedTuple):
    """A layer with the shape of its maps: channels, height, width."""

    layer: Layer
    shape: tuple[int, int, int]


class LayeredGenerator:
    """A generator whose layers are outputs too; thread-safe. It computes on the CPU."""

    def __init__(self, model: bytes, inputs: dict[str, NDArray[Any]]) -> None:
        """`model` is an ONNX file, `inputs` are those of one image. Raises ValueError."""
        layers = read_layers(model)
        self.bytes = len(model)
        self._session = onnxruntime.InferenceSession(
            with_outputs(model, [layer.output for layer in layers]),
            session_options(),
            providers=[CPU],
        )
        values = self._session.run([layer.output for layer in layers], inputs)
        self.layers = [
            LayerMaps(layer, _as_maps(value).shape)
            for layer, value in zip(layers, values, strict=True)
        ]

    def maps(self, layer: int, inputs: dict[str, NDArray[Any]]) -> Maps:
        """The maps of a layer for one image."""
        (value,) = self._session.run([self.layers[layer].layer.output], inputs)
        return _as_maps(value)


def _as_maps(value: NDArray[np.float32]) -> Maps:
    """(1, C, H, W) or (1, C) -> (C, H, W) or (C, 1, 1)."""
    maps: Maps = value[0] if value.ndim == 4 else value[0].reshape(-1, 1, 1)
    return maps


def maps_as_grey(maps: Maps, most: int | None = None) -> NDArray[np.uint8]:
    """The first `most` maps as levels of grey, on one scale for all of the layer.

    Where no value is negative, 0 is black; otherwise 0 is the middle grey. NaN is black.
    """
    sizes = np.abs(maps)
    largest = float(np.percentile(sizes, CLIPPED_PERCENT, overwrite_input=True)) or 1.0
    del sizes  # a wide layer has hundreds of megabytes, so the rest works in place
    has_negative = maps.min() < 0
    levels = maps[:most] / largest
    if has_negative:
        levels += 1
        levels /= 2
    np.clip(levels, 0, 1, out=levels)
    levels *= 255
    grey: NDArray[np.uint8] = np.rint(np.nan_to_num(levels, copy=False)).astype(np.uint8)
    return grey
