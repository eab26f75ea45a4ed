"""The time of a nearest-neighbour search among 100,000 training images, beside its lower bound.

`python -m benchmarks.index`. Random unit vectors replace embeddings, because an exact search reads
all of them whatever they contain. All rows are measured alternately in the same rounds. The
processor time of the thread that searches is compared, so that other programs matter little; the
wall time is printed beside it. The lower bound is reading the stored bytes once. Then come the
processor times to open an index, and to write one in all threads (`--pictures=1000000` for a large
one).
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.harness import machine
from models.scoring.nearest import Index, write_index

FEATURES = 128
WANTED_MS = 5.0
ROUNDS = 50
CHUNK_VECTORS = 100_000


def main() -> None:
    arguments = parse_arguments()
    print(f"machine    {machine.describe()}")
    print(f"pictures   {arguments.pictures:,} × {FEATURES} float16")
    with tempfile.TemporaryDirectory(prefix="moggy-index-", dir=arguments.folder) as temporary:
        folder = Path(temporary)
        stored = random_vectors(arguments.pictures, folder / "features.npy")
        write = processor_seconds(lambda: write_index(folder, stored))
        opening = processor_seconds(lambda: Index(folder))
        index = Index(folder)
        queries = normalised(np.random.default_rng(1).standard_normal((8, FEATURES), np.float32))
        query = queries[:1]
        float32_copy = (
            stored.astype(np.float32) if arguments.pictures <= 10 * CHUNK_VECTORS else None
        )
        rows: dict[str, Callable[[], object]] = {
            "read the bytes once (the limit)": lambda: stored.view(np.int64).sum(),
            "Index.nearest, one picture": lambda: index.nearest(query),
            "Index.nearest, eight pictures": lambda: index.nearest(queries),
        }
        if float32_copy is not None:
            rows["numpy, a float32 copy in memory"] = lambda: (float32_copy @ query[0]).argmax()
        times = measure_in_rounds(rows, arguments.rounds)
        print(f"{'':34s} {'processor ms':>12s} {'wall ms':>9s} {'× limit':>8s}")
        limit = statistics.median(own for own, _ in times["read the bytes once (the limit)"])
        for name, taken in times.items():
            own, wall = (statistics.median(column) for column in zip(*taken, strict=True))
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
    parser.add_argument("--folder", type=Path, help="for the temporary files")
    return parser.parse_args()


def normalised(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def random_vectors(count: int, path: Path) -> np.ndarray:
    """(count, FEATURES) float16 unit vectors, written to `path` and memory-mapped."""
    random = np.random.default_rng(0)
    stored = np.lib.format.open_memmap(path, "w+", np.float16, (count, FEATURES))
    for start in range(0, count, CHUNK_VECTORS):
        rows = min(CHUNK_VECTORS, count - start)
        stored[start : start + rows] = normalised(
            random.standard_normal((rows, FEATURES), np.float32)
        )
    stored.flush()
    return np.load(path, mmap_mode="r")


def processor_seconds(work: Callable[[], object]) -> float:
    """The processor seconds of `work` in all threads."""
    began = time.process_time()
    work()
    return time.process_time() - began


def measure_in_rounds(
    rows: dict[str, Callable[[], object]], rounds: int
) -> dict[str, list[tuple[float, float]]]:
    """(processor seconds, wall seconds) of each row and round, after a warm-up round."""
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
