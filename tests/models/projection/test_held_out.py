"""Projections of pictures that the starter model's training held out."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from app.domain.starter import BUNDLE
from benchmarks.projection import samples, unpacked
from models.checkpoint import load_generator
from models.data import normalise, split_held_out
from models.precision import choose_machine
from models.projection.calibration import embedding_distances, reconstruct
from models.projection.encoder import train_encoder
from models.projection.perception import Perception
from models.projection.refinement import Refinement
from models.samples import Pixels
from models.scoring.embedding import Embedder
from models.seeds import SEARCH_SEEDS

PICTURES, SAMPLES, STEPS = 2, 512, 30
MARGIN = 0.25  # of the distance of the best sample


def read_held_out(archive: Path, share: float) -> Pixels:
    with zipfile.ZipFile(archive) as file:
        names = [name for name in file.namelist() if name.endswith(".jpg")]
        _, held_out = split_held_out(len(names), share)
        pictures = [Image.open(io.BytesIO(file.read(names[i]))) for i in held_out[:PICTURES]]
        return np.stack([np.asarray(picture.convert("RGB")) for picture in pictures])


@pytest.mark.slow
def test_held_out_cats_come_nearer_than_the_best_sample(shared_data: Path, tmp_path: Path) -> None:
    loaded, machine = load_generator(unpacked(BUNDLE, tmp_path)), choose_machine()
    pictures = read_held_out(shared_data / "cats.zip", loaded.config.held_out_share)
    encoder = train_encoder(loaded.generator, machine, lambda _: None, images=128)
    refinement = Refinement(loaded.generator, encoder, Perception(machine.device), machine, STEPS)
    latents, labels = refinement.find(normalise(torch.from_numpy(pictures)), None)
    embedder = Embedder()
    distances = embedding_distances(embedder, reconstruct(refinement, latents, labels), pictures)
    drawn = embedder(samples(loaded, SEARCH_SEEDS[:SAMPLES]))
    best = np.linalg.norm(embedder(pictures)[:, None] - drawn, axis=2).min(1)
    assert (distances < (1 - MARGIN) * best).all(), (distances, best)
