"""What both implementations of the embedding share: the images they take, sizes and the name.

`embedding.py` computes it with torch, `onnx_embedder.py` with ONNX Runtime. Does not import torch.
"""

import numpy as np

FEATURES = 128  # length of an embedding
SIDE = 64  # pixels; an image of any size is resized to this
BACKGROUND = 128  # mid-grey behind transparent pixels: black and white shapes both stay visible
VERSION = 1  # of the network and its preprocessing; the weights have a hash of their own


class EmbeddingError(ValueError):
    """The weights are broken or missing, or the argument is not an array of images."""


def embedding_name(weights_sha256: str) -> str:
    """The name of the network and its weights: compare only features of the same name."""
    return f"moggy-{VERSION}-{weights_sha256[:8]}"


def check_images(images: np.ndarray) -> None:
    """Raise EmbeddingError unless `images` is (N, H, W, 1 | 3 | 4) uint8."""
    if images.dtype != np.uint8:
        raise EmbeddingError(f"images must be uint8, not {images.dtype}")
    if images.ndim != 4 or images.shape[3] not in (1, 3, 4) or 0 in images.shape[1:3]:
        raise EmbeddingError(
            f"images must be (N, H, W, C) with 1, 3 or 4 channels, not {images.shape}"
        )
