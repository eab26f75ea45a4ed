"""Mode coverage: which digits a generator of digits makes, and how evenly.

`python -m benchmarks.modes --checkpoint FILE` evaluates a checkpoint of MNIST (one channel: the
share of each of the ten digits) or of Stacked-MNIST (three channels: the number of the thousand
modes, and KL(samples ‖ uniform) in nats, over 26,000 samples as in the literature). `--pack FOLDER`
writes Stacked-MNIST as a packed dataset; `--train PRESET` trains on it and evaluates the last
checkpoint.

Stacked-MNIST has three random digits as the channels of an image, which makes 1,000 modes: Metz et
al. (arXiv 1611.02163), section 3.3.1; counted as in PacGAN (arXiv 1712.04086).
"""

import argparse
import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from app.cli.options import parse_overrides
from benchmarks.harness import machine
from benchmarks.harness.digits import (
    CLASSES,
    SIDE,
    Classifier,
    classify,
    load_or_train_classifier,
    read_mnist,
)
from benchmarks.harness.machine import SHARED_DATA
from benchmarks.harness.trainer_process import Trainer
from models.checkpoint import LoadedGenerator, load_generator
from models.durable_files import write_durably
from models.presets import resolve
from models.rendering import synthesize
from models.samples import png, tile
from models.seeds import latents_from_seeds

GRID_SIDE = 12
LEAST_SHARE = 0.04  # of each digit
WANTED_MODES = 990
IMAGE_SIDE = 32
MODES = CLASSES**3
BLOCK_IMAGES = 10_000  # made at a time


@dataclass(frozen=True)
class Coverage:
    """A histogram over modes: how many occur, and the divergence from uniform."""

    counts: np.ndarray

    @property
    def covered(self) -> int:
        return int((self.counts > 0).sum())

    @property
    def shares(self) -> np.ndarray:
        shares: np.ndarray = self.counts / self.counts.sum()
        return shares

    @property
    def divergence(self) -> float:
        """KL(samples ‖ uniform) in nats: 0 if all modes are equally frequent, ln(modes) for one."""
        present = self.shares[self.counts > 0]
        return float((present * np.log(present * len(self.counts))).sum())


def count_digits(digits: np.ndarray) -> Coverage:
    """(N,) digits -> coverage of the ten digits."""
    return Coverage(np.bincount(digits, minlength=CLASSES))


def count_stacks(digits: np.ndarray) -> Coverage:
    """(N, 3) digits -> coverage of the thousand modes."""
    return Coverage(np.bincount(digits @ np.array([100, 10, 1]), minlength=MODES))


def middle(images: np.ndarray) -> np.ndarray:
    """(N, H, W, C) images of digits with sides of 28 or 32 -> their middle (N, 28, 28, C)."""
    height, width = images.shape[1:3]
    if (height, width) not in ((SIDE, SIDE), (IMAGE_SIDE, IMAGE_SIDE)):
        raise ValueError(
            f"images of {height} × {width} are not digits: the classifier reads {SIDE} × {SIDE}, "
            f"or {IMAGE_SIDE} × {IMAGE_SIDE} with a margin"
        )
    margin = (height - SIDE) // 2
    return images[:, margin : margin + SIDE, margin : margin + SIDE]


def pack(folder: Path, digits: np.ndarray, total: int, seed: int = 0) -> None:
    """Write a packed dataset of `total` random stacks of the (N, 28, 28) digits."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    shape = (total, IMAGE_SIDE, IMAGE_SIDE, 3)
    images = np.lib.format.open_memmap(folder / "images.npy", "w+", np.uint8, shape)
    margin = (IMAGE_SIDE - SIDE) // 2
    inside = slice(margin, margin + SIDE)
    for start in range(0, total, BLOCK_IMAGES):
        count = min(BLOCK_IMAGES, total - start)
        chosen = random.integers(len(digits), size=(count, 3))
        stacks = digits[chosen].transpose(0, 2, 3, 1)
        images[start : start + count, inside, inside] = stacks
    images.flush()
    description = {
        "images": total,
        "shape": list(shape[1:]),
        "classes": None,
        "horizontal_flip": False,  # a mirrored digit is not a digit
    }
    (folder / "dataset.json").write_text(json.dumps(description, indent=1) + "\n")


def main(words: list[str] | None = None) -> None:
    arguments = parse_arguments(words)
    with tempfile.TemporaryDirectory(prefix="moggy-modes-") as temporary:
        folder = arguments.pack or Path(temporary) / "packed"
        if arguments.pack or arguments.train:
            ensure_packed(folder, arguments)
        checkpoint = arguments.checkpoint
        if arguments.train:
            checkpoint = train(folder, arguments.run or Path(temporary) / "run", arguments)
        if checkpoint is not None:
            evaluate(checkpoint, arguments)


def parse_arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkpoint", type=Path, help="evaluate this file")
    parser.add_argument("--pack", type=Path, help="write the packed Stacked-MNIST here")
    parser.add_argument("--pictures", type=int, default=60_000, help="of the packed set")
    parser.add_argument(
        "--train", metavar="PRESET", help="train it on the packed set, then evaluate it"
    )
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="sets")
    parser.add_argument("--images", type=int, help="to train for")
    parser.add_argument("--minutes", type=float, help="after which the training is stopped")
    parser.add_argument("--run", type=Path, help="keep the training's files here")
    parser.add_argument("--samples", type=int, default=26_000)
    parser.add_argument("--grid", type=Path, help=f"save {GRID_SIDE} × {GRID_SIDE} samples (.png)")
    parser.add_argument("--classifier", type=Path, help="keep the classifier's weights here")
    parser.add_argument("--mnist", type=Path, default=SHARED_DATA / "mnist")
    arguments = parser.parse_args(words)
    if arguments.train and arguments.checkpoint:
        parser.error("--train evaluates its own checkpoint: leave --checkpoint out")
    if not (arguments.checkpoint or arguments.pack or arguments.train):
        parser.error("nothing to do: give --checkpoint, --pack or --train")
    return arguments


def ensure_packed(folder: Path, arguments: argparse.Namespace) -> None:
    if (folder / "dataset.json").exists():
        print(f"packed      already in {folder}")
        return
    digits, _ = read_mnist(arguments.mnist, "train")
    pack(folder, digits, arguments.pictures)
    print(f"packed      {arguments.pictures:,} stacks of three digits in {folder}")


def train(dataset: Path, folder: Path, arguments: argparse.Namespace) -> Path:
    """Run the trainer process; return its last checkpoint."""
    shape = np.load(dataset / "images.npy", mmap_mode="r").shape[1:]
    config = resolve(
        arguments.train,
        shape=shape,
        mirrorable=False,
        images=arguments.images,
        overrides=parse_overrides(arguments.sets),
    )
    started = time.monotonic()
    seconds = None if arguments.minutes is None else 60 * arguments.minutes
    checkpoint = Trainer(folder, config, dataset).run(seconds)
    minutes = (time.monotonic() - started) / 60
    print(f"trained     {arguments.train} for {minutes:.1f} minutes")
    return checkpoint


def evaluate(checkpoint: Path, arguments: argparse.Namespace) -> None:
    """Print the coverage of the generator of `checkpoint`."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    print(f"machine     {machine.describe()}, {device}")
    loaded = load_generator(checkpoint)
    loaded.generator.to(device)
    print(f"checkpoint  {loaded.config.preset} after {loaded.images_seen:,} images")
    if arguments.grid:
        grid = tile(samples(loaded, GRID_SIDE**2), GRID_SIDE)
        write_durably(arguments.grid, png(grid))
    images = samples(loaded, arguments.samples)
    classifier = load_or_train_classifier(arguments.mnist, arguments.classifier, device)
    channels = images.shape[-1]
    if channels == 1:
        report_digits(count_digits(read_digits(classifier, images)[:, 0]))
    elif channels == 3:
        report_stacks(count_stacks(read_digits(classifier, images)), len(images))
    else:
        raise SystemExit(f"{checkpoint} makes images of {channels} channels: digits have 1 or 3")


def samples(loaded: LoadedGenerator, count: int) -> np.ndarray:
    """(count, H, W, C) uint8 of the first seeds; a conditional model alternates its classes."""
    latents = latents_from_seeds(range(count), loaded.config.latent_dim)
    classes = len(loaded.config.classes)
    labels = torch.arange(count) % classes if classes else None
    return synthesize(loaded.generator, latents, labels)


def read_digits(classifier: Classifier, images: np.ndarray) -> np.ndarray:
    """(N, H, W, C) images -> (N, C) digits, one per channel."""
    digits = middle(images).transpose(0, 3, 1, 2)
    return classify(classifier, digits.reshape(-1, *digits.shape[2:])).reshape(digits.shape[:2])


def report_digits(coverage: Coverage) -> None:
    for digit, share in enumerate(coverage.shares):
        print(f"digit {digit}     {share:6.1%}")
    least = coverage.shares.min()
    print(f"digits      {coverage.covered} of 10, the rarest {least:.1%} (≥ {LEAST_SHARE:.0%})")
    print(f"KL          {coverage.divergence:.4f} nats from uniform")


def report_stacks(coverage: Coverage, count: int) -> None:
    print(f"modes       {coverage.covered} of {MODES} in {count:,} samples (≥ {WANTED_MODES})")
    print(f"KL          {coverage.divergence:.4f} nats from uniform")


if __name__ == "__main__":
    main()
