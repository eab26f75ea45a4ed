"""Training speed of this trainer against a plain PyTorch loop of the same networks, in one run.

`python -m benchmarks.training`. The plain loop is pytorch/examples' dcgan written out below: eager,
float32, NCHW. Each has its pictures in memory and a process of its own, so that neither profits
from what the other sets up, and they take turns, so that a machine that slows down slows both.
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from models.train import SPIN_COUNT

SIDES = ("plain", "moggy")
PICTURES = 3000


def main() -> None:
    """Let the two sides take turns and print both rates, their ratio and the machine."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each turn")
    parser.add_argument("--side", choices=SIDES, help="be one of the two; used by itself")
    arguments = parser.parse_args()
    if arguments.side:
        take_turns(arguments.side, arguments.seconds)
        return
    sides = {side: Side(side, arguments.seconds) for side in SIDES}
    rates: dict[str, list[float]] = {side: [] for side in SIDES}
    about = {side: sides[side].answer() for side in SIDES}
    for _ in range(arguments.turns):
        for side in SIDES:
            rates[side].append(float(sides[side].turn()))
    medians = {side: statistics.median(rates[side]) for side in SIDES}
    print(f"machine  {_processor()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    for side in SIDES:
        spread = f"{min(rates[side]):.0f} to {max(rates[side]):.0f}"
        print(f"{side:8} {medians[side]:7.0f} images/s  ({spread})  {about[side]}")
    print(f"ratio    {medians['moggy'] / medians['plain']:7.2f}")
    share = float(sides["moggy"].turn("peak")) * medians["moggy"]
    print(f"moggy computes at {share:.0%} of the machine's rate at large matrix products")
    for side in sides.values():
        side.close()


class Side:
    """One of the two, in its own process: answers each line with a rate."""

    def __init__(self, side: str, seconds: float) -> None:
        command = [sys.executable, "-m", __spec__.name, "--side", side, "--seconds", str(seconds)]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)

    def answer(self) -> str:
        return self.process.stdout.readline().strip()

    def turn(self, word: str = "go") -> str:
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        return self.answer()

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def take_turns(side: str, seconds: float) -> None:
    """Say what computes here, then measure whenever a line comes in."""
    if side == "moggy":
        os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)  # as the trainer process does
    from models.config import TrainingConfig

    config = TrainingConfig()
    shape = (PICTURES, config.resolution, config.resolution, config.channels)
    pictures = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    step, about = (trainer if side == "moggy" else plain_loop)(config, pictures)
    for _ in range(5):
        step()
    print(about, flush=True)
    for line in sys.stdin:
        if line.strip() == "peak":
            print(share_of_peak(config), flush=True)
        else:
            print(rate(step, config.batch_size, seconds), flush=True)


def rate(step: Callable[[], Any], images: int, seconds: float) -> float:
    """Images per second; each step ends with its losses read, so nothing is left in flight."""
    began, steps = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        step()
        steps += 1
    return steps * images / (time.perf_counter() - began)


def trainer(config: Any, pictures: np.ndarray) -> tuple[Callable[[], Any], str]:
    """This project's step, as `python -m models.train` runs it."""
    from models.data import PackedDataset
    from models.precision import choose_machine
    from models.training import TrainingRun

    machine = choose_machine(config.precision)
    machine.prepare()
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "images.npy", pictures)
        dataset = PackedDataset(Path(folder))
    dataset.images = pictures
    about = f"{machine.device.type}, {machine.precision}, channels_last, {machine.threads} threads"
    return TrainingRun(config, dataset, machine).step, about


def plain_loop(config: Any, pictures: np.ndarray) -> tuple[Callable[[], Any], str]:
    """The article's step in everyday PyTorch: what most users would write."""
    import torch
    from torch import nn

    from models.networks import Discriminator, Generator, initialise

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    data = torch.from_numpy(pictures).permute(0, 3, 1, 2).contiguous()
    random = torch.Generator().manual_seed(0)
    generator, discriminator = Generator(config), Discriminator(config)
    for network in (generator, discriminator):
        initialise(network, random)
        network.to(device)
    betas = (config.beta1, config.beta2)
    generator_adam = torch.optim.Adam(
        generator.parameters(), lr=config.generator_learning_rate, betas=betas
    )
    discriminator_adam = torch.optim.Adam(
        discriminator.parameters(), lr=config.discriminator_learning_rate, betas=betas
    )
    loss, size = nn.BCEWithLogitsLoss(), config.batch_size
    real, fake = torch.ones(size, device=device), torch.zeros(size, device=device)

    def step() -> tuple[float, float]:
        chosen = torch.randint(PICTURES, (size,))
        images = data[chosen].to(device).float() / 127.5 - 1
        latents = torch.randn(size, config.latent_dim, device=device)

        generator.zero_grad()
        fakes = generator(latents)
        generator_loss = loss(discriminator(fakes), real)
        generator_loss.backward()
        generator_adam.step()

        discriminator.zero_grad()
        loss_real = loss(discriminator(images), real)
        loss_real.backward()
        loss_fake = loss(discriminator(fakes.detach()), fake)
        loss_fake.backward()
        discriminator_adam.step()
        return generator_loss.item(), (loss_real + loss_fake).item()

    return step, f"{device.type}, float32, NCHW, {torch.get_num_threads()} threads"


def share_of_peak(config: Any) -> float:
    """What one image per second takes of the machine's rate at large matrix products."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from models.networks import Discriminator, Generator
    from models.precision import choose_machine

    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        images = Generator(config)(torch.empty(1, config.latent_dim))
        forward_generator = counter.get_total_flops()
        Discriminator(config)(images)
        forward_discriminator = counter.get_total_flops() - forward_generator
    # Backward is twice forward. The discriminator sees reals and fakes forward and backward, and
    # hands the fakes' gradient on to the generator (backward without its weights: once).
    work = 3 * forward_generator + 7 * forward_discriminator

    machine = choose_machine()
    dtype = torch.bfloat16 if machine.precision == "bfloat16" else torch.float32
    matrix = torch.randn(2048, 2048, device=machine.device).to(dtype)

    def product() -> float:
        return float((matrix @ matrix)[0, 0])

    product()
    return work / rate(product, 2 * 2048**3, seconds=1)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


if __name__ == "__main__":
    main()
