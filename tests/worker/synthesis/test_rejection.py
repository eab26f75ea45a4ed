"""Images that a synthesis leaves out: copies of training images, and those of low quality."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from copying_models import embed, pack_features

from models.onnx_generator import OnnxGenerator
from models.samples import Sample
from models.scoring.nearest import Index
from models.scoring.onnx_embedder import OnnxEmbedder
from models.scoring.realism import Reference
from models.scoring.sample_index import Description, write_sample_index
from worker.synthesis.rejection import RejectionFilter
from worker.synthesis.request import ComparedDataset, NoQuality, NotComparable, QualityLimit

from .conftest import Events


@pytest.fixture
def images(generator: OnnxGenerator) -> np.ndarray:
    """(8, 28, 28, 1): the images of the seeds 0 to 7."""
    return generator.render([Sample(seed, 0) for seed in range(8)])


def test_only_training_images_are_copies(tmp_path: Path, images: np.ndarray) -> None:
    # With each image twice in the dataset, only equal images are near enough to be copies.
    pack_features(tmp_path / "packed", embed(np.concatenate([images[2:5]] * 2)))
    finder = RejectionFilter(ComparedDataset("kittens", tmp_path / "packed"), None)
    assert finder.find(images) == [False] * 2 + [True] * 3 + [False] * 3
    assert finder.find(images[4:6]) == [True, False]


def test_a_dataset_without_usable_embeddings_is_named_in_the_error(tmp_path: Path) -> None:
    with pytest.raises(NotComparable, match="dataset 'kittens' is being deleted"):
        RejectionFilter(ComparedDataset("kittens", tmp_path / "gone"), None)
    pack_features(tmp_path / "old", np.ones((2, 128), np.float16), embedding="moggy-0-cafe")
    with pytest.raises(NotComparable, match="embedded by moggy-0-cafe, this service has moggy-"):
        RejectionFilter(ComparedDataset("kittens", tmp_path / "old"), None)


def test_a_verdict_does_not_depend_on_how_many_images_are_searched_at_once(
    tmp_path: Path, generator: OnnxGenerator
) -> None:
    samples = [Sample(seed, 0) for seed in range(21)]
    batches = (samples[:8], samples[8:16], samples[16:])
    images = np.concatenate([generator.render(batch) for batch in batches])
    pack_features(tmp_path / "packed", embed(np.concatenate([images[3:19:4]] * 2)))
    finder = RejectionFilter(ComparedDataset("kittens", tmp_path / "packed"), None)
    together = finder.find(images)
    assert [index for index, is_copy in enumerate(together) if is_copy] == [3, 7, 11, 15]
    assert together == [finder.find(images[index : index + 1])[0] for index in range(21)]


def test_the_index_is_searched_once_for_all_images(
    tmp_path: Path, images: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack_features(tmp_path / "packed", embed(images))
    finder = RejectionFilter(ComparedDataset("kittens", tmp_path / "packed"), None)
    searched: list[int] = []
    search = Index.nearest

    def count(index: Index, features: np.ndarray) -> Any:
        searched.append(len(features))
        return search(index, features)

    monkeypatch.setattr(Index, "nearest", count)
    finder.find(np.concatenate([images] * 4))
    assert searched == [32]


WriteIndex = Callable[..., Path]


@pytest.fixture
def write_index(tmp_path: Path, generator: OnnxGenerator) -> WriteIndex:
    """Writes a sample index of 40 images, of which the first ten count as real ones."""

    def write(**description: Any) -> Path:
        embedder = OnnxEmbedder()
        features = embedder(generator.render([Sample(seed, 0) for seed in range(100, 140)]))
        fields = {"embedding": embedder.name, "checkpoint_sha256": "", "quality_absent": None}
        known = description.get("quality_absent") is None
        write_sample_index(
            tmp_path / "index",
            Description(**{"samples": 40} | fields | description),
            features=features,
            colours=np.zeros((40, 9, 3), np.float32),
            labels=None,
            reference=Reference.of_dataset(features[:10]) if known else None,
        )
        return tmp_path / "index"

    return write


def test_images_below_the_quality_are_left_out_whatever_is_judged_with_them(
    write_index: WriteIndex, generator: OnnxGenerator
) -> None:
    images = generator.render([Sample(seed, 0) for seed in range(40)])
    path = write_index()
    left_out = {
        least: RejectionFilter(None, QualityLimit(least, path)).find(images)
        for least in (20, 50, 80)
    }
    shares = [sum(rejected) for rejected in left_out.values()]
    assert 0 < shares[0] < shares[1] < shares[2] <= 40
    rejection = RejectionFilter(None, QualityLimit(50, path))
    assert [rejection.find(images[number : number + 1])[0] for number in range(9)] == (
        left_out[50][:9]
    )


def test_copies_and_poor_images_are_left_out_together(
    write_index: WriteIndex, images: np.ndarray, tmp_path: Path
) -> None:
    pack_features(tmp_path / "packed", embed(np.concatenate([images[2:5]] * 2)))
    compared, limit = ComparedDataset("k", tmp_path / "packed"), QualityLimit(50, write_index())
    copies, poor, both = (
        RejectionFilter(*arguments).find(images)
        for arguments in ((compared, None), (None, limit), (compared, limit))
    )
    assert both == [copy or low for copy, low in zip(copies, poor, strict=True)]


@pytest.mark.parametrize(
    ("description", "words"),
    [
        ({"quality_absent": "there are no pictures"}, "is not known: there are no pictures"),
        ({"embedding": "moggy-0"}, "was embedded by moggy-0, this worker has .*: search the model"),
        ({"version": 0}, "is a sample_index of version 0: search the model"),
    ],
)
def test_an_index_without_a_usable_quality_is_refused_with_the_reason(
    write_index: WriteIndex, description: dict[str, Any], words: str
) -> None:
    with pytest.raises(NoQuality, match=words):
        RejectionFilter(None, QualityLimit(50, write_index(**description)))


def test_poor_images_are_replaced_and_an_interrupted_job_continues_with_the_same_bytes(
    synthesize: Callable[..., tuple[int, Events]], write_index: WriteIndex
) -> None:
    path = str(write_index())
    _, whole = synthesize(min_quality=30, class_name="tabby", index=path)
    first, second = whole.named("shard")
    assert 10 < first["tried"] < second["tried"]
    stored = {"shards": 1, "made": 10, "tried": first["tried"]}
    _, rest = synthesize("again", min_quality=30, class_name="tabby", index=path, **stored)
    assert rest.named("shard") == [second]


def test_a_job_whose_index_is_gone_or_that_finds_too_few_good_images_fails(
    synthesize: Callable[..., tuple[int, Events]],
    write_index: WriteIndex,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    status, events = synthesize(min_quality=30)
    assert status == 1
    assert "has been replaced since the synthesis was queued" in events.emitted[-1]["error"]
    path = str(write_index())
    monkeypatch.setattr(
        "models.scoring.sample_index.SampleIndex.quality", lambda _, scores: scores * 0
    )
    _, events = synthesize("poor", min_quality=50, index=path)
    assert events.emitted[-1]["error"] == (
        "after 64 further seeds, 10 of the 10 images of shard 0 are still below the quality 50. "
        "Choose a lower min_quality, or another checkpoint"
    )
