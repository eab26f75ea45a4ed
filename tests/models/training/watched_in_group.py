"""Run by torchrun: each process trains on a dataset of its own, and prints what its watch says."""

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

STEPS = 6


def main() -> None:
    """The words: a file each process writes its values to, and its folder of pictures."""
    group = Group.join()
    _, values, *folders = sys.argv
    config = replace(
        TrainingConfig(width=8, batch_size=16, precision="float32", held_out_share=0.1),
        generator_normalisation="none",
        discriminator_normalisation="none",
        discriminator_learning_rate=0.01,  # so that reals and fakes are soon told apart
    )
    watch.READ_IMAGES = 32
    dataset = PackedDataset(Path(folders[group.rank]))
    run = TrainingRun(config, dataset, choose_machine("float32"), group)
    for _ in range(STEPS):
        run.step()
        run.losses()
        run.examine()
    Path(f"{values}{group.rank}").write_text(json.dumps(run.watch.values))
    group.leave()


main()
