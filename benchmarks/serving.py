"""Single-image PNG requests per second, against the generator and encoder called in-process.

A real API on loopback, its home in a temporary folder, one 64×64 generator of width 32 with random
weights; 32 keep-alive connections, another seed in every request. The load generator runs on the
same cores.
"""

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

# Set before torch is loaded, as the API's own processes have it.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from app.domain.database import Database, migrate
from app.domain.pictures.checkpoint import ServedCheckpoint
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from benchmarks import machine
from benchmarks.load import Load, load

CONNECTIONS = 32
SECONDS = 10
WARM_UP_SECONDS = 2
START_SECONDS = 60


def main() -> None:
    """Print the rate over HTTP, in-process, and their ratio."""
    for name in [name for name in os.environ if name.startswith("MOGGY_")]:
        del os.environ[name]  # a database or a bucket that they name is none of ours
    with tempfile.TemporaryDirectory(prefix="moggy-serving-") as folder:
        settings = Settings(home=Path(folder), port=_free_port())
        checkpoint = prepare(settings)
        limit = max(in_process(settings, checkpoint, threads) for threads in (1, machine.cores()))
        with service(settings) as ready_after:
            images = f"/v1/models/{checkpoint.model}/images/"
            load(settings.port, images, ".png", connections=CONNECTIONS, seconds=WARM_UP_SECONDS)
            alone = load(settings.port, images, ".png", connections=1, seconds=WARM_UP_SECONDS)
            fresh = load(settings.port, images, ".png", connections=CONNECTIONS, seconds=SECONDS)
            known = load(
                settings.port,
                images,
                f".png?checkpoint={checkpoint.id}",
                connections=CONNECTIONS,
                seconds=WARM_UP_SECONDS,
                headers={"If-None-Match": "*"},
            )
    print(f"machine  {machine.describe()}")
    print(f"API answers {ready_after:.1f} s after its start")
    print(_row("1 connection", alone))
    print(_row(f"{CONNECTIONS} connections", fresh))
    print(_row("not modified", known))
    print(f"{'in-process':16} {limit:7.0f} images/s: generator and encoder, no HTTP")
    print(f"{'ratio':16} {fresh.rate / limit:7.0%} of in-process")


def prepare(settings: Settings) -> ServedCheckpoint:
    """A migrated database and one registered checkpoint, as a training leaves them."""
    from benchmarks.random_models import register, store_checkpoint

    migrate(settings.database)
    database = Database(settings.database)
    checkpoint = store_checkpoint(ObjectStore(settings), "bench", width=32)
    register(database, checkpoint)
    database.close()
    return checkpoint


def in_process(settings: Settings, checkpoint: ServedCheckpoint, threads: int) -> float:
    """Images per second, from seed to PNG, by so many threads that share nothing."""
    import torch

    from app.domain.pictures.encoders import encode_png
    from app.domain.pictures.recipes import image_recipe
    from app.serving.generators import Generators
    from models.samples import BATCH, Sample

    renderer = Generators(ObjectStore(settings), capacity=1).load(checkpoint).renderer
    before = torch.get_num_threads()
    end = time.perf_counter() + SECONDS / 2

    def work(first: int) -> int:
        torch.set_num_threads(max(1, machine.cores() // threads))
        seed = first
        while time.perf_counter() < end:
            samples = [Sample(point) for point in range(seed, seed + BATCH)]
            for sample, pixels in zip(samples, renderer.render(samples), strict=True):
                encode_png(pixels, image_recipe(checkpoint, sample))
            seed += BATCH
        return seed - first

    started = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        made = sum(pool.map(work, [10**6 * number for number in range(threads)]))
    rate = made / (time.perf_counter() - started)
    torch.set_num_threads(before)
    return rate


@contextmanager
def service(settings: Settings) -> Iterator[float]:
    """The API, run as `moggy up` runs it; yields the seconds until it answered."""
    environment = os.environ | {
        "MOGGY_HOME": str(settings.home),
        "MOGGY_PORT": str(settings.port),
    }
    command = [sys.executable, "-m", "uvicorn", "app.main:create_app", "--factory"]
    arguments = ["--port", str(settings.port), "--no-access-log", "--log-level", "warning"]
    started = time.perf_counter()
    process = subprocess.Popen([*command, *arguments], env=environment)
    try:
        while not _answers(settings.port):
            if process.poll() is not None or time.perf_counter() - started > START_SECONDS:
                raise SystemExit("the API did not start: its log is above")
            time.sleep(0.02)
        yield time.perf_counter() - started
    finally:
        process.terminate()
        process.wait(START_SECONDS)


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5):
            return True
    except OSError:
        return False


def _row(name: str, load: Load) -> str:
    return (
        f"{name:16} {load.rate:7.0f} requests/s  p50 {load.median * 1e3:5.1f} ms  "
        f"p99 {load.p99 * 1e3:5.1f} ms  {load.errors} errors  ({load.client})"
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    main()
