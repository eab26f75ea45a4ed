"""The example in a bundle: twelve lines that generate an image without Moggy."""

from app.domain.bundles import ONNX

PROGRAM = f"""\
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


def bundle_example(classes: tuple[str, ...]) -> str:
    """The program; for a conditional model it generates an image of the first class."""
    return PROGRAM.replace("FEED", CONDITIONAL_FEED if classes else FEED)
