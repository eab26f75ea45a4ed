"""Run by torchrun: each process trains on its own datasets and writes the values of its watch."""

import json
import sys
from dataclasses import replace
from pathlib import Path

from models.config import TrainingConfig
from models.data import PackedDataset
from models.precision import choose_machine
from models.training.group import Group
from models.training.health import watch
from models.training.run import TrainingRun
from models.training.stability import check_health

STEPS = 6


def main() -> None:
    """Arguments: the file name to which each process appends its rank, then the dataset of each
    process in the first run, in the second, and so on."""
    group = Group.join()
    _, values, *folders = sys.argv
    watch.READ_IMAGES = 32
    watched = [_watched(Path(folder), group) for folder in folders[group.rank :: group.size]]
    Path(f"{values}{group.rank}").write_text(json.dumps(watched))
    group.leave()


def _watched(folder: Path, group: Group) -> dict[str, float]:
    config = replace(
        TrainingConfig(width=8, batch_size=16, precision="float32", held_out_share=0.1),
        generator_normalisation="none",
        discriminator_normalisation="none",
        discriminator_learning_rate=0.01,  # so that it soon separates real from generated images
    )
    run = TrainingRun(config, PackedDataset(folder), choose_machine("float32"), group)
    for _ in range(STEPS):
        run.step()
        run.read_report()
        check_health(run)
    return run.watch.values


main()
