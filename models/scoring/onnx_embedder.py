"""The embedding in ONNX Runtime: what the API and bulk generation compare images with.

`embedding.onnx` is the network of `embedding.py`, written by `python -m models.scoring.export`.
Does not import torch.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.onnx_sessions import BrokenModel, open_session
from models.samples import Pixels, flatten_alpha
from models.scoring.embedding_definition import (
    BACKGROUND,
    FEATURES,
    SIDE,
    EmbeddingError,
    check_images,
    embedding_name,
)

EMBEDDING_ONNX = Path(__file__).with_name("embedding.onnx")
WEIGHTS_SHA256 = "moggy_weights_sha256"  # the file's metadata: of the safetensors it was made from
BATCH = 8  # images per forward pass: 64 are 3 % faster per image, with eight times the memory


class OnnxEmbedder:
    """The trained network, in float32 on every machine, computed in the calling thread.

    Its features are those of `embedding.Embedder` in float32, within 1e-5 for images of 64×64; the
    resizing of other sizes differs by at most one level of 255. `name` identifies network and
    weights. Thread-safe.
    """

    def __init__(self, path: Path = EMBEDDING_ONNX) -> None:
        """Raises EmbeddingError where the file is missing, broken or another network's."""
        try:
            self._session = open_session(path)
            metadata = self._session.get_modelmeta().custom_metadata_map
            self.name = embedding_name(metadata[WEIGHTS_SHA256])
        except (BrokenModel, KeyError) as error:
            raise EmbeddingError(
                f"the embedding's network {path} is unusable: install Moggy again, or write it "
                "with `python -m models.scoring.export`"
            ) from error

    def __call__(self, images: np.ndarray) -> NDArray[np.float32]:
        """(N, H, W, C) uint8, C of 1, 3 or 4, any H and W -> (N, 128) float32 of unit length.

        An image's features have the same bits in any batch. Raises EmbeddingError.
        """
        check_images(images)
        features = np.empty((len(images), FEATURES), np.float32)
        for first in range(0, len(images), BATCH):
            prepared = _prepare(images[first : first + BATCH])
            (features[first : first + BATCH],) = self._session.run(
                ["features"], {"images": prepared}
            )
        return features


def _prepare(images: Pixels) -> Pixels:
    """(N, H, W, C) -> (N, 64, 64, 3): opaque, three channels, resized by area."""
    images = flatten_alpha(images, BACKGROUND)
    if images.shape[1:3] != (SIDE, SIDE):
        images = np.stack([_resize(image) for image in images])
    return np.ascontiguousarray(np.broadcast_to(images, (*images.shape[:3], 3)))


def _resize(image: Pixels) -> Pixels:
    """(H, W, 1 | 3) -> (64, 64, 1 | 3). Pillow's bilinear filter is antialiased."""
    channels = image.shape[2]
    picture = Image.fromarray(image[:, :, 0] if channels == 1 else image)
    resized = picture.resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    return np.asarray(resized).reshape(SIDE, SIDE, channels)
