"""Scores rank what is known to be good and bad, and are finite numbers whatever is scored."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter
from real_images import cats, digits_by_class

from models.scoring.embedding import Embedder
from models.scoring.scores import (
    BOOTSTRAP_REPLICATES,
    Reference,
    ScoreError,
    bootstrap_weights,
    confidence_interval,
    score,
)

REAL = 300
NUMBERS = {
    "kid", "frechet", "precision", "recall", "density", "coverage", "copy_rate", "diversity", "swd",
}  # fmt: skip


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return Embedder()


@pytest.fixture(scope="module")
def pictures(shared_data: Path) -> np.ndarray:
    return cats(shared_data, 2 * REAL)


@pytest.fixture(scope="module")
def other(pictures: np.ndarray) -> np.ndarray:
    """Real cats that the reference does not know."""
    return pictures[REAL:]


def pack(folder: Path, images: np.ndarray, **description: Any) -> Path:
    folder.mkdir(exist_ok=True)
    np.save(folder / "images.npy", images)
    (folder / "dataset.json").write_text(json.dumps(description))
    return folder


@pytest.fixture(scope="module")
def reference(
    pictures: np.ndarray, embedder: Embedder, tmp_path_factory: pytest.TempPathFactory
) -> Reference:
    return Reference.of(pack(tmp_path_factory.mktemp("cats"), pictures[:REAL]), embedder, REAL)


@pytest.fixture(scope="module")
def good(reference: Reference, other: np.ndarray, embedder: Embedder) -> dict[str, Any]:
    """What other real cats score."""
    return score(reference, other, embedder)


def blurred(images: np.ndarray, radius: float) -> np.ndarray:
    blur = ImageFilter.GaussianBlur(radius)
    return np.stack([np.asarray(Image.fromarray(image).filter(blur)) for image in images])


def numbers(value: Any) -> Iterator[float]:
    if isinstance(value, dict):
        for item in value.values():
            yield from numbers(item)
    elif isinstance(value, list):
        for item in value:
            yield from numbers(item)
    elif not isinstance(value, str):
        yield value


def test_they_are_finite_numbers_in_json_by_their_names(good: dict[str, Any]) -> None:
    read = json.loads(json.dumps(good, allow_nan=False))
    assert set(read) == NUMBERS | {
        "kid_interval", "frechet_interval", "floor", "ceiling", "real", "images", "embedding",
    }  # fmt: skip
    assert set(read["floor"]) == set(read["ceiling"]) == {"kid", "frechet"}
    assert set(read["real"]) == NUMBERS - {"kid", "frechet", "copy_rate"}
    assert all(math.isfinite(number) for number in numbers(read))
    assert read["images"] == REAL
    for name in ("kid", "frechet"):
        low, high = read[f"{name}_interval"]
        assert low <= read[name] <= high


def test_other_real_pictures_are_at_the_floor(good: dict[str, Any]) -> None:
    low, high = good["kid_interval"]
    assert low < 0 < high
    assert 0.6 < good["frechet"] / good["floor"]["frechet"] < 1.6
    for name in ("precision", "recall", "coverage", "diversity"):
        assert good[name] == pytest.approx(good["real"][name], abs=0.12)
    assert good["swd"] < 2 * good["real"]["swd"]
    assert good["copy_rate"] <= 0.03


def test_damage_lies_between_floor_and_ceiling_in_its_order(
    reference: Reference, other: np.ndarray, embedder: Embedder, good: dict[str, Any]
) -> None:
    weak, strong = (score(reference, blurred(other, radius), embedder) for radius in (1.5, 4))
    for name in ("kid", "frechet"):
        ranks = [good[name], weak[name], strong[name], good["ceiling"][name]]
        assert ranks == sorted(ranks)
        assert weak[f"{name}_interval"][0] > good["floor"][name]
    assert good["swd"] < weak["swd"] < strong["swd"]
    assert strong["recall"] < weak["recall"] < good["recall"]
    assert strong["diversity"] < good["diversity"]


def test_a_shift_of_colour_and_of_place_is_seen(
    reference: Reference, other: np.ndarray, embedder: Embedder, good: dict[str, Any]
) -> None:
    brighter = np.minimum(other.astype(int) + 40, 255).astype(np.uint8)
    moved = np.roll(other, 16, axis=2)
    for damaged in (score(reference, item, embedder) for item in (brighter, moved)):
        assert damaged["frechet"] > 1.5 * good["frechet"]
        assert damaged["swd"] > good["swd"]
        assert damaged["kid"] > good["kid"]


def test_noise_is_at_the_ceiling(
    reference: Reference, other: np.ndarray, embedder: Embedder, good: dict[str, Any]
) -> None:
    noise = np.random.default_rng(99).integers(0, 256, other.shape, np.uint8)
    found = score(reference, noise, embedder)
    for name in ("kid", "frechet"):
        assert found[name] == pytest.approx(good["ceiling"][name], rel=0.05)
    assert found["recall"] < 0.05
    assert found["coverage"] < 0.05


def test_a_collapse_to_one_picture_is_seen_by_all(
    reference: Reference, other: np.ndarray, embedder: Embedder, good: dict[str, Any]
) -> None:
    found = score(reference, other[:1].repeat(REAL, 0), embedder)
    assert found["diversity"] == pytest.approx(0, abs=1e-6)
    assert found["recall"] < 0.05
    assert found["coverage"] < 0.1
    for name in ("kid", "frechet"):
        assert found[name] > 0.5 * good["ceiling"][name]


def test_verbatim_copies_are_precise_and_are_called_copies(
    reference: Reference, pictures: np.ndarray, embedder: Embedder
) -> None:
    found = score(reference, pictures[:REAL], embedder)
    assert found["copy_rate"] == 1
    assert found["precision"] == 1
    nearly = pictures[:REAL] ^ np.uint8(1)  # each pixel a level off
    assert score(reference, nearly, embedder)["copy_rate"] > 0.95


def test_half_the_classes_missing_costs_recall_and_coverage_but_no_precision(
    shared_data: Path, embedder: Embedder, tmp_path: Path
) -> None:
    by_class = digits_by_class(shared_data, 80)
    real, other = by_class[:, :40], by_class[:, 40:]
    reference = Reference.of(pack(tmp_path, real.reshape(-1, 28, 28, 1)), embedder)
    whole = score(reference, other.reshape(-1, 28, 28, 1), embedder)
    half = score(reference, other[:5].reshape(-1, 28, 28, 1), embedder)
    assert half["precision"] > whole["precision"] - 0.05
    assert half["recall"] < 0.75 * whole["recall"]
    assert half["coverage"] < 0.75 * whole["coverage"]
    assert half["frechet"] > 1.5 * whole["frechet"]
    assert half["kid_interval"][0] > whole["floor"]["kid"]


def test_the_same_pictures_score_the_same_and_take_nobodys_random_numbers(
    reference: Reference, other: np.ndarray, embedder: Embedder
) -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    found = score(reference, other[:50], embedder)
    assert score(reference, other[:50], embedder) == found
    assert torch.equal(torch.get_rng_state(), before)


def test_stored_features_are_used_where_they_are_this_embedders(
    pictures: np.ndarray, embedder: Embedder, tmp_path: Path
) -> None:
    images = pictures[:40]
    folder = pack(tmp_path, images, embedding=embedder.name)
    np.save(folder / "features.npy", embedder(images).astype(np.float16))
    stored = score(Reference.of(folder, embedder), images, embedder)
    pack(tmp_path, images, embedding="another")
    computed = score(Reference.of(folder, embedder), images, embedder)
    assert stored["copy_rate"] == computed["copy_rate"] == 1
    assert stored["kid"] == pytest.approx(computed["kid"], abs=1e-3)
    assert stored["kid"] != computed["kid"]


def test_copies_are_found_outside_the_sample_where_features_are_stored(
    pictures: np.ndarray, embedder: Embedder, tmp_path: Path
) -> None:
    folder = pack(tmp_path, pictures[:100], embedding=embedder.name)
    np.save(folder / "features.npy", embedder(pictures[:100]).astype(np.float16))
    reference = Reference.of(folder, embedder, images=10)
    assert reference.images == 10
    assert score(reference, pictures[:100], embedder)["copy_rate"] == 1


def test_the_floor_of_a_frechet_distance_falls_with_the_count(reference: Reference) -> None:
    assert reference.floor(100)["frechet"] == pytest.approx(2 * reference.floor(300)["frechet"])
    assert reference.floor(100)["kid"] == reference.floor(300)["kid"]


@pytest.mark.parametrize(
    ("count", "shape", "equal"),
    [
        (1, (28, 28, 1), True),
        (2, (16, 40, 4), True),
        (2, (28, 28, 1), False),
        (7, (64, 64, 3), True),
    ],
)
def test_tiny_datasets_have_finite_scores(
    embedder: Embedder, tmp_path: Path, count: int, shape: tuple[int, int, int], equal: bool
) -> None:
    random = np.random.default_rng(1)
    images = random.integers(0, 256, (count, *shape), np.uint8)
    if equal:
        images[:] = images[0]
    reference = Reference.of(pack(tmp_path, images), embedder)
    for generated in (images, images[:1], random.integers(0, 256, (9, *shape), np.uint8)):
        found = score(reference, generated, embedder)
        assert all(math.isfinite(number) for number in numbers(found))
        json.dumps(found, allow_nan=False)
    assert score(reference, images, embedder)["copy_rate"] == 1
    assert reference.seconds > 0


def test_images_that_cannot_be_scored_are_refused(
    reference: Reference, other: np.ndarray, embedder: Embedder
) -> None:
    with pytest.raises(ScoreError, match=r"\(300, 32, 32, 3\).*\(64, 64, 3\)"):
        score(reference, other[:, ::2, ::2], embedder)
    with pytest.raises(ScoreError, match="at least 1"):
        score(reference, other[:0], embedder)


def test_the_first_row_is_the_sample_and_each_other_draws_as_many() -> None:
    weights = bootstrap_weights(30, torch.Generator().manual_seed(1))
    assert weights.shape == (1 + BOOTSTRAP_REPLICATES, 30)
    assert torch.equal(weights[0], torch.ones(30, dtype=torch.float64))
    assert weights.sum(1).eq(30).all()
    assert len({tuple(row.tolist()) for row in weights}) == 1 + BOOTSTRAP_REPLICATES


def test_the_interval_of_a_mean_is_the_textbook_one() -> None:
    generator = torch.Generator().manual_seed(1)
    sample = torch.randn(400, generator=generator, dtype=torch.float64)
    low, high = confidence_interval(bootstrap_weights(400, generator) @ sample / 400)
    assert abs((low + high) / 2 - float(sample.mean())) < 1e-12
    textbook = 2 * 1.96 * float(sample.std()) / 20
    assert abs((high - low) / textbook - 1) < 0.25  # 100 replicates: ± 7 % is one deviation
