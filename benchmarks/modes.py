"""Mode coverage: which digits a generator of digits makes, and how evenly.

`python -m benchmarks.modes --checkpoint FILE` judges a checkpoint of MNIST (one channel: the share
of each of the ten digits) or of Stacked-MNIST (three: how many of the thousand modes, and
KL(samples ‖ uniform) in nats, over 26,000 samples as the literature does).
`--pack FOLDER` writes Stacked-MNIST as a packed dataset; `--train PRESET` trains on it and judges
the last checkpoint.
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
    read_mnist,
    the_classifier,
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
PICTURE_SIDE = 32
MODES = CLASSES**3
BLOCK = 10_000  # pictures made at a time


@dataclass(frozen=True)
class Coverage:
    """Of a histogram over modes: how many occur, and its divergence from the uniform one."""

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
        """KL(samples ‖ uniform) in nats: 0 where all are equally frequent, ln(modes) for one."""
        present = self.shares[self.counts > 0]
        return float((present * np.log(present * len(self.counts))).sum())


def count_digits(digits: np.ndarray) -> Coverage:
    """(N,) digits -> coverage of the ten."""
    return Coverage(np.bincount(digits, minlength=CLASSES))


def count_stacks(digits: np.ndarray) -> Coverage:
    """(N, 3) digits -> coverage of the thousand."""
    return Coverage(np.bincount(digits @ np.array([100, 10, 1]), minlength=MODES))


def inner(images: np.ndarray) -> np.ndarray:
    """(N, H, W, C) pictures of digits, 28 or 32 pixels a side -> their middle, (N, 28, 28, C)."""
    height, width = images.shape[1:3]
    if (height, width) not in ((SIDE, SIDE), (PICTURE_SIDE, PICTURE_SIDE)):
        raise ValueError(
            f"pictures of {height} × {width} are none of digits: {SIDE} × {SIDE}, or padded to "
            f"{PICTURE_SIDE} × {PICTURE_SIDE}, is what the classifier can read"
        )
    margin = (height - SIDE) // 2
    return images[:, margin : margin + SIDE, margin : margin + SIDE]


def pack(folder: Path, digits: np.ndarray, pictures: int, seed: int = 0) -> None:
    """Write a packed dataset of so many stacks of the (N, 28, 28) digits, all drawn by `seed`."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    shape = (pictures, PICTURE_SIDE, PICTURE_SIDE, 3)
    images = np.lib.format.open_memmap(folder / "images.npy", "w+", np.uint8, shape)
    margin = (PICTURE_SIDE - SIDE) // 2
    middle = slice(margin, margin + SIDE)
    for start in range(0, pictures, BLOCK):
        count = min(BLOCK, pictures - start)
        chosen = random.integers(len(digits), size=(count, 3))
        stacks = digits[chosen].transpose(0, 2, 3, 1)
        images[start : start + count, middle, middle] = stacks
    images.flush()
    description = {
        "images": pictures,
        "shape": list(shape[1:]),
        "classes": None,
        "horizontal_flip": False,  # a mirrored digit is none
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
            judge(checkpoint, arguments)


def parse_arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkpoint", type=Path, help="judge this file")
    parser.add_argument("--pack", type=Path, help="write the packed Stacked-MNIST here")
    parser.add_argument("--pictures", type=int, default=60_000, help="of the packed set")
    parser.add_argument("--train", metavar="PRESET", help="train it on the packed set, then judge")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="sets")
    parser.add_argument("--images", type=int, help="train for so many")
    parser.add_argument("--minutes", type=float, help="stop the training after so many")
    parser.add_argument("--run", type=Path, help="keep the training's files here")
    parser.add_argument("--samples", type=int, default=26_000)
    parser.add_argument("--grid", type=Path, help=f"save {GRID_SIDE} × {GRID_SIDE} samples (.png)")
    parser.add_argument("--classifier", type=Path, help="keep the classifier's weights here")
    parser.add_argument("--mnist", type=Path, default=SHARED_DATA / "mnist")
    arguments = parser.parse_args(words)
    if arguments.train and arguments.checkpoint:
        parser.error("--train judges its own checkpoint: leave --checkpoint out")
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
    """Run the trainer process; its last checkpoint."""
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


def judge(checkpoint: Path, arguments: argparse.Namespace) -> None:
    """Print what the generator of `checkpoint` covers."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    print(f"machine     {machine.describe()}, {device}")
    loaded = load_generator(checkpoint)
    loaded.generator.to(device)
    print(f"checkpoint  {loaded.config.preset} after {loaded.images_seen:,} images")
    if arguments.grid:
        grid = tile(samples(loaded, GRID_SIDE**2), GRID_SIDE)
        write_durably(arguments.grid, png(grid))
    images = samples(loaded, arguments.samples)
    classifier = the_classifier(arguments.mnist, arguments.classifier, device)
    channels = images.shape[-1]
    if channels == 1:
        report_digits(count_digits(read(classifier, images)[:, 0]))
    elif channels == 3:
        report_stacks(count_stacks(read(classifier, images)), len(images))
    else:
        raise SystemExit(f"{checkpoint} makes pictures of {channels} channels, not of digits")


def samples(loaded: LoadedGenerator, count: int) -> np.ndarray:
    """(count, H, W, C) uint8 of the first seeds; the classes of a conditional model by turns."""
    latents = latents_from_seeds(range(count), loaded.config.latent_dim)
    classes = len(loaded.config.classes)
    labels = torch.arange(count) % classes if classes else None
    return synthesize(loaded.generator, latents, labels)


def read(classifier: Classifier, images: np.ndarray) -> np.ndarray:
    """(N, H, W, C) pictures -> (N, C) digits, each channel for itself."""
    digits = inner(images).transpose(0, 3, 1, 2)
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
