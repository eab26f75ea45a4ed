"""A spline through latents is smooth at each keyframe, and its lengths stay between theirs."""

import numpy as np
import pytest

from models.latents import LatentPath, slerp
from models.seeds import latents_from_seeds
from models.spherical_spline import SphericalSpline

STEP = 1e-5
KEYFRAMES = latents_from_seeds(range(5), 100)


def velocity(spline: SphericalSpline, segment: int, t: float) -> np.ndarray:
    before, after = max(0.0, t - STEP), min(1.0, t + STEP)
    return (spline.at(segment, after) - spline.at(segment, before)) / (after - before)


@pytest.mark.parametrize("closed", [False, True])
def test_the_path_does_not_turn_or_change_its_speed_at_a_keyframe(closed: bool) -> None:
    spline = SphericalSpline(KEYFRAMES, closed)
    for index in range(0 if closed else 1, 5 if closed else 4):
        arriving, leaving = velocity(spline, index - 1, 1), velocity(spline, index, 0)
        assert np.linalg.norm(arriving - leaving) < 1e-3 * np.linalg.norm(leaving)
        np.testing.assert_allclose(spline.at(index, 0), KEYFRAMES[index % 5], rtol=1e-6)
        np.testing.assert_allclose(spline.at(index - 1, 1), KEYFRAMES[index % 5], rtol=1e-6)


def test_great_circles_turn_at_the_same_keyframes() -> None:
    before, after = (LatentPath(KEYFRAMES).at(index, t) for index, t in ((0, 0.99), (1, 0.01)))
    arriving, leaving = KEYFRAMES[1] - before, after - KEYFRAMES[1]
    assert np.linalg.norm(arriving - leaving) > 0.5 * np.linalg.norm(leaving)


def test_lengths_stay_between_those_of_the_neighbouring_keyframes() -> None:
    keyframes = KEYFRAMES * np.array([1, 1.2, 1.21, 3, 0.5], np.float32)[:, None]
    spline = SphericalSpline(keyframes, closed=True)
    lengths = np.linalg.norm(keyframes, axis=1)
    for index in range(5):
        ends = lengths[index], lengths[(index + 1) % 5]
        passed = [float(np.linalg.norm(spline.at(index, t))) for t in np.linspace(0, 1, 21)]
        assert min(ends) - 1e-4 <= min(passed) <= max(passed) <= max(ends) + 1e-4


def test_two_keyframes_are_joined_by_their_great_circle() -> None:
    a, b = (latent / np.linalg.norm(latent) for latent in KEYFRAMES[:2])
    for t in (0.2, 0.5, 0.9):
        path = LatentPath(np.stack([a, b]), "spline")
        np.testing.assert_allclose(path.at(0, t), slerp(a, b, t), atol=1e-6)


def test_opposite_keyframes_are_joined_without_passing_the_origin() -> None:
    spline = SphericalSpline(np.stack([KEYFRAMES[0], -KEYFRAMES[0]]), closed=False)
    length = float(np.linalg.norm(KEYFRAMES[0]))
    lengths = [float(np.linalg.norm(spline.at(0, t))) for t in np.linspace(0, 1, 9)]
    assert lengths == pytest.approx([length] * 9, rel=1e-6)


def test_a_keyframe_of_length_0_is_reached_on_a_straight_line() -> None:
    keyframes = KEYFRAMES[:3].copy()
    keyframes[1] = 0
    path = LatentPath(keyframes, "spline")
    np.testing.assert_allclose(path.at(0, 0.75), keyframes[0] / 4, rtol=1e-6)
    assert np.isfinite(path.at_positions(np.linspace(0, 2, 9).tolist())).all()
