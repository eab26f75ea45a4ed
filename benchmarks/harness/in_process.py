"""The upper limit of serving: the service's generator and encoder, called without HTTP."""

import os
import time
from concurrent.futures import ThreadPoolExecutor

# Set before torch is imported, as in the processes of the API.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch

from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.images.encoders import encode_png
from app.domain.images.recipes import image_recipe
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from benchmarks.harness import machine
from models.checkpoint import load_generator
from models.rendering import Renderer
from models.samples import RENDER_BATCH, Sample


def in_process_rate(settings: Settings, checkpoint: GeneratorCheckpoint, seconds: float) -> float:
    """Images per second from seed to PNG: the faster of one thread that uses all cores, and one
    thread per core."""
    thread_counts = {1, machine.cores()}
    return max(threaded_rate(settings, checkpoint, count, seconds) for count in thread_counts)


def threaded_rate(
    settings: Settings, checkpoint: GeneratorCheckpoint, threads: int, seconds: float
) -> float:
    """Images per second from seed to PNG by `threads` threads, which share the cores equally."""
    renderer = Renderer(load_generator(ObjectStore(settings).local_copy(checkpoint.key)))
    before = torch.get_num_threads()
    end = time.perf_counter() + seconds

    def work(number: int) -> int:
        torch.set_num_threads(max(1, machine.cores() // threads))
        seed = first = 10**6 * number
        while time.perf_counter() < end:
            samples = [Sample(point) for point in range(seed, seed + RENDER_BATCH)]
            for sample, pixels in zip(samples, renderer.render(samples), strict=True):
                encode_png(pixels, image_recipe(checkpoint, sample))
            seed += RENDER_BATCH
        return seed - first

    started = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        made = sum(pool.map(work, range(threads)))
    rate = made / (time.perf_counter() - started)
    torch.set_num_threads(before)
    return rate
