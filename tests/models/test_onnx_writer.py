"""The ONNX file shows what the generator shows, whatever else is in the batch."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.harness.random_models import checkpoint_bytes
from models.checkpoint import LoadedGenerator, load_generator
from models.config import TrainingConfig
from models.onnx_runtime import onnxruntime
from models.onnx_writer import ExportError, compare_pixels, export_generator, write_onnx
from models.rendering import to_uint8
from models.samples import Pixels

SHA256 = "ab" * 32
CLASSES = {"classes": ("tabby", "tux", "white"), "conditional": True}
SKIPS = {"skip_outputs": True, "generator_activation": "leaky_relu"}
BARE = {"generator_normalisation": "none"}
NETWORKS: list[dict[str, Any]] = [
    {"shape": (64, 64, 3), "width": 32},
    {"shape": (28, 28, 1), "width": 8, **BARE},
    {"shape": (48, 80, 4), "width": 8, **CLASSES},
    {"shape": (48, 80, 3), "width": 8, **SKIPS},
    {"shape": (32, 32, 4), "width": 9, **SKIPS, **BARE, **CLASSES},
    {"architecture": "mlp", "shape": (28, 28, 1), "width": 256},
    {"architecture": "mlp", "shape": (48, 80, 4), "width": 16, **CLASSES},
    {"architecture": "mlp", "shape": (28, 28, 3), "width": 16, **BARE},
    {"architecture": "r3gan", "shape": (28, 28, 1), "width": 8, "max_width": 32},
    {"architecture": "r3gan", "shape": (48, 80, 4), "width": 8, "max_width": 64, **CLASSES},
]


def load(folder: Path, **config: Any) -> LoadedGenerator:
    path = folder / "checkpoint.safetensors"
    path.write_bytes(checkpoint_bytes(TrainingConfig(**config), 1))
    return load_generator(path)


def export(loaded: LoadedGenerator) -> bytes:
    return export_generator(loaded.generator, loaded.config, loaded.images_seen, SHA256)


def run(data: bytes, latents: NDArray[np.float32], labels: NDArray[np.int64]) -> Pixels:
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    feed = {"latents": latents, "labels": labels}
    images: Pixels = session.run(
        None, {node.name: feed[node.name] for node in session.get_inputs()}
    )[0]
    return images


@pytest.fixture(
    params=NETWORKS, ids=lambda config: f"{config.get('architecture', 'dcgan')}-{config['shape']}"
)
def loaded(request: pytest.FixtureRequest, tmp_path: Path) -> LoadedGenerator:
    return load(tmp_path, **request.param)


def test_an_image_depends_neither_on_its_batch_nor_on_its_slot(loaded: LoadedGenerator) -> None:
    random = np.random.default_rng(7)
    latents = random.standard_normal((64, loaded.config.latent_dim), np.float32)
    labels = random.integers(3, size=64)
    data = export(loaded)
    together = run(data, latents, labels)
    assert together.shape == (64, *loaded.config.shape)
    assert together.dtype == np.uint8
    for size in (1, 2, 7):
        for start in (0, 3, 57):
            part = slice(start, start + size)
            assert np.array_equal(run(data, latents[part], labels[part]), together[part])
    turned = run(data, latents[::-1].copy(), labels[::-1].copy())
    assert np.array_equal(turned[::-1], together)


def test_the_same_checkpoint_gives_the_same_bytes(tmp_path: Path) -> None:
    config = {"width": 8, **CLASSES}
    write_onnx(tmp_path / "a.onnx", *_described(load(tmp_path, **config)))
    write_onnx(tmp_path / "b.onnx", *_described(load(tmp_path, **config)))
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


def _described(loaded: LoadedGenerator) -> tuple[Any, TrainingConfig, int, str]:
    return loaded.generator, loaded.config, loaded.images_seen, SHA256


def test_the_file_describes_itself(tmp_path: Path) -> None:
    loaded = load(tmp_path, width=8, **CLASSES)
    session = onnxruntime.InferenceSession(export(loaded), providers=["CPUExecutionProvider"])
    described = session.get_modelmeta().custom_metadata_map
    assert TrainingConfig.from_json(json.loads(described["moggy_config"])) == loaded.config
    assert json.loads(described["moggy_classes"]) == ["tabby", "tux", "white"]
    assert described["moggy_images_seen"] == "1000"
    assert described["moggy_checkpoint_sha256"] == SHA256
    assert "licence" in described["moggy_licence"]
    assert [(node.name, node.type, node.shape) for node in session.get_inputs()] == [
        ("latents", "tensor(float)", ["N", 100]),
        ("labels", "tensor(int64)", ["N"]),
    ]
    (images,) = session.get_outputs()
    assert (images.name, images.type) == ("images", "tensor(uint8)")
    assert images.shape == ["N", 64, 64, 3]


def test_only_fully_transparent_pixels_lose_their_colour(tmp_path: Path) -> None:
    loaded = load(tmp_path, architecture="r3gan", shape=(32, 32, 4), width=8, max_width=32)
    latents = torch.randn(8, loaded.config.latent_dim, generator=torch.Generator().manual_seed(1))
    images = run(export(loaded), latents.numpy(), np.zeros(8, np.int64))
    clear = images[..., 3] == 0
    assert 0 < clear.mean() < 1
    assert not images[clear].any()
    with torch.inference_mode():
        expected = to_uint8(loaded.generator(latents)).numpy()
    assert np.abs(images[~clear].astype(int) - expected[~clear]).max() <= 1


def test_a_file_that_shows_other_images_is_refused(tmp_path: Path) -> None:
    def darken(_module: nn.Module, _inputs: object, images: Tensor) -> Tensor:
        return images * 0.9

    loaded = load(tmp_path, width=8)
    loaded.generator.register_forward_hook(darken)
    with pytest.raises(ExportError, match=r"pixels are equal.*largest difference is"):
        export(loaded)


def test_weights_that_overflow_with_their_batchnorm_are_refused(tmp_path: Path) -> None:
    loaded = load(tmp_path, width=8)
    loaded.generator.get_parameter("layers.1.weight").fill_(3e38)
    loaded.generator.get_buffer("layers.1.running_var").fill_(1e-10)
    with pytest.raises(ExportError, match="not finite at 1,000 images seen"):
        export(loaded)


def test_rounding_may_differ_by_one_level_in_one_pixel_of_a_thousand() -> None:
    own = np.full((1, 40, 100, 3), 100, np.uint8)
    exported = own.copy()
    exported[0, 0, :4] = 101
    compare_pixels(exported, own)
    exported[0, 1, 0, 2] = 99
    with pytest.raises(ExportError, match=r"99\.88% of the pixels are equal"):
        compare_pixels(exported, own)
    exported[0, 1, 0, 2] = 102
    with pytest.raises(ExportError, match="largest difference is 2 levels"):
        compare_pixels(exported, own)


def test_the_colour_of_a_pixel_that_one_runtime_makes_transparent_is_not_compared() -> None:
    own = np.full((1, 50, 50, 4), 100, np.uint8)
    own[0, 0, 0, 3] = 1
    exported = own.copy()
    exported[0, 0, 0] = 0
    compare_pixels(exported, own)
