"""How near a checkpoint's projections come to pictures that its training held out.

`python -m benchmarks.projection --checkpoint FILE --dataset PICTURES`. FILE is a checkpoint
(`.safetensors`, or a bundle with one, such as app/domain/starter.zip). PICTURES is the packed
dataset that it was trained on, or the archive of JPEGs that was uploaded for it. The sample index
is built and the encoder trained as jobs do it. Then pictures are projected one after another, of
two sets: held-out ones, and images of seeds beyond the index. Each is compared with the best of
the index, the sample whose embedding is nearest. `--sheet FILE` saves a row for held-out pictures
at evenly spaced ranks of the distance, by default the best, the median and the worst: the picture,
its projection, and the best sample. The sheet of docs/latent-tools.md is made by

    python -m benchmarks.projection --checkpoint app/domain/starter.zip --dataset cats.zip \\
        --sheet docs/latent-tools/projections.webp

where cats.zip is the archive that docs/starter.md names.
"""

import argparse
import hashlib
import json
import tempfile
import time
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from benchmarks.harness import machine
from benchmarks.harness.packed_datasets import decode_jpegs
from models.checkpoint import LoadedGenerator, load_generator
from models.data import PackedDataset, normalise, split_held_out
from models.index_build import INDEX_FILE, run_build
from models.onnx_writer import export_generator
from models.projection.calibration import embedding_distances, reconstruct, unrelated_distance
from models.projection.encoder import train_encoder
from models.projection.perception import Perception
from models.projection.projection import choose_projection_machine, pixel_error
from models.projection.refinement import Refinement
from models.rendering import synthesize
from models.resources import limit_threads
from models.samples import Pixels, tile
from models.scoring.embedding import Embedder
from models.scoring.sample_index import SampleIndex
from models.seeds import SEARCH_SEEDS, classes_from_seeds, latents_from_seeds

WEIGHTS = "generator.safetensors"  # of a bundle
SHEET_QUALITY = 90
Distances = np.ndarray  # (N,)


class Projected(NamedTuple):
    """Images (N, H, W, C) made for the pictures of a set, and seconds for each (N,)."""

    projections: Pixels
    predictions: Pixels
    seconds: np.ndarray
    processor_seconds: np.ndarray


class NoEvents:
    """Events that are not recorded; a failure ends the benchmark."""

    def emit(self, event: str, **values: object) -> None:
        if event == "failed":
            raise SystemExit(str(values["error"]))


def main(words: list[str] | None = None) -> None:
    arguments = parse_arguments(words)
    limit_threads()
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = unpacked(arguments.checkpoint, Path(folder))
        loaded = load_generator(checkpoint)
        here = choose_projection_machine(loaded.config)
        here.prepare()
        print(f"machine     {machine.describe()}; threads: {here.threads}, {here.precision}")
        held_out = held_out_pictures(arguments.dataset, loaded, arguments.pictures)
        print(f"checkpoint  {loaded.config.preset} after {loaded.images_seen:,} images")
        clock = Clock()
        index = build_index(loaded, checkpoint, arguments.samples, Path(folder))
        print(f"index       {len(index):,} samples, {clock}", flush=True)
        generator = loaded.generator
        generator.to(here.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        clock = Clock()
        encoder = train_encoder(generator, here, lambda _: None, arguments.encoder_images)
        print(f"encoder     {arguments.encoder_images:,} images, {clock}", flush=True)
        perception, embedder = Perception(here.device), Embedder(here.device)
        refinement = Refinement(generator, encoder, perception, here, arguments.steps, index)
        unrelated = unrelated_distance(refinement, embedder)
        print(f"pairs       1 % of pairs of the model's images are nearer than {unrelated:.3f}")
        later = SEARCH_SEEDS[len(index) : len(index) + arguments.generated]
        for name, pictures in (("held-out", held_out), ("generated", samples(loaded, later))):
            projected = project(refinement, pictures)
            distances = embedding_distances(embedder, projected.projections, pictures)
            best = samples(loaded, best_of_index(index, embedder, pictures))
            report(name, pictures, projected, distances, best, embedder, unrelated)
            if name == "held-out" and arguments.sheet:
                triples = np.stack([pictures, projected.projections, best], 1)
                save_sheet(arguments.sheet, triples, distances, arguments.rows)


class Clock:
    """Seconds since it was made, of the wall's clock and of all threads of this process."""

    def __init__(self) -> None:
        self._began, self._processor = time.monotonic(), time.process_time()

    def read(self) -> tuple[float, float]:
        return time.monotonic() - self._began, time.process_time() - self._processor

    def __str__(self) -> str:
        seconds, processor = self.read()
        return f"{seconds:.1f} s, {processor:.1f} s of processor time"


def unpacked(path: Path, folder: Path) -> Path:
    """The checkpoint itself, or the one of a bundle, written into `folder`."""
    if not zipfile.is_zipfile(path):
        return path
    with zipfile.ZipFile(path) as bundle:
        return Path(bundle.extract(WEIGHTS, folder))


def held_out_pictures(path: Path, loaded: LoadedGenerator, count: int) -> Pixels:
    """The first `count` pictures that the training held out, of a packed dataset or an archive."""
    if path.is_dir():
        dataset = PackedDataset(path)
        _, held_out = split_held_out(len(dataset), loaded.config.held_out_share)
        pictures: Pixels = dataset.batch(held_out[:count]).numpy()
    else:
        images = decode_jpegs(path)
        _, held_out = split_held_out(len(images), loaded.config.held_out_share)
        pictures = images[held_out[:count].numpy()]
    if len(pictures) == 0:
        raise SystemExit(f"the training on {path} held no pictures out")
    return pictures


def build_index(loaded: LoadedGenerator, checkpoint: Path, count: int, folder: Path) -> SampleIndex:
    """The sample index of the checkpoint, built in `folder`."""
    sha256 = hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    exported = export_generator(loaded.generator, loaded.config, loaded.images_seen, sha256)
    onnx = folder / "generator.onnx"
    onnx.write_bytes(exported)
    run = {
        "generator": str(onnx),
        "sha256": hashlib.sha256(exported).hexdigest(),
        "samples": count,
        "pictures": None,
        "reference": None,
        "pictures_absent": "a projection needs no qualities",
    }
    (folder / "run.json").write_text(json.dumps(run))
    run_build(folder, NoEvents())
    return SampleIndex(folder / INDEX_FILE)


def samples(loaded: LoadedGenerator, seeds: range | list[int]) -> Pixels:
    """The images of the seeds, each with its class: (N, H, W, C)."""
    labels = None
    if loaded.config.classes:
        labels = torch.from_numpy(classes_from_seeds(seeds, len(loaded.config.classes)))
    latents = latents_from_seeds(seeds, loaded.config.latent_dim)
    return synthesize(loaded.generator, latents, labels)


def best_of_index(index: SampleIndex, embedder: Embedder, pictures: Pixels) -> list[int]:
    """The seed of the sample whose embedding is nearest to each picture's."""
    return [index.seeds[i] for i in index.nearest_images(embedder(pictures))]


def project(refinement: Refinement, pictures: Pixels) -> Projected:
    """Project the pictures one after another."""
    projections, seconds, device = [], [], refinement.machine.device
    images = normalise(torch.from_numpy(pictures)).to(device)
    for image in images:
        clock = Clock()
        projections.append(reconstruct(refinement, *refinement.find(image[None], None))[0])
        seconds.append(clock.read())
    wall, processor = np.array(seconds).T
    return Projected(np.stack(projections), predictions(refinement, images), wall, processor)


@torch.inference_mode()
def predictions(refinement: Refinement, images: Tensor) -> Pixels:
    """The images of the predictions for (N, C, H, W) images, of the first class if any."""
    labels = None
    if refinement.generator.classes:
        labels = torch.zeros(len(images), dtype=torch.long, device=images.device)
    return reconstruct(refinement, refinement.encoder.predict(images), labels)


def report(
    name: str,
    pictures: Pixels,
    projected: Projected,
    distances: Distances,
    best: Pixels,
    embedder: Embedder,
    unrelated: float,
) -> None:
    """Print the distances of a set, the margin over the best of the index, and the times."""
    nearest = embedding_distances(embedder, best, pictures)
    predicted = embedding_distances(embedder, projected.predictions, pictures)
    print(f"\n{name}: {len(pictures)} pictures")
    print("                    distance  10 % below  90 % below  pixel error")
    for label, row, images in (
        ("projection", distances, projected.projections),
        ("best of the index", nearest, best),
        ("encoder's prediction", predicted, projected.predictions),
    ):
        errors = [pixel_error(a, b) for a, b in zip(images, pictures, strict=True)]
        low, middle, high = np.percentile(row, [10, 50, 90])
        print(f"{label:>18}  {middle:8.3f}  {low:10.3f}  {high:10.3f}  {np.median(errors):11.1f}")
    margin = np.median(nearest - distances)
    print(f"nearer than the best of the index: {np.mean(distances < nearest):.0%}")
    print(f"median margin {margin:.3f}, median ratio {np.median(distances / nearest):.2f}")
    print(f"nearer than 1 % of pairs of the model's images: {np.mean(distances < unrelated):.0%}")
    print(
        f"median time {np.median(projected.seconds):.1f} s, "
        f"{np.median(projected.processor_seconds):.1f} s of processor time",
        flush=True,
    )


def save_sheet(path: Path, triples: np.ndarray, distances: Distances, rows: int) -> None:
    """Save `rows` of the triples (N, 3, H, W, C), from the smallest distance to the largest."""
    ranks = np.linspace(0, len(triples) - 1, min(rows, len(triples))).round().astype(int)
    chosen = triples[np.argsort(distances)[ranks]]
    sheet = Image.fromarray(tile(chosen.reshape(-1, *chosen.shape[2:]), 3).squeeze())
    sheet.save(path, quality=SHEET_QUALITY)  # which only lossy formats read


def parse_arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--pictures", type=int, default=40, help="held-out pictures to project")
    parser.add_argument("--generated", type=int, default=16, help="generated ones to project")
    parser.add_argument("--samples", type=int, default=16_384, help="of the index")
    parser.add_argument("--steps", type=int, default=160, help="of each projection")
    parser.add_argument("--encoder-images", type=int, default=24_000)
    parser.add_argument(
        "--sheet", type=Path, help="save the pictures and projections here (.png, .webp)"
    )
    parser.add_argument("--rows", type=int, default=3, help="of the sheet")
    return parser.parse_args(words)


if __name__ == "__main__":
    main()
