"""The scores of a checkpoint's images at several truncations, precision and recall first.

`python -m benchmarks.truncation --checkpoint FILE --dataset FOLDER`. FILE is a checkpoint
(`.safetensors`), FOLDER the packed dataset that it was trained on (`images.npy`, `dataset.json`).
For each factor ψ the same seeds, those that a trainer scores, are generated with their latents
scaled by ψ, and scored against the dataset. `--sheets FOLDER` saves a sheet of 64 samples for each
factor, of the same seeds on every sheet.
"""

import argparse
from pathlib import Path

import numpy as np

from benchmarks.harness import machine
from models.checkpoint import load_generator
from models.data import PackedDataset
from models.durable_files import write_durably
from models.samples import png, tile
from models.scoring.embedding import Embedder
from models.scoring.scorer import SCORE_IMAGES, generate_scored
from models.scoring.scores import Reference, ScoreError, score

TRUNCATIONS = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)
SHOWN = ("precision", "recall", "density", "coverage", "kid", "frechet", "diversity")
SHEET_SIDE = 8


def main(words: list[str] | None = None) -> None:
    arguments = parse_arguments(words)
    loaded, dataset = load_generator(arguments.checkpoint), PackedDataset(arguments.dataset)
    print(f"machine     {machine.describe()}")
    print(f"checkpoint  {loaded.config.preset} after {loaded.images_seen:,} images")
    embedder = Embedder()
    reference = Reference.of(arguments.dataset, embedder, arguments.images)
    print(f"scores      {arguments.images:,} images each, embedding {embedder.name}")
    print("      ψ" + "".join(f"{name:>11}" for name in SHOWN))
    for truncation in TRUNCATIONS:
        images = generate_scored(loaded.generator, dataset, arguments.images, truncation=truncation)
        try:
            scores = score(reference, images, embedder)
        except ScoreError as error:
            raise SystemExit(str(error)) from error
        cells = "".join(f"{scores[name]:>11.3f}" for name in SHOWN)
        print(f"{truncation:>7.1f}{cells}", flush=True)
        if arguments.sheets:
            sheet = tile(images[: SHEET_SIDE**2], SHEET_SIDE)
            write_durably(arguments.sheets / f"truncation-{truncation:.1f}.png", png(sheet))
    print("   real" + "".join(f"{reference.real.get(name, np.nan):>11.3f}" for name in SHOWN))


def parse_arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--images", type=int, default=SCORE_IMAGES, help="scored for each factor")
    parser.add_argument("--sheets", type=Path, help="save a sheet for each factor (.png) here")
    return parser.parse_args(words)


if __name__ == "__main__":
    main()
