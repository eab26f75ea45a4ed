"""The limit of serving on a GPU, by part: `python -m benchmarks.gpu_serving`.

Measures the generator of `dcgan-paper` at batch sizes from 1 to 512, from seeds to PNG files with
their recipes, and each part alone, in images per second:

    latents    drawn from their seeds by the CPU in one thread, as the meaning of a seed requires
    forward    the frozen generator, the conversion to bytes and the copy to the host
    encode     the service's PNG encoder, with one thread per core
    together   all parts; while a batch is generated, earlier ones are encoded

The slowest part is the limit. `together` can be slower than the limit, because all parts share the
interpreter, which runs one Python thread at a time. Measured in float32, as the service computes,
and in bfloat16.
"""

import argparse
import itertools
import warnings
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.images.encoders import encode_png
from app.domain.images.recipes import image_recipe
from app.domain.store import ObjectStore
from benchmarks.harness import device_limits, machine
from benchmarks.harness.api import temporary_settings
from benchmarks.harness.random_models import store_checkpoint
from benchmarks.harness.turns import WARM_UP_STEPS, rate
from models.checkpoint import load_generator
from models.presets import PRESETS
from models.rendering import to_uint8
from models.samples import Pixels, Sample
from models.seeds import latents_from_seeds

BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
AHEAD = 2  # batches that may be queued for encoding while the next one is generated


def main(arguments: list[str] | None = None) -> None:
    options = parse_arguments(arguments)
    if options.device == "cuda" and not torch.cuda.is_available():
        print("no GPU here: nothing was measured (--device cpu tries the program itself)")
        return
    device = torch.device(options.device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "the CPU"
    print(f"machine    {machine.describe()}")
    print(f"device     {name}, torch {torch.__version__}; encoding in {options.threads} threads")
    for precision in options.precisions:
        print(f"\n{precision:10} {'latents/s':>10} {'forward/s':>10} {'encode/s':>10} ", end="")
        print(f"{'together/s':>10}  limit")
        for batch in options.batches:
            with parts(options, precision, batch, device) as measured:
                print(measured.row(options.seconds), flush=True)


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--preset", choices=tuple(PRESETS), default="dcgan-paper")
    parser.add_argument("--width", type=int, help="of the generator, instead of the preset's")
    parser.add_argument("--batches", type=int, nargs="+", default=list(BATCHES))
    parser.add_argument("--precisions", nargs="+", choices=PRECISIONS, default=list(PRECISIONS))
    parser.add_argument("--threads", type=int, default=machine.cores(), help="that encode")
    parser.add_argument("--seconds", type=float, default=1.0, help="of each measurement")
    return parser.parse_args(arguments)


@contextmanager
def parts(
    options: argparse.Namespace, precision: str, batch: int, device: torch.device
) -> Iterator["Parts"]:
    """The generator, loaded as the service loads it, with the latents and the encoder around it."""
    config = PRESETS[options.preset].config
    config = replace(config, width=options.width or config.width)
    with temporary_settings() as settings, ThreadPoolExecutor(options.threads) as pool:
        store = ObjectStore(settings)
        checkpoint = store_checkpoint(store, options.preset, **vars(config))
        generator = load_generator(store.local_copy(checkpoint.key)).generator
        yield Parts(checkpoint, generator, precision, batch, device, pool, options.threads)


@dataclass
class Parts:
    """The parts of generating one batch; each can be measured alone."""

    checkpoint: GeneratorCheckpoint
    generator: torch.nn.Module
    precision: str
    batch: int
    device: torch.device
    pool: ThreadPoolExecutor
    threads: int

    def __post_init__(self) -> None:
        self._dtype = PRECISIONS[self.precision]
        self._numbers = itertools.count(0, self.batch)
        self._encoding: deque[list[Future[int]]] = deque()
        self._forward = _frozen(
            self.generator.to(self.device, self._dtype), self._moved(self.draw())
        )

    def row(self, seconds: float) -> str:
        latents = self.draw()
        pixels = self.generate(latents)
        alone = {
            "latents": self._rate(self.draw, seconds),
            "forward": self._rate(lambda: self.generate(latents), seconds),
            "encode": self._rate(lambda: self.encode(pixels), seconds),
        }
        together = self._rate(lambda: self.encode(self.generate(self.draw())), seconds)
        limit = min(alone, key=lambda part: alone[part])
        rates = " ".join(f"{speed:10,.0f}" for speed in [*alone.values(), together])
        return f"batch {self.batch:4} {rates}  {limit}, {together / alone[limit]:.0%} of it"

    def draw(self) -> torch.Tensor:
        first = next(self._numbers)
        seeds = range(first, first + self.batch)
        return torch.from_numpy(latents_from_seeds(seeds, self.checkpoint.latent_dim))

    @torch.inference_mode()
    def generate(self, latents: torch.Tensor) -> Pixels:
        pixels: Pixels = to_uint8(self._forward(self._moved(latents))).cpu().numpy()
        return pixels

    def encode(self, pixels: Pixels) -> None:
        """Queue a batch for encoding; wait for an earlier one if more than AHEAD are queued."""
        shares = np.array_split(pixels, min(self.threads, len(pixels)))
        self._encoding.append([self.pool.submit(self._encode, share) for share in shares])
        while len(self._encoding) > AHEAD:
            self._wait()

    def _encode(self, pixels: Pixels) -> int:
        recipe = image_recipe(self.checkpoint, Sample(1))
        return sum(len(encode_png(image, recipe)) for image in pixels)

    def _wait(self) -> None:
        for share in self._encoding.popleft():
            share.result()

    def _rate(self, step: Any, seconds: float) -> float:
        for _ in range(WARM_UP_STEPS):
            step()
        self._settle()
        return rate(step, self.batch, seconds, self._settle)

    def _settle(self) -> None:
        device_limits.settle(self.device)
        while self._encoding:
            self._wait()

    def _moved(self, latents: torch.Tensor) -> torch.Tensor:
        return latents.to(self.device, self._dtype, non_blocking=True)


@torch.inference_mode()
def _frozen(generator: torch.nn.Module, latents: torch.Tensor) -> torch.jit.ScriptModule:
    generator.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.freeze(torch.jit.trace(generator, latents, check_trace=False))


if __name__ == "__main__":
    main()
