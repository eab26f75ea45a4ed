"""The whole check of a GPU in one command: `python -m benchmarks.gpu`. The reference is an H200.

Measures and prints:
- the article's run, 750,000 images of `dcgan`: the target is under 15 s from the first allocation;
- `dcgan-paper` beside pytorch/examples' loop of the same networks: the target is ≥ 10 ×
  (benchmarks/harness/pytorch_example.py: eager, float32 with PyTorch's defaults, a DataLoader with
  the example's two workers);
- each preset's images per second, and how far that is from its two floors.

A step is at least as slow as each of two floors: its matrix products and convolutions at the rate
of consecutive large products (operations), and its least memory traffic at the rate of consecutive
large copies (bytes). benchmarks/harness/training_work.py derives and counts both per image. G and D
are the forward operations of one image through each network, P and Q the networks' parameters, A
and B the values that each network's products read and write in a forward pass, and N the batch:

    preset        operations    bytes
    dcgan         3 G + 7 D     2 · (3 A + 7 B) + (36 P + 28 Q) / N
    small-data    3 G + 7 D     the same
    dcgan-paper   4 G + 8 D     2 · (4 A + 8 B) + (36 P + 28 Q) / N
    mlp-relu      4 G + 8 D     the same; with N = 32 nearly all of it is the weights
    mlp           4 G + 8 D     the same
    r3gan         4 G + 15 D    2 · about (4 A + 15 B) + (36 P + 28 Q) / N: the generator's loss
                                uses the reals too (1 D), R1 and R2 take 3 D each

The counted numbers are a little lower, because no step computes the gradients of the first layers'
inputs. The table shows a preset's rate as a share of the lower floor. What remains above the floor
is the launching of many small kernels, normalisation and activation as separate passes over memory,
and products too small to fill the chip.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from benchmarks.harness import device_limits, machine, moggy_training, pytorch_example
from benchmarks.harness.packed_datasets import pack, random_images
from benchmarks.harness.training_work import training_work
from benchmarks.harness.turns import WARM_UP_STEPS, Side, answer_turns, compare, rate
from models.config import TrainingConfig
from models.presets import PRESETS

ARTICLE, PAPER = "dcgan", "dcgan-paper"
WANTED_SECONDS, WANTED_RATIO, WANTED_SHARE = 15, 10, 0.25
SIDES = ("example", "moggy")


def main(arguments: list[str] | None = None) -> None:
    options = parse_arguments(arguments)
    if options.device == "cuda" and not torch.cuda.is_available():
        print("no GPU here: nothing was measured (--device cpu tries the program itself)")
        return
    if options.side:
        run_side(options)
        return
    device = torch.device(options.device)
    print(f"machine    {machine.describe()}")
    print(f"device     {_name(device)}, torch {torch.__version__}")
    products, copies = device_limits.product_rate(device), device_limits.copy_rate(device)
    print(f"products   {products / 1e12:9,.2f} TFLOP/s   {device_limits.fast_dtype(device)}")
    print(f"copies     {copies / 1e9:9,.0f} GB/s")
    report_article(options)
    report_example(options)
    print(TITLE)
    for name in options.presets:
        print(row(name, options, products, copies), flush=True)
    print(f"           (products: ≥ {WANTED_SHARE:.0%} wanted of {PAPER})")


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--images", type=int, default=750_000, help="of the article's run")
    parser.add_argument("--presets", nargs="+", choices=tuple(PRESETS), default=list(PRESETS))
    parser.add_argument("--width", type=int, help="of every network, instead of the preset's")
    parser.add_argument("--batch-size", type=int, help="instead of the preset's")
    parser.add_argument("--workers", type=int, default=2, help="of the example's DataLoader")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement")
    parser.add_argument("--side", choices=SIDES, help="run one side; used internally")
    return parser.parse_args(arguments)


def configure(name: str, options: argparse.Namespace) -> TrainingConfig:
    """The configuration of a preset at its own shape, with the overrides of the options."""
    config = PRESETS[name].config
    changes: dict[str, Any] = {"width": options.width, "batch_size": options.batch_size}
    return replace(config, **{key: value for key, value in changes.items() if value is not None})


def report_article(options: argparse.Namespace) -> None:
    """Print the seconds of a whole run, set-up included."""
    config = replace(configure(ARTICLE, options), images=options.images)
    with tempfile.TemporaryDirectory(prefix="moggy-gpu-") as folder:
        pack(Path(folder), random_images(moggy_training.DATASET_IMAGES, config.shape))
        started = time.perf_counter()
        run = moggy_training.open_run(config, Path(folder), options.device)
        step = moggy_training.step_of(run)
        while not run.finished:
            step()
        device_limits.settle(run.machine.device)
        seconds = time.perf_counter() - started
    print(f"article    {seconds:9.2f} s        {run.images_seen:,} images of {ARTICLE}, ", end="")
    print(f"{run.images_seen / seconds:,.0f} images/s (< {WANTED_SECONDS} s wanted of 750,000)")


def report_example(options: argparse.Namespace) -> None:
    """Measure Moggy's trainer and the example's loop alternately, on the networks of the paper."""
    config = configure(PAPER, options)
    settings = [f"--width={config.width}", f"--batch-size={config.batch_size}"]
    settings += [f"--{name}={getattr(options, name)}" for name in ("device", "workers", "seconds")]
    with (
        Side(__spec__.name, "--side=example", *settings) as example,
        Side(__spec__.name, "--side=moggy", *settings) as moggy,
    ):
        rates = compare({"example": example, "moggy": moggy}, options.turns)
    ratio = rates["moggy"].median / rates["example"].median
    for name in SIDES:
        print(rates[name].row(name))
    print(f"ratio      {ratio:9.1f}           (≥ {WANTED_RATIO} wanted)")


def run_side(options: argparse.Namespace) -> None:
    config = configure(PAPER, options)
    if options.side == "moggy":
        moggy_training.run_side(config, options.seconds, device=options.device)
        return
    device = torch.device(options.device)
    images = random_images(moggy_training.DATASET_IMAGES, config.shape)
    batches = shuffled_batches(images, config.batch_size, options.workers)
    step = pytorch_example.make_step(batches, config.width, device)
    about = f"{device.type}, float32, NCHW, eager, {options.workers} workers"
    answer_turns(
        about, step, config.batch_size, options.seconds, {}, lambda: device_limits.settle(device)
    )


class ImageDataset(Dataset[Tensor]):
    """Images one by one, normalised, as torchvision's transforms give them to most loops."""

    def __init__(self, images: np.ndarray) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Tensor:
        image = torch.from_numpy(self.images[index])
        return image.permute(2, 0, 1).float().div(255).sub(0.5).div(0.5)


def shuffled_batches(images: np.ndarray, batch_size: int, workers: int) -> Iterator[Tensor]:
    """Endless shuffled epochs through a DataLoader."""
    loader = DataLoader(
        ImageDataset(images),
        batch_size,
        shuffle=True,
        num_workers=workers,
        drop_last=True,
        persistent_workers=workers > 0,
    )
    while True:
        yield from loader


TITLE = (
    "\npreset            images/s   GFLOP     MB   floor/s by operations     by bytes"
    "   of the floor   of products"
)


def row(name: str, options: argparse.Namespace, products: float, copies: float) -> str:
    """One preset: its rate, its work per image, the rate at each floor, and its shares of them."""
    config = configure(name, options)
    work = training_work(config)
    by_operations, by_bytes = products / work.operations, copies / work.bytes
    measured = steady_rate(config, options)
    return (
        f"{name:12} {measured:13,.0f} {work.operations / 1e9:7.3f} {work.bytes / 1e6:6.2f} "
        f"{by_operations:23,.0f} {by_bytes:12,.0f} "
        f"{measured / min(by_operations, by_bytes):14.1%} {measured / by_operations:13.1%}"
    )


def steady_rate(config: TrainingConfig, options: argparse.Namespace) -> float:
    """Images per second after set-up and warm-up."""
    with tempfile.TemporaryDirectory(prefix="moggy-gpu-") as folder:
        pack(Path(folder), random_images(moggy_training.DATASET_IMAGES, config.shape))
        run = moggy_training.open_run(config, Path(folder), options.device)
        step = moggy_training.step_of(run)
        for _ in range(WARM_UP_STEPS):
            step()
        device = run.machine.device
        device_limits.settle(device)
        return rate(
            step, run.images_per_step, options.seconds, lambda: device_limits.settle(device)
        )


def _name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "the CPU"


if __name__ == "__main__":
    main()
