"""Writes the bundle of a checkpoint as a zip, piece by piece; equal contents give equal bytes."""

import json
import zipfile
from collections.abc import Iterator
from typing import Any

from app.domain.bundles import CARD, EXAMPLE, LINEAGE, METRICS, ONNX, REFERENCE, SAMPLES, WEIGHTS
from app.domain.images.encoders import ZIP_EPOCH
from app.serving.model_card import model_card
from models.config import TrainingConfig

SAMPLE_PIXELS = 1 << 20  # of the grid of samples, where all its images fit
MANY_SAMPLES, FEW_SAMPLES = 64, 16
UNIX = 3  # the system that the zip names, whichever one writes it
REGULAR_FILE = 0o100644 << 16
# Generates an image without Moggy, in twelve lines.
EXAMPLE_PROGRAM = f"""\
# Writes the image of a seed, the one that Moggy serves. Needs: onnxruntime, numpy, pillow.
import numpy as np
import onnxruntime
from PIL import Image
session, seed = onnxruntime.InferenceSession("{ONNX}"), 7
halves = lambda number: np.uint64([[number % 2**32], [number >> 32]])
even, odd = halves(1) * np.arange(session.get_inputs()[0].shape[1], dtype=np.uint64), 0
for i in range(10):  # Philox4x32-10: the seed is its key, a counter from 0 on its input
    high, low = np.divmod((even * halves(0xCD9E8D57D2511F53))[::-1], 2**32)
    even, odd = high ^ odd ^ (halves(seed) + i * halves(0xBB67AE859E3779B9)) % 2**32, low
radius, angle = np.sqrt(-2 * np.log((even + 0.5) / 2**32)), 2 * np.pi * (odd + 0.5) / 2**32
latents = np.float32(radius * [np.cos(angle), np.sin(angle)]).T.reshape(1, -1)[:, :even.shape[1]]
Image.fromarray(session.run(None, FEED)[0].squeeze()).save("image.png")
"""
FEED = '{"latents": latents}'
CONDITIONAL_FEED = '{"latents": latents, "labels": np.int64([0])}'  # of the first class


def sample_count(config: TrainingConfig) -> int:
    """How many images the grid of samples shows."""
    pixels = config.height * config.columns
    return MANY_SAMPLES if MANY_SAMPLES * pixels <= SAMPLE_PIXELS else FEW_SAMPLES


def bundle_documents(
    lineage: dict[str, Any],
    metrics: dict[str, Any] | None,
    downloaded_as: str,
    reference: bytes | None = None,
) -> dict[str, bytes]:
    """The small files of the bundle, except the grid of samples. `reference` is the content of the
    quality reference, None where it is unknown or left out."""
    config = TrainingConfig.from_json(lineage["config"])
    has_reference = reference is not None
    card = model_card(
        lineage, metrics, sample_count(config), downloaded_as, has_reference=has_reference
    )
    return {
        CARD: card.encode(),
        EXAMPLE: bundle_example(config.classes).encode(),
        METRICS: _json(metrics),
        LINEAGE: _json(lineage),
    } | ({} if reference is None else {REFERENCE: reference})


def bundle_example(classes: tuple[str, ...]) -> str:
    """The program; for a conditional model it generates an image of the first class."""
    return EXAMPLE_PROGRAM.replace("FEED", CONDITIONAL_FEED if classes else FEED)


def write_bundle(
    documents: dict[str, bytes], samples: bytes, weights: Iterator[bytes], onnx: Iterator[bytes]
) -> Iterator[bytes]:
    """Yield the zip. All but the PNG is deflated: text shrinks by half, weights by 7 %. No file is
    in memory whole."""
    files = [(name, iter([data])) for name, data in (*documents.items(), (SAMPLES, samples))]
    output = _Output()
    with zipfile.ZipFile(output, "w") as archive:  # type: ignore[call-overload]
        for name, chunks in (*files, (WEIGHTS, weights), (ONNX, onnx)):
            entry = zipfile.ZipInfo(name, ZIP_EPOCH)
            entry.create_system, entry.external_attr = UNIX, REGULAR_FILE
            entry.compress_type = zipfile.ZIP_STORED if name == SAMPLES else zipfile.ZIP_DEFLATED
            with archive.open(entry, "w") as target:
                for chunk in chunks:
                    target.write(chunk)
                    yield output.take()
    yield output.take()


class _Output:
    """Holds the bytes written since the last `take`. It cannot seek, so that `zipfile` writes the
    size of each file after its bytes."""

    def __init__(self) -> None:
        self._written = bytearray()

    def write(self, data: bytes) -> int:
        self._written += data
        return len(data)

    def flush(self) -> None:
        pass

    def take(self) -> bytes:
        taken = bytes(self._written)
        self._written.clear()
        return taken


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()
