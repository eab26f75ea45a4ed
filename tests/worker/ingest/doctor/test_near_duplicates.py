"""Near-duplicates: candidates by embeddings, decided by thumbnails, each with an original."""

import numpy as np
import pytest
from PIL import Image

from worker.ingest.doctor.near_duplicates import (
    NearDuplicates,
    aligned_correlations,
    correlations,
    find_near_duplicates,
)


def thumbnails(*seeds: int) -> np.ndarray:
    """One picture for each seed."""
    pictures = [np.random.default_rng(seed).integers(0, 200, (16, 16)) for seed in seeds]
    return np.stack(pictures).astype(np.uint8)


def features(*angles: float) -> np.ndarray:
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float16)


def find(angles: list[float], pictures: np.ndarray, mirrorable: bool = True) -> NearDuplicates:
    return find_near_duplicates(features(*angles), pictures, mirrorable, lambda _: None)


def test_the_later_picture_repeats_the_earlier() -> None:
    found = find([0, 1, 0.01, 1.01], thumbnails(1, 2, 1, 2))
    assert found.originals.tolist() == [0, 1, 0, 1]
    assert found.repeats.tolist() == [False, False, True, True]
    assert found.distances == pytest.approx([0, 0, 0.01, 0.01], abs=2e-3)


def test_neither_features_nor_pixels_alone_make_a_near_duplicate() -> None:
    assert not find([0, 0.01], thumbnails(1, 2)).repeats.any()
    assert not find([0, 2.0], thumbnails(1, 1)).repeats.any()


def test_brightness_and_contrast_make_no_difference() -> None:
    picture = thumbnails(1)
    darker = (picture * 0.6 + 20).astype(np.uint8)
    assert find([0, 0], np.concatenate([picture, darker])).repeats.tolist() == [False, True]


def test_a_mirrored_copy_counts_where_pictures_may_be_mirrored() -> None:
    picture = thumbnails(1)
    both = np.concatenate([picture, picture[:, :, ::-1]])
    assert find([0, 0], both, mirrorable=True).repeats.tolist() == [False, True]
    assert find([0, 0], both, mirrorable=False).repeats.tolist() == [False, False]


def test_of_a_slow_film_those_that_differ_stay() -> None:
    start, end = thumbnails(1)[0].astype(float), thumbnails(2)[0].astype(float)
    film = np.stack([start + (end - start) * step / 20 for step in range(21)]).astype(np.uint8)
    found = find([step / 100 for step in range(21)], film)
    kept = np.flatnonzero(~found.repeats)
    assert 2 < len(kept) < 12
    assert (found.originals[found.repeats] < np.flatnonzero(found.repeats)).all()
    assert not found.repeats[found.originals].any()


def test_plain_pictures_are_compared_with_nothing() -> None:
    assert not find([0, 0, 0], np.full((3, 16, 16), 128, np.uint8)).repeats.any()


def test_in_a_crowd_a_copy_must_be_far_nearer_than_the_neighbours() -> None:
    generator = np.random.default_rng(0)
    crowd = np.ones((2000, 64)) + generator.standard_normal((2000, 64)) * 0.2
    step = generator.standard_normal(64) * 0.2
    pictures = generator.integers(0, 200, (2000, 16, 16)).astype(np.uint8)
    alike = np.clip(pictures[7] + pictures[8] * 0.25, 0, 255).astype(np.uint8)

    def repeats(distance: float, picture: np.ndarray) -> bool:
        vectors = np.concatenate([crowd, crowd[7:8] + step * distance])
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        shown = np.concatenate([pictures, picture[None]])
        found = find_near_duplicates(vectors.astype(np.float16), shown, True, lambda _: None)
        assert not found.repeats[:-1].any()
        return bool(found.repeats[-1])

    assert repeats(0.3, alike)
    assert not repeats(0.9, alike)
    assert repeats(0.9, pictures[7])  # the very same is a copy however many are near


@pytest.fixture(scope="module")
def picture() -> Image.Image:
    """Soft, and like no other."""
    noise = np.random.default_rng(0).integers(0, 255, (12, 12), np.uint8)
    return Image.fromarray(noise).resize((128, 128), Image.Resampling.BICUBIC)


def thumbnail(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture.resize((32, 32), Image.Resampling.BOX))[None]


@pytest.mark.parametrize("corner", [(0, 0), (6, 0), (3, 6), (2, 5)])
def test_a_crop_is_found_wherever_it_was_taken(
    picture: Image.Image, corner: tuple[int, int]
) -> None:
    left, top = corner
    crop = thumbnail(picture.crop((left, top, left + 122, top + 122)).resize((128, 128)))
    whole = thumbnail(picture)
    before, after = correlations(crop, whole, False), aligned_correlations(crop, whole, False)
    assert after[0] > 0.97
    assert after[0] > before[0]
    assert aligned_correlations(whole, crop, False) == pytest.approx(after, abs=1e-6)


def test_a_mirrored_crop_is_found_where_mirrors_count(picture: Image.Image) -> None:
    flipped = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT).crop((0, 0, 124, 124))
    whole, other = thumbnail(picture), thumbnail(flipped)
    assert aligned_correlations(other, whole, True)[0] > 0.97
    assert aligned_correlations(other, whole, False)[0] < 0.5


def test_different_pictures_stay_different(picture: Image.Image) -> None:
    other = thumbnail(picture.rotate(90))
    assert aligned_correlations(other, thumbnail(picture), True)[0] < 0.7


def test_plain_pictures_correlate_with_nothing() -> None:
    plain = np.full((2, 32, 32), 90, np.uint8)
    assert correlations(plain, plain, True).tolist() == [0, 0]
    assert len(aligned_correlations(plain[:0], plain[:0], True)) == 0
