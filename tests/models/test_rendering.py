"""An image is a pure function of checkpoint, latent and class, whatever else is in its batch."""

import hashlib
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.harness.random_models import checkpoint_bytes
from models.checkpoint import load_generator
from models.config import TrainingConfig
from models.networks.network import Generator
from models.precision import Machine
from models.rendering import Renderer, synthesize, to_uint8
from models.samples import RENDER_BATCH, Sample
from models.seeds import latent_from_seed, latents_from_seeds
from models.training.run import TrainingRun


@pytest.fixture
def served(new_run: TrainingRun) -> Generator:
    new_run.step()
    return new_run.served_generator()


def test_pixels_are_rounded_and_clipped() -> None:
    values = torch.tensor([-1.2, -1.0, 0.0, 0.0039, 1.0, 1.2]).reshape(1, 1, 1, 6)
    assert to_uint8(values).flatten().tolist() == [0, 0, 128, 128, 255, 255]


def test_an_image_does_not_depend_on_how_many_are_generated(served: Generator) -> None:
    latents = latents_from_seeds(range(70), 100)
    together = synthesize(served, latents)
    assert together.shape == (70, 64, 64, 3)
    for index in (0, 1, 63, 64, 69):
        assert np.array_equal(synthesize(served, latents[index : index + 1])[0], together[index])


@pytest.mark.parametrize("batch", [8, 16, 64])
def test_a_latent_gives_the_same_bytes_in_every_slot(
    served: Generator, precise_machine: Machine, batch: int
) -> None:
    latent = torch.from_numpy(latents_from_seeds([7], 100))
    others = torch.from_numpy(latents_from_seeds(range(100, 100 + batch), 100))
    images = []
    for slot in range(batch):
        latents = others.clone() if slot % 2 else torch.zeros(batch, 100)
        latents[slot] = latent
        with torch.inference_mode(), precise_machine.autocast():
            images.append(to_uint8(served(latents))[slot])
    assert all(torch.equal(picture, images[0]) for picture in images)


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


@pytest.fixture(
    params=MODELS, ids=lambda network: f"{network.get('architecture')}-{network['shape']}"
)
def network(request: pytest.FixtureRequest) -> dict[str, Any]:
    """A network of every architecture, square and not, of 1, 3 and 4 channels."""
    config: dict[str, Any] = request.param
    return config


def random_label(network: dict[str, Any]) -> int | None:
    return random.randrange(3) if "classes" in network else None


def test_an_image_has_the_same_bytes_in_every_slot(tmp_path: Path, network: dict[str, Any]) -> None:
    loaded = renderer(tmp_path, **network)
    sample = Sample(7, random_label(network))
    alone = loaded.render([sample])
    assert alone.shape == (1, *network["shape"])
    assert alone.std() > 10
    for slot in range(RENDER_BATCH):
        samples = [
            Sample(random.randrange(2**53), random_label(network)) for _ in range(RENDER_BATCH)
        ]
        samples[slot] = sample
        assert np.array_equal(loaded.render(samples)[slot], alone[0]), f"slot {slot}"


def test_another_process_gives_the_same_bytes(tmp_path: Path) -> None:
    expected = []
    for index, config in enumerate(MODELS):
        folder = tmp_path / str(index)
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
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.split() == expected


def test_the_number_of_threads_changes_no_byte(tmp_path: Path, network: dict[str, Any]) -> None:
    loaded = renderer(tmp_path, **network)
    before = torch.get_num_threads()
    images = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        images.append(loaded.render([Sample(7, 0)]))
    torch.set_num_threads(before)
    one_thread, two_threads = images
    assert np.array_equal(one_thread, two_threads)


def test_a_seed_and_its_latent_give_the_same_image(tmp_path: Path) -> None:
    loaded = renderer(tmp_path, width=8)
    pixels = loaded.render([Sample(7), Sample(latent_from_seed(7, 100))])
    assert np.array_equal(pixels[0], pixels[1])


def test_different_seeds_give_different_images(tmp_path: Path) -> None:
    pixels = renderer(tmp_path, width=8).render([Sample(3), Sample(4)]).astype(int)
    assert np.abs(pixels[0] - pixels[1]).mean() > 5


def test_a_seed_gives_another_image_in_every_class(tmp_path: Path) -> None:
    loaded = renderer(tmp_path, width=8, **CLASSES)
    pixels = loaded.render([Sample(7, label) for label in range(3)]).astype(int)
    for first, second in ((0, 1), (1, 2), (0, 2)):
        assert np.abs(pixels[first] - pixels[second]).mean() > 5


def test_pixels_of_a_generator_without_tanh_are_clipped(tmp_path: Path) -> None:
    config = {"architecture": "r3gan", "shape": (32, 32, 3), "width": 8, "max_width": 32}
    pixels = renderer(tmp_path, **config).render([Sample(seed) for seed in range(RENDER_BATCH)])
    assert {0, 255} <= set(pixels.ravel().tolist())


def test_transparent_pixels_have_no_colour(tmp_path: Path) -> None:
    loaded = renderer(tmp_path, architecture="r3gan", shape=(32, 32, 4), width=8, max_width=32)
    pixels = loaded.render([Sample(seed) for seed in range(RENDER_BATCH)])
    clear = pixels[..., 3] == 0
    assert 0 < clear.mean() < 1
    assert not pixels[clear].any()
