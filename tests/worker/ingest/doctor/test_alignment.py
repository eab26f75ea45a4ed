import numpy as np
import pytest
from PIL import Image

from worker.ingest.doctor.alignment import aligned_correlations, correlations


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


def test_what_is_plain_is_like_nothing() -> None:
    plain = np.full((2, 32, 32), 90, np.uint8)
    assert correlations(plain, plain, True).tolist() == [0, 0]
    assert len(aligned_correlations(plain[:0], plain[:0], True)) == 0
