"""Every layout of a synthesis can be packed as a dataset again, with all images and classes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.store import ObjectStore
from benchmarks.harness.random_models import store_checkpoint
from worker.ingest.ingest import Ingest
from worker.ingest.limits import Limits
from worker.ingest.request import ImageShape, IngestRequest, Source
from worker.synthesis.shards import SHARDS

CLASSES = ("tabby", "white", "../black")
LIMITS = Limits(max_pixels=1 << 20, max_images=1000, max_unpacked_bytes=1 << 28)


@pytest.fixture
def checkpoint(store: ObjectStore, request: pytest.FixtureRequest) -> GeneratorCheckpoint:
    """A checkpoint of a model with classes, one of them no folder name, or without classes."""
    classes = getattr(request, "param", CLASSES)
    conditional = bool(classes)
    return store_checkpoint(store, shape=(28, 28, 1), classes=classes, conditional=conditional)


def read_back(folder: Path, files: list[Path]) -> tuple[Any, dict[str, Any], list[str | None]]:
    """The dataset packed from `files`, its report, and the class of each image."""
    sources = tuple(Source(path.name, path) for path in files)
    shape = ImageShape(28, 28, "crop", "auto")
    request = IngestRequest(
        sources,
        shape,
        horizontal_flip=None,
        drop_near_duplicates=False,
        drop_unclassified=False,
        code_page=None,
        levels="full",
        limits=LIMITS,
    )
    ingest = Ingest(request, folder / "packed", lambda: None)
    packed = ingest.run()
    classes = packed.classes
    if classes is None:
        return packed, ingest.progress.report.to_json(), []
    labels = np.load(folder / "packed" / "labels.npy")
    return packed, ingest.progress.report.to_json(), [classes[label] for label in labels]


@pytest.mark.parametrize(
    ("layout", "image_format"),
    [*((layout, "png") for layout in SHARDS), ("zip", "webp"), ("zip", "jpg")],
)
def test_every_layout_is_read_back_with_its_classes(
    synthesize: Callable[..., Any], tmp_path: Path, layout: str, image_format: str
) -> None:
    status, events = synthesize(layout=layout, format=image_format)
    assert status == 0
    taken = tmp_path / "run" / "taken"
    shards = [taken / event["shard"]["name"] for event in events.named("shard")]
    listings = [taken / event["recipes"]["name"] for event in events.named("shard")]
    made = [json.loads(line) for path in listings for line in path.read_text().splitlines()]
    packed, report, classes = read_back(tmp_path, shards)
    assert packed.images == report["received"] == len(made) == 20
    assert set(classes) == set(CLASSES)
    assert classes == [image["class"] for image in made]


@pytest.mark.parametrize("layout", ["zip", "imagefolder", "webdataset"])
def test_the_lists_of_images_beside_the_shards_are_label_files(
    synthesize: Callable[..., Any], tmp_path: Path, layout: str
) -> None:
    synthesize(layout=layout)
    taken = sorted((tmp_path / "run" / "taken").iterdir())
    packed, report, classes = read_back(tmp_path, taken)
    assert (packed.images, report["received"], set(classes)) == (20, 20, set(CLASSES))
    assert report["labels"]["source"] == "files"
    assert report["labels"]["without_class_count"] == 0


@pytest.mark.parametrize("checkpoint", [()], indirect=True, ids=["no classes"])
@pytest.mark.parametrize("layout", SHARDS)
def test_without_classes_every_layout_is_read_back_whole(
    synthesize: Callable[..., Any], tmp_path: Path, layout: str
) -> None:
    _, events = synthesize(layout=layout)
    taken = tmp_path / "run" / "taken"
    shards = [taken / event["shard"]["name"] for event in events.named("shard")]
    packed, report, classes = read_back(tmp_path, shards)
    assert (packed.images, report["received"], classes) == (20, 20, [])
