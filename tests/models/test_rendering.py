"""A picture is a function of its checkpoint, latent and class, not of its place in a batch."""

import hashlib
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.random_models import checkpoint_bytes
from models.checkpoint import load_generator
from models.config import TrainingConfig
from models.latents import latent_from_seed
from models.rendering import Renderer
from models.samples import BATCH, Sample

CLASSES = {"classes": ("tabby", "tux", "white"), "conditional": True}
MODELS: list[dict[str, Any]] = [
    {"shape": (64, 64, 3), "width": 32},
    {"shape": (28, 28, 1), "width": 8},
    {"shape": (128, 128, 3), "width": 8},
    {"shape": (32, 32, 3), "width": 9},
    {"shape": (48, 80, 4), "width": 8, **CLASSES},
    {"architecture": "mlp", "shape": (28, 28, 1), "width": 256},
    {"architecture": "mlp", "shape": (48, 80, 4), "width": 16, **CLASSES},
    {"architecture": "r3gan", "shape": (28, 28, 1), "width": 8, "max_width": 32},
    {"architecture": "r3gan", "shape": (48, 80, 4), "width": 8, "max_width": 64, **CLASSES},
]


def renderer(tmp_path: Path, **config: Any) -> Renderer:
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(checkpoint_bytes(TrainingConfig(**config), 1))
    return Renderer(load_generator(path))


@pytest.fixture(params=MODELS, ids=lambda one: f"{one.get('architecture')}-{one['shape']}")
def config(request: pytest.FixtureRequest) -> dict[str, Any]:
    """A model of every architecture, square and not, of 1, 3 and 4 channels."""
    found: dict[str, Any] = request.param
    return found


def label(config: dict[str, Any]) -> int | None:
    return random.randrange(3) if "classes" in config else None


def test_a_picture_has_the_same_bytes_in_every_slot(tmp_path: Path, config: dict[str, Any]) -> None:
    one = renderer(tmp_path, **config)
    sample = Sample(7, label(config))
    alone = one.render([sample])
    assert alone.shape == (1, *config["shape"])
    assert alone.std() > 10
    for slot in range(BATCH):
        samples = [Sample(random.randrange(2**53), label(config)) for _ in range(BATCH)]
        samples[slot] = sample
        assert np.array_equal(one.render(samples)[slot], alone[0]), f"slot {slot}"


def test_another_process_gives_the_same_bytes(tmp_path: Path) -> None:
    expected = []
    for number, config in enumerate(MODELS):
        folder = tmp_path / str(number)
        folder.mkdir()
        pixels = renderer(folder, **config).render([Sample(7, 1), Sample(8, 0)])
        expected.append(hashlib.sha256(pixels.tobytes()).hexdigest())
    code = (
        "import hashlib, pathlib\n"
        "from models.samples import Sample\n"
        "from models.rendering import Renderer\n"
        "from models.checkpoint import load_generator\n"
        f"for path in sorted(pathlib.Path({str(tmp_path)!r}).glob('*/checkpoint.safetensors')):\n"
        "    pixels = Renderer(load_generator(path)).render([Sample(7, 1), Sample(8, 0)])\n"
        "    print(hashlib.sha256(pixels.tobytes()).hexdigest())\n"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.split() == expected


def test_the_number_of_threads_changes_no_byte(tmp_path: Path, config: dict[str, Any]) -> None:
    one = renderer(tmp_path, **config)
    before = torch.get_num_threads()
    pictures = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        pictures.append(one.render([Sample(7, 0)]))
    torch.set_num_threads(before)
    assert np.array_equal(*pictures)


def test_a_seed_and_the_latent_it_names_are_one_picture(tmp_path: Path) -> None:
    one = renderer(tmp_path, width=8)
    pixels = one.render([Sample(7), Sample(latent_from_seed(7, 100).numpy())])
    assert np.array_equal(pixels[0], pixels[1])


def test_different_seeds_are_different_pictures(tmp_path: Path) -> None:
    pixels = renderer(tmp_path, width=8).render([Sample(1), Sample(2)]).astype(int)
    assert np.abs(pixels[0] - pixels[1]).mean() > 10


def test_one_seed_is_another_picture_in_every_class(tmp_path: Path) -> None:
    one = renderer(tmp_path, width=8, **CLASSES)
    pixels = one.render([Sample(7, label) for label in range(3)]).astype(int)
    for first, second in ((0, 1), (1, 2), (0, 2)):
        assert np.abs(pixels[first] - pixels[second]).mean() > 5


def test_pixels_beyond_the_range_are_clipped_where_nothing_bounds_them(tmp_path: Path) -> None:
    config = {"architecture": "r3gan", "shape": (32, 32, 3), "width": 8, "max_width": 32}
    pixels = renderer(tmp_path, **config).render([Sample(seed) for seed in range(BATCH)])
    assert {0, 255} <= set(pixels.ravel().tolist())


def test_what_is_wholly_transparent_has_no_colour(tmp_path: Path) -> None:
    one = renderer(tmp_path, architecture="r3gan", shape=(32, 32, 4), width=8, max_width=32)
    pixels = one.render([Sample(seed) for seed in range(BATCH)])
    clear = pixels[..., 3] == 0
    assert 0 < clear.mean() < 1
    assert not pixels[clear].any()
