"""The ONNX file of a known checkpoint without its weights, which are filled in without torch.

It is for the checkpoint that comes with Moggy, of a DCGAN without classes: the file then needs no
export by PyTorch. The hashes of the weights and of the ONNX file are part of the template, so that
the filled file is the exported one, byte for byte, or none.
"""

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from safetensors import deserialize

from models.checkpoint_header import DISCRIMINATOR_PREFIX

Array = NDArray[np.float64]

NORM_EPS = 1e-5  # of `nn.BatchNorm2d`


class TemplateError(ValueError):
    """The weights are not those of the template, or the filled file is not the exported one."""


@dataclass(frozen=True)
class GraphTemplate:
    """`parts` are the bytes before, between and behind the weights."""

    weights_sha256: str
    onnx_sha256: str
    parts: list[bytes]

    @classmethod
    def read(cls, path: Path) -> Self:
        stored = json.loads(path.read_text("utf-8"))
        parts = [base64.b64decode(part) for part in stored["parts"]]
        return cls(stored["weights_sha256"], stored["onnx_sha256"], parts)

    @classmethod
    def cut(cls, checkpoint: bytes, onnx: bytes) -> Self:
        """Make the template of a checkpoint file and the ONNX file that was exported of it."""
        parts, start = [], 0
        for weights in _folded_weights(checkpoint):
            found = onnx.index(weights, start)
            parts.append(onnx[start:found])
            start = found + len(weights)
        return cls(_sha256(checkpoint), _sha256(onnx), [*parts, onnx[start:]])

    def write(self, path: Path) -> None:
        parts = [base64.b64encode(part).decode("ascii") for part in self.parts]
        stored = {"weights_sha256": self.weights_sha256, "onnx_sha256": self.onnx_sha256}
        path.write_text(json.dumps(stored | {"parts": parts}, indent=1) + "\n", "utf-8")

    def fill(self, checkpoint: bytes) -> bytes:
        """Return the ONNX file of the checkpoint file. Raises TemplateError."""
        if _sha256(checkpoint) != self.weights_sha256:
            raise TemplateError("the weights are not those of this template")
        weights = [*_folded_weights(checkpoint), b""]
        pairs = zip(self.parts, weights, strict=True)
        onnx = b"".join(piece for pair in pairs for piece in pair)
        if _sha256(onnx) != self.onnx_sha256:
            raise TemplateError("the ONNX file differs from the exported one")
        return onnx


def _folded_weights(checkpoint: bytes) -> Iterator[bytes]:
    """The weights of each layer with its BatchNorm, as `models.onnx_layers` folds them."""
    stored: list[tuple[str, dict[str, Any]]] = deserialize(checkpoint)  # type: ignore[no-untyped-call]
    tensors = {
        name: _float64(tensor)
        for name, tensor in stored
        if not name.startswith(DISCRIMINATOR_PREFIX) and tensor["dtype"] != "I64"
    }
    numbers = sorted(int(name.split(".")[1]) for name, tensor in tensors.items() if tensor.ndim > 1)
    for number in numbers:
        weight, norm = tensors[f"layers.{number}.weight"], f"layers.{number + 1}"
        if f"{norm}.running_var" in tensors:
            scale = tensors[f"{norm}.weight"] / np.sqrt(tensors[f"{norm}.running_var"] + NORM_EPS)
            shift = tensors[f"{norm}.bias"] - tensors[f"{norm}.running_mean"] * scale
            weight = weight * scale[:, None, None]
            if number == numbers[0]:  # a matrix product, of which each pixel has a bias
                shift = shift.repeat(weight.shape[2] * weight.shape[3])
            yield shift.astype("<f4").tobytes()
        yield weight.astype("<f4").tobytes()


def _float64(tensor: dict[str, Any]) -> Array:
    """A tensor of BF16, the upper half of float32, or of F32."""
    if tensor["dtype"] == "BF16":
        halves = np.frombuffer(tensor["data"], "<u2")
        values = (halves.astype("<u4") << 16).view("<f4")
    else:
        values = np.frombuffer(tensor["data"], "<f4")
    return values.astype(np.float64).reshape(tensor["shape"])


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
