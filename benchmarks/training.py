"""Training speed of Moggy's trainer against a plain PyTorch loop of the same networks, in one run.

`python -m benchmarks.training`. The plain loop is pytorch/examples' dcgan
(benchmarks/harness/pytorch_example.py): eager, float32, NCHW. Both hold their images in memory, and
they run alternately. The share of the machine's rate at large matrix products counts the operations
of the example's step, the same for both; the line after it counts the fewer operations of Moggy's
own step.
"""

import argparse
import os
from dataclasses import replace

from benchmarks.harness import machine
from benchmarks.harness.turns import Side, answer_turns, compare
from models.child_process import SPIN_COUNT
from models.presets import PRESETS

SIDES = ("plain", "moggy")
WANTED_RATIO, WANTED_SHARE = 2.5, 0.6


def main() -> None:
    """Measure both sides alternately; print both rates, their ratio and the machine."""
    arguments = parse_arguments()
    if arguments.side == "plain":
        run_plain_side(arguments)
    elif arguments.side == "moggy":
        run_moggy_side(arguments)
    else:
        report(arguments)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each turn")
    parser.add_argument("--side", choices=SIDES, help="run one side; used internally")
    return parser.parse_args()


def report(arguments: argparse.Namespace) -> None:
    settings = [f"--{name}={getattr(arguments, name)}" for name in ("width", "seconds")]
    settings.append(f"--batch-size={arguments.batch_size}")
    with (
        Side(__spec__.name, "--side=plain", *settings) as plain,
        Side(__spec__.name, "--side=moggy", *settings) as moggy,
    ):
        rates = compare({"plain": plain, "moggy": moggy}, arguments.turns)
        peak = moggy.request("peak")
        example, own = moggy.request("example"), moggy.request("own")
    ratio = rates["moggy"].median / rates["plain"].median
    print(f"machine    {machine.describe()}")
    print(f"networks   DCGAN, 64 × 64 × 3, width {arguments.width}, batch {arguments.batch_size}")
    for name in SIDES:
        print(rates[name].row(name))
    print(f"ratio      {ratio:9.2f}           (≥ {WANTED_RATIO} wanted at width 64)")
    print(f"peak       {peak / 1e9:9,.0f} GFLOP/s   at large matrix products")
    for name, operations in (("share", example), ("own", own)):
        share = rates["moggy"].median * operations / peak
        print(f"{name:10} {share:9.0%}           of it, at {operations / 1e9:.2f} GFLOP an image")
    print(
        f"           (share: what the example's step takes, ≥ {WANTED_SHARE:.0%} is the ambition;"
    )
    print("           own: what this step takes, which repeats no pass)")


def run_plain_side(arguments: argparse.Namespace) -> None:
    import torch

    from benchmarks.harness import moggy_training, pytorch_example
    from benchmarks.harness.packed_datasets import random_images

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    batches = pytorch_example.in_memory(
        random_images(moggy_training.DATASET_IMAGES, (64, 64, 3)),
        arguments.batch_size,
    )
    step = pytorch_example.make_step(batches, arguments.width, device)
    about = f"{device.type}, float32, NCHW, {torch.get_num_threads()} threads"
    answer_turns(about, step, arguments.batch_size, arguments.seconds, {})


def run_moggy_side(arguments: argparse.Namespace) -> None:
    os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)  # as the trainer process does
    from benchmarks.harness import device_limits, moggy_training
    from benchmarks.harness.training_work import example_work, training_work

    config = replace(
        PRESETS["dcgan"].config, width=arguments.width, batch_size=arguments.batch_size
    )
    moggy_training.run_side(
        config,
        arguments.seconds,
        lambda run: {
            "peak": lambda: device_limits.product_rate(run.machine.device),
            "example": lambda: example_work(config.width).operations,
            "own": lambda: training_work(config).operations,
        },
    )


if __name__ == "__main__":
    main()
