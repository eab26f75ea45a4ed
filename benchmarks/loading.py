"""Whether data loading limits training: the loader alone beside the trainer, and the memory that a
million images take.

`python -m benchmarks.loading`. The images are those of cats.zip, decoded into a packed dataset. The
million repeats them, 12 GB in a temporary folder (`--folder` chooses where; the file is removed at
the end). The memory is that of a separate process, as the kernel reports it: the most that was
resident (VmHWM), and at the end the private memory of the process and its pages of files, which the
kernel reclaims when it needs them.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from benchmarks.harness import machine
from benchmarks.harness.machine import SHARED_DATA
from benchmarks.harness.packed_datasets import decode_jpegs, pack
from benchmarks.harness.turns import WARM_UP_STEPS, alternate, rate
from models.child_process import SPIN_COUNT
from models.config import TrainingConfig
from models.presets import PRESETS

WANTED_RATIO, WANTED_GIB = 20, 1.5
SPARE_BYTES = 2 * 2**30  # left free on the disk


def main() -> None:
    arguments = parse_arguments()
    os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)  # as the trainer process does
    if arguments.measure_memory:
        measure_memory(arguments)
        return
    print(f"machine    {machine.describe()}")
    with tempfile.TemporaryDirectory(prefix="moggy-loading-", dir=arguments.folder) as temporary:
        folder = Path(temporary)
        images = decode_jpegs(arguments.archive)
        report_rates(images, folder / "packed", arguments)
        report_prefetch(folder / "packed", arguments)
        if enough_space(folder, images, arguments.pictures):
            repeat(images, arguments.pictures, folder / "repeated")
            report_memory(folder / "repeated", arguments)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--archive", type=Path, default=SHARED_DATA / "cats.zip")
    parser.add_argument("--folder", type=Path, help="for the temporary files")
    parser.add_argument("--pictures", type=int, default=1_000_000, help="of the large dataset")
    parser.add_argument("--loads", type=int, default=5_000, help="batches loaded from it")
    parser.add_argument("--steps", type=int, default=50, help="trained on it")
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each turn")
    parser.add_argument("--measure-memory", type=Path, help="of this dataset; used internally")
    return parser.parse_args()


def config_of(shape: tuple[int, ...], width: int) -> TrainingConfig:
    height, columns, channels = shape
    return replace(PRESETS["dcgan"].config, shape=(height, columns, channels), width=width)


def report_rates(images: np.ndarray, folder: Path, arguments: argparse.Namespace) -> None:
    """Measure the loader and the trainer alternately in one process."""
    from benchmarks.harness import moggy_training

    pack(folder, images)
    config = config_of(images.shape[1:], arguments.width)
    run = moggy_training.open_run(config, folder)
    load, step = loader(run), moggy_training.step_of(run)
    for _ in range(WARM_UP_STEPS):
        step()
        load()
    size, seconds = config.batch_size, arguments.seconds
    loaded, trained = alternate(
        [lambda: rate(load, size, seconds), lambda: rate(step, size, seconds)],
        arguments.turns,
    )
    print(f"dataset    {len(images):,} pictures of {images.shape[1:]}, batch {size}")
    print(f"loader     {loaded:9,.0f} images/s")
    setting = f"dcgan of width {config.width}, {moggy_training.describe(run)}"
    print(f"trainer    {trained:9,.0f} images/s  {setting}")
    print(f"ratio      {loaded / trained:9.1f}           (≥ {WANTED_RATIO} wanted)")


def report_prefetch(folder: Path, arguments: argparse.Namespace) -> None:
    """Measure the trainer on images that are on the disk and not in the page cache.

    Alternates between reading each batch when it is needed, and during the step before it.
    """
    from benchmarks.harness import moggy_training

    shape = np.load(folder / "images.npy", mmap_mode="r").shape[1:]
    with mock.patch("models.data.RESIDENT_BYTES", 0):  # the images stay on the disk
        waiting, ahead = (
            moggy_training.open_run(config_of(shape, arguments.width), folder) for _ in range(2)
        )
    waiting.dataset.prefetch = lambda _: None  # type: ignore[assignment,method-assign]

    def cold(run: Any) -> float:
        with (folder / "images.npy").open("rb") as file:
            os.fsync(
                file.fileno()
            )  # pages that are not yet written cannot be dropped from the cache
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        return rate(moggy_training.step_of(run), run.images_per_step, arguments.seconds)

    rates = alternate([lambda: cold(waiting), lambda: cold(ahead)], arguments.turns)
    print(f"from disk  {rates[0]:9,.0f} images/s  each batch read when it is needed")
    print(f"           {rates[1]:9,.0f} images/s  each read while the step before it runs")
    print(f"ratio      {rates[1] / rates[0]:9.2f}")


def loader(run: Any) -> Any:
    """A function that does a step's loading: choose, read, normalise and move a batch."""
    from models.data import EpochSampler, normalise

    sampler = EpochSampler(len(run.dataset), seed=1)

    def load() -> None:
        indices = sampler.take(run.config.batch_size)
        normalise(run.dataset.batch(indices).to(run.machine.device))

    return load


def enough_space(folder: Path, images: np.ndarray, count: int) -> bool:
    wanted = count * images[0].nbytes
    free = shutil.disk_usage(folder).free
    if free < wanted + SPARE_BYTES:
        print(
            f"memory     not measured: {count:,} pictures take {wanted / 1e9:.1f} GB, but only "
            f"{free / 1e9:.1f} GB are free in {folder.parent}: choose another --folder, or fewer "
            "--pictures"
        )
        return False
    return True


def repeat(images: np.ndarray, count: int, folder: Path) -> None:
    """Pack `count` images by repeating the given ones."""
    folder.mkdir()
    shape = (count, *images.shape[1:])
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    with (folder / "images.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, count, len(images)):
            images[: count - start].tofile(file)
    (folder / "dataset.json").write_text(
        json.dumps({"images": count, "shape": list(shape[1:]), "classes": None})
    )


def report_memory(folder: Path, arguments: argparse.Namespace) -> None:
    output = subprocess.run(
        [
            *(sys.executable, "-m", __spec__.name, f"--measure-memory={folder}"),
            *(f"--{name}={getattr(arguments, name)}" for name in ("loads", "steps", "width")),
        ],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
    used = json.loads(output)
    size = (folder / "images.npy").stat().st_size
    most, own, files = (used[name] / 2**30 for name in ("VmHWM", "RssAnon", "RssFile"))
    print(f"dataset    {arguments.pictures:,} pictures, {size / 1e9:.1f} GB")
    print(f"done       {used['loaded']:,} pictures loaded, {used['trained']:,} trained on")
    print(f"memory     {most:9.2f} GiB       peak resident (< {WANTED_GIB} wanted)")
    print(f"           {own:9.2f} GiB       private, {files:.2f} GiB pages of files, at the end")


def measure_memory(arguments: argparse.Namespace) -> None:
    """Load and train, then print the memory of this process as JSON."""
    from benchmarks.harness import moggy_training

    folder = arguments.measure_memory
    shape = np.load(folder / "images.npy", mmap_mode="r").shape[1:]
    run = moggy_training.open_run(config_of(shape, arguments.width), folder)
    load, step = loader(run), moggy_training.step_of(run)
    for _ in range(arguments.loads):
        load()
    for _ in range(arguments.steps):
        step()
    size = run.config.batch_size
    print(
        json.dumps(
            own_memory_bytes() | {"loaded": arguments.loads * size, "trained": run.images_seen}
        )
    )


def own_memory_bytes() -> dict[str, int]:
    """Bytes of this process: peak resident (VmHWM), private (RssAnon), of files (RssFile)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    return {name: 1024 * int(fields[name].split()[0]) for name in ("VmHWM", "RssAnon", "RssFile")}


if __name__ == "__main__":
    main()
