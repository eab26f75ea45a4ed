"""The upper limit of serving: the service's generator and encoder, called without HTTP."""

import time
from concurrent.futures import ThreadPoolExecutor

from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.serving.image_files import ImageFile
from benchmarks.harness import machine
from models.onnx_generator import OnnxGenerator
from models.samples import Sample

BATCHES = (1, 8, 16)  # images per call of ONNX Runtime; the fastest counts


def in_process_rate(settings: Settings, checkpoint: GeneratorCheckpoint, seconds: float) -> float:
    """Images per second from seed to PNG by one thread per core, with the fastest batch size.
    Each batch size is measured for its share of `seconds`."""
    share = seconds / len(BATCHES)
    return max(
        threaded_rate(settings, checkpoint, machine.cores(), share, batch) for batch in BATCHES
    )


def threaded_rate(
    settings: Settings,
    checkpoint: GeneratorCheckpoint,
    threads: int,
    seconds: float,
    batch: int = BATCHES[-1],
) -> float:
    """Images per second from seed to PNG by `threads` threads; each computes on one core."""
    file = ObjectStore(settings).local_copy(checkpoint.onnx_key)
    generator = OnnxGenerator(file.read_bytes())
    end = time.perf_counter() + seconds

    def work(number: int) -> int:
        seed = first = 10**6 * number
        while time.perf_counter() < end:
            samples = [Sample(point) for point in range(seed, seed + batch)]
            for sample, pixels in zip(samples, generator.render(samples), strict=True):
                ImageFile(checkpoint, sample, "png").encode(pixels)
            seed += batch
        return seed - first

    started = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        made = sum(pool.map(work, range(threads)))
    return made / (time.perf_counter() - started)
