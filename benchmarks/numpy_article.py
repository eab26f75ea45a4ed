"""Training speed of Moggy's trainer against the article's step in NumPy, in one run.

`python -m benchmarks.numpy_article`. Both train a DCGAN of width 32 at batch 64, the generator
first, then the discriminator on the same fakes. The NumPy side (benchmarks/harness/numpy_dcgan.py)
computes in float32; `--dtype float64` is NumPy's default type. The two sides run alternately.
"""

import argparse
import os
from dataclasses import replace

from benchmarks.harness import machine
from benchmarks.harness.turns import Side, answer_turns, compare
from models.child_process import SPIN_COUNT
from models.presets import PRESETS

SIDES = ("numpy", "moggy")
DATASET_IMAGES = 3000
WANTED_RATIO = 15


def main() -> None:
    """Measure both sides alternately; print both rates, their ratio and the machine."""
    arguments = parse_arguments()
    if arguments.side == "numpy":
        run_numpy_side(arguments)
    elif arguments.side == "moggy":
        run_moggy_side(arguments)
    else:
        report(arguments)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each turn")
    parser.add_argument("--side", choices=SIDES, help="run one side; used internally")
    return parser.parse_args()


def report(arguments: argparse.Namespace) -> None:
    settings = [f"--{name}={getattr(arguments, name)}" for name in ("width", "seconds", "dtype")]
    settings.append(f"--batch-size={arguments.batch_size}")
    with (
        Side(__spec__.name, "--side=numpy", *settings) as peer,
        Side(__spec__.name, "--side=moggy", *settings) as moggy,
    ):
        rates = compare({"numpy": peer, "moggy": moggy}, arguments.turns)
    ratio = rates["moggy"].median / rates["numpy"].median
    print(f"machine    {machine.describe()}")
    print(f"networks   DCGAN, 64 × 64 × 3, width {arguments.width}, batch {arguments.batch_size}")
    for name in SIDES:
        print(rates[name].row(name))
    print(f"ratio      {ratio:9.1f}           (≥ {WANTED_RATIO} wanted)")


def run_numpy_side(arguments: argparse.Namespace) -> None:
    import numpy as np

    from benchmarks.harness.numpy_dcgan import new_training

    dtype = np.dtype(arguments.dtype).type
    training = new_training(arguments.width, dtype)
    random = np.random.default_rng(0)
    data = random.uniform(-1, 1, (DATASET_IMAGES, 3, 64, 64)).astype(dtype)
    size = arguments.batch_size

    def step() -> None:
        latents = random.standard_normal((size, 100)).astype(dtype)
        training.step(data[random.integers(DATASET_IMAGES, size=size)], latents)

    answer_turns(f"NumPy {np.__version__}, {arguments.dtype}", step, size, arguments.seconds, {})


def run_moggy_side(arguments: argparse.Namespace) -> None:
    os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)  # as the trainer process does
    from benchmarks.harness import moggy_training

    config = replace(
        PRESETS["dcgan"].config, width=arguments.width, batch_size=arguments.batch_size
    )
    moggy_training.run_side(config, arguments.seconds)


if __name__ == "__main__":
    main()
