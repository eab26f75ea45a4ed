"""How long the nearest of 100,000 training pictures takes, beside what it takes at least.

`python -m benchmarks.index`. Random unit vectors stand for embeddings: an exact search reads them
all, whatever they hold. Each row is measured in the same rounds as the others, in turn, in one
thread as the API uses it, on the processor's time of that thread, so that other programs matter
little; the wall's is given beside it. The limit is to read the stored bytes once. Then the time to
open an index, and (`--pictures=1000000`) to write one.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.harness import machine

FEATURES = 128
WANTED_MS = 5.0
ROUNDS = 50
CHUNK = 100_000


def main() -> None:
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the API sets it
    import torch

    from models.scoring.nearest import Index, write_index

    arguments = parse_arguments()
    torch.set_num_threads(1)
    print(f"machine    {machine.describe()}")
    print(f"pictures   {arguments.pictures:,} × {FEATURES} float16")
    with tempfile.TemporaryDirectory(prefix="moggy-index-", dir=arguments.folder) as temporary:
        folder = Path(temporary)
        stored = random_vectors(arguments.pictures, folder / "features.npy")
        write = once(lambda: write_index(folder, stored))
        opening = once(lambda: Index(folder))
        index = Index(folder)
        queries = unit(np.random.default_rng(1).standard_normal((8, FEATURES), np.float32))
        one = queries[:1]
        wide = stored.astype(np.float32) if arguments.pictures <= 10 * CHUNK else None
        rows: dict[str, Callable[[], object]] = {
            "read the bytes once (the limit)": lambda: stored.view(np.int64).sum(),
            "Index.nearest, one picture": lambda: index.nearest(one),
            "Index.nearest, eight pictures": lambda: index.nearest(queries),
        }
        if wide is not None:
            rows["numpy, a float32 copy in memory"] = lambda: (wide @ one[0]).argmax()
        times = in_rounds(rows, arguments.rounds)
        print(f"{'':34s} {'processor ms':>12s} {'wall ms':>9s} {'× limit':>8s}")
        limit = statistics.median(own for own, _ in times["read the bytes once (the limit)"])
        for name, taken in times.items():
            own, wall = (statistics.median(one) for one in zip(*taken, strict=True))
            print(f"{name:34s} {1e3 * own:12.2f} {1e3 * wall:9.2f} {own / limit:8.1f}")
        print(f"{'open an index':34s} {1e3 * opening:12.2f}")
        print(f"{'write_index':34s} {1e3 * write:12.0f}")
        searched = statistics.median(own for own, _ in times["Index.nearest, one picture"])
        met = "met" if 1e3 * searched < WANTED_MS else "missed"
        print(f"wanted     one picture in under {WANTED_MS:g} ms at 100,000: {met}")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--folder", type=Path, help="where the vectors are written meanwhile")
    return parser.parse_args()


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def random_vectors(count: int, path: Path) -> np.ndarray:
    """(count, FEATURES) float16 of unit length, written and mapped."""
    random = np.random.default_rng(0)
    stored = np.lib.format.open_memmap(path, "w+", np.float16, (count, FEATURES))
    for start in range(0, count, CHUNK):
        rows = min(CHUNK, count - start)
        stored[start : start + rows] = unit(random.standard_normal((rows, FEATURES), np.float32))
    stored.flush()
    return np.load(path, mmap_mode="r")


def once(work: Callable[[], object]) -> float:
    """Seconds of this thread."""
    began = time.thread_time()
    work()
    return time.thread_time() - began


def in_rounds(
    rows: dict[str, Callable[[], object]], rounds: int
) -> dict[str, list[tuple[float, float]]]:
    """(seconds of this thread, seconds) of each row in each round, after one for warmth."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in rows}
    for number in range(rounds + 1):
        for name, work in rows.items():
            began, began_own = time.perf_counter(), time.thread_time()
            work()
            taken = (time.thread_time() - began_own, time.perf_counter() - began)
            if number:
                times[name].append(taken)
    return times


if __name__ == "__main__":
    main()
