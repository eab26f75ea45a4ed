"""The peers serve the same images as the service."""

from dataclasses import asdict
from pathlib import Path

import pytest

from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.images.encoders import encode_png
from app.domain.images.recipes import image_recipe
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from benchmarks.harness.random_models import store_checkpoint
from benchmarks.peers.assignment import Assignment, Setting
from benchmarks.peers.images import PeerImages
from benchmarks.peers.measuring import DifferentImage, compare
from models.checkpoint import load_generator
from models.rendering import Renderer
from models.samples import Sample


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return ObjectStore(Settings(home=tmp_path))


@pytest.fixture
def checkpoint(store: ObjectStore) -> GeneratorCheckpoint:
    return store_checkpoint(store)


def assignment_of(store: ObjectStore, checkpoint: GeneratorCheckpoint) -> Assignment:
    file = store.local_copy(checkpoint.key)
    return Assignment(8000, asdict(checkpoint), str(file), Setting(batch=4))


def test_a_peers_images_are_those_of_the_service(
    store: ObjectStore, checkpoint: GeneratorCheckpoint
) -> None:
    make_images = PeerImages(assignment_of(store, checkpoint))
    renderer = Renderer(load_generator(store.local_copy(checkpoint.key)))
    for seeds in ([7], [1, 2, 3], list(range(11))):
        files = make_images(seeds)
        assert len(files) == len(seeds)
        for seed, file in zip(seeds, files, strict=True):
            (pixels,) = renderer.render([Sample(seed)])
            compare(file, encode_png(pixels, image_recipe(checkpoint, Sample(seed))))


def test_another_image_is_detected(store: ObjectStore, checkpoint: GeneratorCheckpoint) -> None:
    (pixels,) = Renderer(load_generator(store.local_copy(checkpoint.key))).render([Sample(1)])
    recipe = image_recipe(checkpoint, Sample(1))
    expected = encode_png(pixels, recipe)
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
    assignment = assignment_of(store, checkpoint)
    for name, value in assignment.environment().items():
        monkeypatch.setenv(name, value)
    read = Assignment.read()
    assert (read.port, read.file, read.setting) == (8000, assignment.file, Setting(batch=4))
    PeerImages(read)([1])
