"""Which score of an image agrees with a person, and what `min_quality` keeps and costs.

`python -m benchmarks.quality --generator FILE.onnx --weights FILE.safetensors --index FILE
--dataset FOLDER --judgements FILE.csv`. The first three are of one checkpoint; FOLDER has the
`features.npy` of the dataset that it was trained on. The CSV has a line `seed,judgement` for each
image that was judged by eye: 0 smeared or broken, 1 acceptable, 2 good.

The first table compares scores as rankers: AUC is the probability that the better of two images has
the higher score. The second one gives, for several values of `min_quality`, the share of smeared
images among the judged ones that remain, and precision and recall of the index's images.
"""

import argparse
import csv
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.harness import machine
from models.checkpoint import load_weights
from models.networks.build import build_discriminator
from models.onnx_generator import OnnxGenerator
from models.samples import Pixels, Sample
from models.scoring.metrics.neighbours import Neighbourhoods
from models.scoring.nearest import Vectors, VectorSearch
from models.scoring.onnx_embedder import OnnxEmbedder
from models.scoring.realism import NEAREST_SHARE
from models.scoring.sample_index import SampleIndex

MIN_QUALITIES = (0, 30, 50, 70)
COMPARED = 2048  # images on each side of precision and recall
COMPARED_REALISM = 8192  # real images, of which half are used
SMEARED, GOOD = 0, 2

Scores = NDArray[np.float64]


def main(words: list[str] | None = None) -> None:
    arguments = parse_arguments(words)
    seeds, judgements = read_judgements(arguments.judgements)
    generator, index = OnnxGenerator(arguments.generator), SampleIndex(arguments.index)
    if index.reference is None:
        raise SystemExit(f"the index has no realism: {index.description.quality_absent}")
    images = generator.render([Sample(seed, 0) for seed in seeds])
    features = OnnxEmbedder()(images)
    real = np.load(arguments.dataset / "features.npy", mmap_mode="r")
    distances = np.sort(VectorSearch(np.asarray(real)).distances(features), axis=1)
    realism = index.reference.realism(features)
    rankers = {
        f"mean distance to {NEAREST_SHARE:.0%} of {len(index.reference.features):,}": realism,
        "mean distance to the 100 nearest": -distances[:, :100].mean(1),
        "distance to the 5th nearest": -distances[:, 4],
        "distance to the nearest": -distances[:, 0],
        "realism score of Kynkäänniemi et al.": published_realism(np.asarray(real), features),
        "discriminator's logit": discriminator_logits(generator, arguments.weights, images),
    }
    print(f"machine     {machine.describe()}")
    print(f"checkpoint  {generator.config.preset} after {generator.images_seen:,} images")
    print(f"judged      {len(seeds)}: {np.bincount(judgements, minlength=3).tolist()}")
    print("\n| score | Spearman | AUC not smeared | AUC good |\n|---|---|---|---|")
    for name, scores in rankers.items():
        values = np.asarray(scores, np.float64)
        figures = (
            spearman(values, judgements.astype(float)),
            auc(values, judgements > SMEARED),
            auc(values, judgements == GOOD),
        )
        print(f"| {name} | " + " | ".join(f"{figure:.2f}" for figure in figures) + " |")
    print_thresholds(index, np.asarray(real, np.float32), index.quality(realism), judgements)


def print_thresholds(
    index: SampleIndex,
    real: NDArray[np.float32],
    qualities: NDArray[np.float32],
    judgements: NDArray[np.int64],
) -> None:
    chosen = np.random.default_rng(0).choice(len(real), min(COMPARED, len(real)), replace=False)
    neighbourhoods = Neighbourhoods.of(torch.from_numpy(real[chosen]))
    print("\n| `min_quality` | judged | smeared | good | precision | recall |")
    print("|---|---|---|---|---|---|")
    for least in MIN_QUALITIES:
        kept = judgements[qualities >= least]
        indexed = index.features[index.qualities >= least][:COMPARED].astype(np.float32)
        overlap = neighbourhoods.overlap(torch.from_numpy(indexed))
        shares = (np.mean(kept == SMEARED), np.mean(kept == GOOD))
        print(
            f"| {least} | {len(kept)} | {shares[0]:.1%} | {shares[1]:.1%} | "
            f"{overlap.precision:.3f} | {overlap.recall:.3f} |"
        )


def published_realism(real: Vectors, features: Vectors) -> Scores:
    """The score of Kynkäänniemi et al., "Improved precision and recall metric for assessing
    generative models" (NeurIPS 2019), section 4, by a sample of COMPARED_REALISM real images: the
    largest ratio of a real image's radius, the distance to its third-nearest other one, to its
    distance. Images with radii above the median are left out."""
    generator = np.random.default_rng(0)
    chosen = generator.choice(len(real), min(COMPARED_REALISM, len(real)), replace=False)
    radii = np.partition(VectorSearch(real[chosen]).distances(real[chosen]), 3, axis=1)[:, 3]
    dense = radii <= np.median(radii)
    distances = np.maximum(VectorSearch(real[chosen][dense]).distances(features), 1e-3)
    scores: Scores = (radii[dense] / distances).max(1).astype(np.float64)
    return scores


def discriminator_logits(generator: OnnxGenerator, weights: Path, images: Pixels) -> Scores:
    """The logit of the checkpoint's discriminator for each image; unconditional models only."""
    discriminator = build_discriminator(generator.config)
    discriminator.load_state_dict(load_weights(weights).discriminator)
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.no_grad():
        logits = discriminator.eval()(pixels)
    scores: Scores = logits.reshape(len(images), -1).mean(1).double().numpy()
    return scores


def auc(scores: Scores, positive: NDArray[np.bool_]) -> float:
    """The probability that a positive image has a higher score than another; ties count half."""
    ranks, count = _ranks(scores), int(positive.sum())
    rest = len(positive) - count
    return float((ranks[positive].sum() - count * (count + 1) / 2) / (count * rest))


def spearman(first: Scores, second: Scores) -> float:
    return float(np.corrcoef(_ranks(first), _ranks(second))[0, 1])


def _ranks(values: Scores) -> Scores:
    """The ranks from 1 on; equal values share their mean rank."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    means: Scores = np.cumsum(counts) - (counts - 1) / 2
    return means[inverse]


def read_judgements(path: Path) -> tuple[list[int], NDArray[np.int64]]:
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [int(row["seed"]) for row in rows], np.array([int(row["judgement"]) for row in rows])


def parse_arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("generator", "weights", "index", "dataset", "judgements"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    return parser.parse_args(words)


if __name__ == "__main__":
    main()
