"""An eye of its own: a small network that turns a picture into 128 numbers.

Like pictures lie near each other. `python -m benchmarks.embedding` trained it (docs/embedding.md).
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from models.precision import native_bfloat16
from models.tensor_files import TensorFileError, read_tensors

FEATURES = 128  # length of an embedding
SIDE = 64  # pixels: what the network sees of a picture of any size
BACKGROUND = 128  # mid-grey, behind what is transparent: neither a black nor a white shape is lost
KIND = "embedding"
WEIGHTS = Path(__file__).with_name("embedding.safetensors")
VERSION = 1  # of the network and of how it is fed; the weights have their own hash
BATCH = 64  # a forward pass has one of two shapes, so that the kernels are always the same
SMALL_BATCH = 8


class EmbeddingError(ValueError):
    """The weights are broken or absent, or what was given is no array of pictures."""


class Embedder:
    """The trained network in eval mode; bfloat16 where the device multiplies it in hardware, unless
    it is to be `precise`: then float32, which is the same everywhere but for rounding.

    `name` is the identity of network and weights: features of two names are not compared.
    """

    def __init__(
        self, device: str | torch.device = "cpu", weights: Path = WEIGHTS, *, precise: bool = False
    ) -> None:
        self.device = torch.device(device)
        fast = native_bfloat16(self.device) and not precise
        self._number = torch.bfloat16 if fast else torch.float32
        network = read_network(weights).to(self.device).eval()
        for part in network.modules():
            if isinstance(part, Convolution):
                part.fold()
        network.layers.to(self._number, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._network = network
        self.name = f"moggy-{VERSION}-{hashlib.sha256(weights.read_bytes()).hexdigest()[:8]}"

    @torch.inference_mode()
    def __call__(self, images: np.ndarray) -> np.ndarray:
        """(N, H, W, C) uint8, C of 1, 3 or 4, any H and W -> (N, 128) float32 of unit length.

        A picture's features do not depend on its batch. Those of bfloat16 lie within 0.05 of those
        of float32.
        """
        check(images)
        features = np.empty((len(images), FEATURES), np.float32)
        for first, last, batch in passes(len(images)):
            shown = prepare(images[first:last])
            padded = torch.zeros((batch, *shown.shape[1:]), dtype=torch.uint8)
            padded = padded.to(memory_format=torch.channels_last)
            padded[: last - first] = shown
            found = self._network(padded.to(self.device), self._number)
            features[first:last] = found[: last - first].cpu().numpy()
        return features


def check(images: np.ndarray) -> None:
    """Raises EmbeddingError for what is no (N, H, W, 1 | 3 | 4) uint8."""
    if images.dtype != np.uint8:
        raise EmbeddingError(f"pictures must be uint8 of 0 to 255, not {images.dtype}")
    if images.ndim != 4 or images.shape[3] not in (1, 3, 4) or 0 in images.shape[1:3]:
        raise EmbeddingError(
            f"pictures must be (N, H, W, C) with 1, 3 or 4 channels, not {images.shape}"
        )


def passes(images: int) -> Iterator[tuple[int, int, int]]:
    """First, last and size of the padded batch: large ones, and small ones for what is left."""
    first = 0
    while first < images:
        batch = BATCH if images - first > SMALL_BATCH else SMALL_BATCH
        last = min(first + batch, images)
        yield first, last, batch
        first = last


def prepare(images: np.ndarray) -> Tensor:
    """(N, H, W, C) uint8 -> (N, 3, 64, 64) uint8: opaque, of three channels, resized by area."""
    if images.shape[3] == 4:
        images = opaque(images)
    shown = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2)
    if shown.shape[2:] != (SIDE, SIDE):
        shown = F.interpolate(shown, (SIDE, SIDE), mode="bilinear", antialias=True)
    return shown.expand(-1, 3, -1, -1)


def opaque(images: np.ndarray) -> np.ndarray:
    """(N, H, W, 4) uint8 -> (N, H, W, 3), laid over BACKGROUND."""
    opacity = images[..., 3:].astype(np.uint32)
    shown = images[..., :3] * opacity + BACKGROUND * (255 - opacity)
    return ((shown + 127) // 255).astype(np.uint8)


class Convolution(nn.Module):
    """3×3, BatchNorm, ReLU; with `skip` its input is added before the ReLU (He et al. 2015)."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1, skip: bool = False) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(outputs)
        self.skip = skip

    def forward(self, images: Tensor) -> Tensor:
        found: Tensor = self.norm(self.convolution(images))
        return F.relu(found + images if self.skip else found)

    def fold(self) -> None:
        """Make the norm part of the weights, which in eval mode it is."""
        if isinstance(self.norm, nn.BatchNorm2d):
            self.convolution = fuse_conv_bn_eval(self.convolution, self.norm)
            self.norm = nn.Identity()


class Network(nn.Module):
    """1.3 M parameters, 0.11 GFLOP a picture."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.PixelUnshuffle(2),  # (B, 12, 32, 32)
            Convolution(12, 32),
            Convolution(32, 64, stride=2),  # (B, 64, 16, 16)
            Convolution(64, 64, skip=True),
            Convolution(64, 128, stride=2),  # (B, 128, 8, 8)
            Convolution(128, 128, skip=True),
            Convolution(128, 128, skip=True),
            Convolution(128, 256, stride=2),  # (B, 256, 4, 4)
            Convolution(256, 256, skip=True),
        )
        self.features = nn.Linear(256, FEATURES)

    def forward(self, images: Tensor, number: torch.dtype = torch.float32) -> Tensor:
        """(B, 3, 64, 64) of 0 to 255 -> (B, 128) of unit length, in float32."""
        shown = images.to(number).div(127.5).sub(1)
        pooled = self.layers(shown).float().mean((2, 3))  # (B, 256)
        return F.normalize(self.features(pooled), dim=1)


def read_network(path: Path) -> Network:
    """The network of a weights file; raises EmbeddingError where it is broken or another's."""
    remedy = "install Moggy again, or train it with `python -m benchmarks.embedding`"
    try:
        _, tensors = read_tensors(path, KIND)
        network = Network()
        network.load_state_dict(tensors)
    except (TensorFileError, RuntimeError) as error:
        raise EmbeddingError(f"the embedding's weights {path} are unusable: {remedy}") from error
    if not all(bool(tensor.isfinite().all()) for tensor in tensors.values()):
        raise EmbeddingError(f"the embedding's weights {path} hold values that are no numbers")
    return network
