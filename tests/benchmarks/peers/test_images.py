"""The peers serve the same images as the service."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.images.encoders import encode_png
from app.domain.images.recipes import image_recipe
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.serving.image_files import ImageFile
from benchmarks.harness.random_models import store_checkpoint
from benchmarks.peers.assignment import Assignment, Setting
from benchmarks.peers.images import PeerImages
from benchmarks.peers.measuring import DifferentImage, compare
from models.onnx_generator import OnnxGenerator
from models.samples import Sample


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return ObjectStore(Settings(home=tmp_path))


@pytest.fixture
def checkpoint(store: ObjectStore) -> GeneratorCheckpoint:
    return store_checkpoint(store)


def assignment_of(
    store: ObjectStore, checkpoint: GeneratorCheckpoint, setting: Setting
) -> Assignment:
    file = store.local_copy(checkpoint.key)
    return Assignment(8000, str(file), image_recipe(checkpoint, Sample(0)), setting)


def served(store: ObjectStore, checkpoint: GeneratorCheckpoint, seed: int) -> bytes:
    """The service's PNG of a seed."""
    generator = OnnxGenerator(store.local_copy(checkpoint.onnx_key).read_bytes())
    file = ImageFile(checkpoint, Sample(seed), "png")
    (pixels,) = generator.render([file.sample])
    return file.encode(pixels)


@pytest.mark.parametrize("generator", ["eager", "frozen"])
def test_a_peers_images_are_those_of_the_service_within_a_level(
    store: ObjectStore, checkpoint: GeneratorCheckpoint, generator: str
) -> None:
    setting = Setting(batch=4, generator=generator)
    make_images = PeerImages(assignment_of(store, checkpoint, setting))
    for seeds in ([7], [1, 2, 3], list(range(11))):
        files = make_images(seeds)
        assert len(files) == len(seeds)
        for seed, file in zip(seeds, files, strict=True):
            compare(file, served(store, checkpoint, seed))


def test_the_png_of_a_user_has_no_recipe(
    store: ObjectStore, checkpoint: GeneratorCheckpoint
) -> None:
    setting = Setting(generator="eager", encoder="pillow")
    (file,) = PeerImages(assignment_of(store, checkpoint, setting))([7])
    compare(file, served(store, checkpoint, 7), with_recipe=False)
    with pytest.raises(DifferentImage, match="recipe is None"):
        compare(file, served(store, checkpoint, 7))


def test_another_image_is_detected(store: ObjectStore, checkpoint: GeneratorCheckpoint) -> None:
    expected = served(store, checkpoint, 1)
    recipe = image_recipe(checkpoint, Sample(1))
    pixels = np.asarray(Image.open(io.BytesIO(expected)))
    compare(expected, expected)
    compare(encode_png(pixels // 2 * 2, recipe), expected)  # one level
    with pytest.raises(DifferentImage, match="differs by"):
        compare(encode_png(pixels // 8 * 8, recipe), expected)
    with pytest.raises(DifferentImage, match="recipe"):
        compare(encode_png(pixels, image_recipe(checkpoint, Sample(2))), expected)
    with pytest.raises(DifferentImage, match="64, 32"):
        compare(encode_png(pixels[:, :32], recipe), expected)


def test_a_server_gets_its_assignment_through_its_environment(
    store: ObjectStore, checkpoint: GeneratorCheckpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    assignment = assignment_of(store, checkpoint, Setting(batch=4))
    for name, value in assignment.environment().items():
        monkeypatch.setenv(name, value)
    assert Assignment.read() == assignment
