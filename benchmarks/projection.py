"""How near a checkpoint's projections come to pictures that its training held out.

`python -m benchmarks.projection --checkpoint FILE --dataset FOLDER`. FILE is a checkpoint
(`.safetensors`), FOLDER the packed dataset that it was trained on. An encoder is trained as a job
of kind `encoder` does it; then held-out pictures are projected one after another. Each is compared
with the nearest of many samples of the checkpoint. `--sheet FILE` saves a row for each picture:
the picture, its projection, and the nearest sample.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch

from benchmarks.harness import machine
from models.checkpoint import load_generator
from models.data import PackedDataset, normalise, split_held_out
from models.durable_files import write_durably
from models.networks.network import Generator
from models.precision import choose_machine
from models.projection.calibration import (
    embedding_distances,
    reconstruct,
    unrelated_distance,
)
from models.projection.encoder import train_encoder
from models.projection.perception import Perception
from models.projection.projection import pixel_error
from models.projection.refinement import Refinement
from models.rendering import synthesize
from models.resources import limit_threads
from models.samples import png, tile
from models.scoring.embedding import Embedder
from models.seeds import SEARCH_SEEDS, latents_from_seeds

AT_ONCE = 512
TRAINING_SECONDS = 50.0
SHEET_ROWS = 8


def main(words: list[str] | None = None) -> None:
    arguments = parse_arguments(words)
    limit_threads()
    here = choose_machine()
    here.prepare()
    loaded, dataset = load_generator(arguments.checkpoint), PackedDataset(arguments.dataset)
    print(f"machine     {machine.describe()}")
    print(f"checkpoint  {loaded.config.preset} after {loaded.images_seen:,} images")
    generator, embedder = loaded.generator, Embedder(here.device)
    generator.to(here.device)
    began, seen = time.monotonic(), [0]
    encoder = train_encoder(generator, here, seen.append, arguments.training_seconds)
    print(f"encoder     {seen[-1]:,} images in {time.monotonic() - began:.1f} s", flush=True)
    steps = arguments.steps
    refinement = Refinement(generator, encoder, Perception(here.device), here, steps)
    _, held_out = split_held_out(len(dataset), loaded.config.held_out_share)
    pictures = dataset.batch(held_out[: arguments.pictures])
    samples, nearest = nearest_samples(generator, embedder, pictures.numpy(), arguments.samples)
    found, seconds = [], []
    for picture in pictures:
        began = time.monotonic()
        images = normalise(picture[None]).to(here.device)
        found.append(reconstruct(refinement, *refinement.find(images, None))[0])
        seconds.append(time.monotonic() - began)
    projections = np.stack(found)
    distances = embedding_distances(embedder, projections, pictures.numpy())
    with torch.inference_mode():
        guesses = reconstruct(refinement, encoder.guess(normalise(pictures)), None)
    guessed = embedding_distances(embedder, guesses, pictures.numpy())
    unrelated = unrelated_distance(refinement, embedder)
    print(f"pictures    {len(pictures)}, {np.median(seconds):.1f} s each, {steps} steps")
    print("            distance  10 % below  90 % below  pixel error")
    for name, row, compared in (
        ("projection", distances, projections),
        ("encoder", guessed, guesses),
        (f"of {arguments.samples:,}", nearest, samples),
    ):
        errors = [pixel_error(a, b) for a, b in zip(compared, pictures.numpy(), strict=True)]
        low, middle, high = np.percentile(row, [10, 50, 90])
        print(f"{name:>10}  {middle:8.3f}  {low:10.3f}  {high:10.3f}  {np.median(errors):11.1f}")
    print(f"nearer than the nearest sample: {np.mean(distances < nearest):.0%}")
    print(f"median of distance / nearest sample's: {np.median(distances / nearest):.2f}")
    print(f"1 % of pairs of the model's images are nearer than {unrelated:.3f}")
    if arguments.sheet:
        rows = np.stack([pictures.numpy(), projections, samples], 1)[:SHEET_ROWS]
        write_durably(arguments.sheet, png(tile(rows.reshape(-1, *dataset.shape), 3)))


def nearest_samples(
    generator: Generator, embedder: Embedder, pictures: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """The nearest of `count` samples to each picture (N, H, W, C), and the distances (N,)."""
    targets = embedder(pictures)
    nearest, best = np.zeros_like(pictures), np.full(len(pictures), np.inf)
    for first in range(0, count, AT_ONCE):
        seeds = SEARCH_SEEDS[first : min(first + AT_ONCE, count)]
        images = synthesize(generator, latents_from_seeds(seeds, generator.latent_dim))
        distances = np.linalg.norm(targets[:, None] - embedder(images)[None], axis=2)
        indices = distances.argmin(1)
        smallest = distances[np.arange(len(targets)), indices]
        better = smallest < best
        nearest[better], best[better] = images[indices[better]], smallest[better]
    return nearest, best


def parse_arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--pictures", type=int, default=32, help="held-out pictures to project")
    parser.add_argument("--samples", type=int, default=16_384, help="to compare them with")
    parser.add_argument("--steps", type=int, default=160, help="of each projection")
    parser.add_argument("--training-seconds", type=float, default=TRAINING_SECONDS)
    parser.add_argument("--sheet", type=Path, help="save the pictures and projections (.png) here")
    return parser.parse_args(words)


if __name__ == "__main__":
    main()
