"""The embedding: a small network that turns an image into 128 numbers, in torch.

The embeddings of similar images are close. `python -m benchmarks.embedding` trained it:
docs/embedding.md. `onnx_embedder.py` computes the same without torch.
"""

import hashlib
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from models.precision import native_bfloat16
from models.samples import flatten_alpha
from models.scoring.embedding_definition import (
    BACKGROUND,
    FEATURES,
    SIDE,
    EmbeddingError,
    check_images,
    embedding_name,
)
from models.tensor_files import TensorFileError, read_tensors

KIND = "embedding"
WEIGHTS = Path(__file__).with_name("embedding.safetensors")
# Every forward pass has this batch size, so that the kernels are always the same.
EMBEDDING_BATCH = 64


class Embedder:
    """The trained network in eval mode.

    It computes in bfloat16 where the device multiplies that in hardware. `name` identifies network
    and weights: compare only features of the same name.
    """

    def __init__(self, device: str | torch.device = "cpu", weights: Path = WEIGHTS) -> None:
        self.device = torch.device(device)
        self._dtype = torch.bfloat16 if native_bfloat16(self.device) else torch.float32
        network = read_network(weights).to(self.device).eval()
        for module in network.modules():
            if isinstance(module, Convolution):
                module.fold()
        network.layers.to(self._dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._network = network
        self.name = embedding_name(hashlib.sha256(weights.read_bytes()).hexdigest())

    @torch.inference_mode()
    def __call__(self, images: np.ndarray) -> np.ndarray:
        """(N, H, W, C) uint8, C of 1, 3 or 4, any H and W -> (N, 128) float32 of unit length.

        An image's features do not depend on its batch. bfloat16 features are within 0.05 of float32
        features. Raises EmbeddingError.
        """
        check_images(images)
        features = np.empty((len(images), FEATURES), np.float32)
        for first in range(0, len(images), EMBEDDING_BATCH):
            prepared = prepare(images[first : first + EMBEDDING_BATCH])
            padded = torch.zeros((EMBEDDING_BATCH, *prepared.shape[1:]), dtype=torch.uint8)
            padded = padded.to(memory_format=torch.channels_last)
            padded[: len(prepared)] = prepared
            embedded = self._network(padded.to(self.device), self._dtype)
            features[first : first + len(prepared)] = embedded[: len(prepared)].cpu().numpy()
        return features


def prepare(images: np.ndarray) -> Tensor:
    """(N, H, W, C) uint8 -> (N, 3, 64, 64) uint8: opaque, three channels, resized by area."""
    opaque = np.ascontiguousarray(flatten_alpha(images, BACKGROUND))
    resized = torch.from_numpy(opaque).permute(0, 3, 1, 2)
    if resized.shape[2:] != (SIDE, SIDE):
        resized = F.interpolate(resized, (SIDE, SIDE), mode="bilinear", antialias=True)
    return resized.expand(-1, 3, -1, -1)


class Convolution(nn.Module):
    """3×3, BatchNorm, ReLU. With `skip`, the input is added before the ReLU (He et al. 2015)."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1, skip: bool = False) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(outputs)
        self.skip = skip

    def forward(self, images: Tensor) -> Tensor:
        features: Tensor = self.norm(self.convolution(images))
        return F.relu(features + images if self.skip else features)

    def fold(self) -> None:
        """Fold the norm into the weights of the convolution, which is exact in eval mode."""
        if isinstance(self.norm, nn.BatchNorm2d):
            self.convolution = fuse_conv_bn_eval(self.convolution, self.norm)
            self.norm = nn.Identity()


class Network(nn.Module):
    """1.35 M parameters, 0.11 GFLOP per image."""

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

    def forward(self, images: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """(B, 3, 64, 64) of 0 to 255 -> (B, 128) of unit length, in float32."""
        scaled = images.to(dtype).div(127.5).sub(1)
        pooled = self.layers(scaled).float().mean((2, 3))  # (B, 256)
        return F.normalize(self.features(pooled), dim=1)


def read_network(path: Path) -> Network:
    """Read a weights file. Raises EmbeddingError where it is broken or another network's."""
    remedy = "install Moggy again, or train them with `python -m benchmarks.embedding`"
    try:
        _, tensors = read_tensors(path, KIND)
        network = Network()
        network.load_state_dict(tensors)
    except (TensorFileError, RuntimeError) as error:
        raise EmbeddingError(f"the embedding's weights {path} are unusable: {remedy}") from error
    if not all(bool(tensor.isfinite().all()) for tensor in tensors.values()):
        raise EmbeddingError(
            f"the embedding's weights {path} hold NaN or infinite values: {remedy}"
        )
    return network
