"""The cost of a checkpoint's scores by part, and the scores of known good and bad images.

`python -m benchmarks.scores`. The images of cats.zip are decoded into a packed dataset. Some are
the real side; others replace the generated images, unchanged and damaged. Processor time is the sum
over all threads: divided by the cores, it is the duration on an idle machine.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image, ImageFilter

from benchmarks.harness import machine
from benchmarks.harness.machine import SHARED_DATA
from benchmarks.harness.packed_datasets import decode_jpegs
from models.child_process import SPIN_COUNT

SHOWN = (
    "kid", "frechet", "precision", "recall", "density", "coverage", "copy_rate", "diversity", "swd",
)  # fmt: skip
Value = TypeVar("Value")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--archive", type=Path, default=SHARED_DATA / "cats.zip")
    parser.add_argument("--real", type=int, default=4000, help="pictures of the dataset")
    parser.add_argument("--images", type=int, default=2000, help="pictures scored")
    arguments = parser.parse_args()
    os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)  # as the trainer process does
    print(f"machine    {machine.describe()}")
    images = decode_jpegs(arguments.archive, arguments.real + arguments.images)
    real, other = images[: arguments.real], images[arguments.real :]
    with tempfile.TemporaryDirectory(prefix="moggy-scores-") as folder:
        np.save(Path(folder) / "images.npy", real)
        report(Path(folder), real, other)


def report(folder: Path, real: np.ndarray, other: np.ndarray) -> None:
    from models.scoring.embedding import Embedder
    from models.scoring.scores import Reference, score

    embedder = Embedder()
    features = embedder(real)
    np.save(folder / "features.npy", features.astype(np.float16))
    (folder / "dataset.json").write_text(json.dumps({"embedding": embedder.name}))
    print(f"embedding  {embedder.name}\n{'part':<22}{'seconds':>9}{'processor':>11}")
    reference = clock("reference, once", lambda: Reference.of(folder, embedder, len(other)))
    score(reference, other[:64], embedder)  # the first pass selects its kernels
    parts(reference, other, embedder)
    clock("score, all of it", lambda: score(reference, other, embedder))

    print(f"\n{'pictures':<22}" + "".join(f"{name:>10}" for name in SHOWN))
    for name, images in cases(real, other).items():
        scores = score(reference, images, embedder)
        print(f"{name:<22}" + "".join(f"{scores[key]:>10.4f}" for key in SHOWN))
    for name in ("floor", "ceiling"):
        print(f"{name:<22}{scores[name]['kid']:>10.4f}{scores[name]['frechet']:>10.4f}")


def parts(reference: Any, images: np.ndarray, embedder: Any) -> None:
    """Print the cost of each part of a score."""
    import torch

    from models.scoring.metrics.diversity import diversity
    from models.scoring.metrics.frechet import Moments, frechet_distances
    from models.scoring.metrics.kernel import KernelSample, kernel_distances

    features = torch.from_numpy(clock("embedding", lambda: embedder(images)))
    weights = reference.bootstrap_weights(len(features), "generated pictures")
    clock(
        "kernel distance",
        lambda: kernel_distances(reference.kernel, KernelSample.of(features, weights)),
    )
    clock(
        "Fréchet distance",
        lambda: frechet_distances(reference.frechet, Moments.of(features, weights)),
    )
    clock("precision … coverage", lambda: reference.neighbourhoods.overlap(features))
    clock("copy rate", lambda: reference.known.copy_rate(features))
    clock("diversity", lambda: diversity(images, reference.stream("pairs")))
    clock("sliced Wasserstein", lambda: reference.patches.distance(images, reference.stream("swd")))


def cases(real: np.ndarray, other: np.ndarray) -> dict[str, np.ndarray]:
    """Known images that replace generated ones, by name."""
    count = len(other)
    random = np.random.default_rng(1)
    return {
        "other real ones": other,
        "mirrored": other[:, :, ::-1],
        "moved by 8 pixels": np.roll(other, 8, axis=2),
        "30 levels brighter": np.minimum(other.astype(np.int16) + 30, 255).astype(np.uint8),
        "blurred by 1 pixel": blurred(other, 1),
        "blurred by 3 pixels": blurred(other, 3),
        "100 pictures repeated": other[np.arange(count) % 100],
        "one picture repeated": other[:1].repeat(count, 0),
        "copies": real[:count],
        "half copies": np.concatenate([real[: count // 2], other[count // 2 :]]),
        "noise": random.integers(0, 256, other.shape, np.uint8),
    }


def blurred(images: np.ndarray, radius: float) -> np.ndarray:
    blur = ImageFilter.GaussianBlur(radius)
    return np.stack([np.asarray(Image.fromarray(image).filter(blur)) for image in images])


def clock(name: str, run: Callable[[], Value]) -> Value:
    began, used = time.perf_counter(), time.process_time()
    value = run()
    taken, processor = time.perf_counter() - began, time.process_time() - used
    print(f"{name:<22}{taken:>9.2f}{processor:>11.2f}")
    return value


if __name__ == "__main__":
    main()
