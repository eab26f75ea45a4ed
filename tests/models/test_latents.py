"""A seed names one latent for ever; the ways between latents keep their ends."""

import math
from functools import partial
from itertools import pairwise

import numpy as np
import pytest

from models.latents import Bend, LatentError, LatentPath, blend, latent_path, lerp, slerp, truncate
from models.seeds import latent_from_seed, latents_from_seeds

# Close to float32's precision.
_assert_close = partial(np.testing.assert_allclose, rtol=1.3e-6, atol=1e-5)

A, B = latent_from_seed(7, 100), latent_from_seed(42, 100)


@pytest.mark.parametrize("way", [slerp, lerp])
def test_ends_are_bit_for_bit_the_latents(way: object) -> None:
    assert np.array_equal(way(A, B, 0.0), A)  # type: ignore[operator]
    assert np.array_equal(way(A, B, 1.0), B)  # type: ignore[operator]


def test_slerp_keeps_the_length_and_turns_evenly() -> None:
    a, b = A / np.linalg.norm(A), B / np.linalg.norm(B)
    path = [slerp(a, b, step / 8) for step in range(9)]
    turns = [math.acos(min(1.0, float(x @ y))) for x, y in pairwise(path)]
    assert [float(np.linalg.norm(x)) for x in path] == pytest.approx([1] * 9, abs=1e-6)
    assert turns == pytest.approx([math.acos(float(a @ b)) / 8] * 8, abs=1e-3)


def test_slerp_backwards_follows_the_same_path() -> None:
    _assert_close(slerp(A, B, 0.3), slerp(B, A, 0.7))


def test_slerp_between_parallel_latents_is_a_straight_line() -> None:
    _assert_close(slerp(A, 3 * A, 0.5), 2 * A)
    assert np.array_equal(slerp(A, A, 0.5), A)
    _assert_close(slerp(np.zeros(100, np.float32), A, 0.5), A / 2)


def test_slerp_between_opposite_latents_goes_round_not_through_zero() -> None:
    path = [slerp(A, -A, step / 10) for step in range(11)]
    lengths = [float(np.linalg.norm(x)) for x in path]
    assert lengths == pytest.approx([float(np.linalg.norm(A))] * 11, rel=1e-5)
    assert float(path[5] @ A) == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("method", ["slerp", "lerp", "spline"])
@pytest.mark.parametrize("easing", ["linear", "smooth"])
@pytest.mark.parametrize("frames", [2, 5, 60, 61])
def test_a_path_begins_and_ends_with_its_keyframes(method: str, easing: str, frames: int) -> None:
    path = latent_path(np.stack([A, B]), frames, method, easing)
    assert path.shape == (frames, 100)
    assert np.array_equal(path[0], A)
    assert np.array_equal(path[-1], B)


@pytest.mark.parametrize("method", ["slerp", "lerp", "spline"])
def test_each_keyframe_that_falls_on_a_frame_is_met_exactly(method: str) -> None:
    keyframes = latents_from_seeds(range(4), 100)
    path = latent_path(keyframes, 31, method, easing="smooth")
    assert all(np.array_equal(path[10 * k], keyframes[k]) for k in range(4))


def test_a_loop_closes_without_repeating_its_start() -> None:
    keyframes = latents_from_seeds(range(3), 100)
    path = latent_path(keyframes, 30, loop=True)
    assert all(np.array_equal(path[10 * k], keyframes[k]) for k in range(3))
    _assert_close(path[-1], slerp(keyframes[2], keyframes[0], 0.9))


def test_smooth_easing_slows_down_at_the_ends() -> None:
    path = latent_path(np.stack([A, B]), 11, "lerp", "smooth")
    steps = np.linalg.norm(path[1:] - path[:-1], axis=1)
    assert steps[0] < 0.4 * steps[5]
    assert steps[-1] < 0.4 * steps[5]


@pytest.mark.parametrize(
    ("keyframes", "frames", "method", "easing", "message"),
    [
        (1, 10, "slerp", "linear", "at least 2 keyframes"),
        (2, 1, "slerp", "linear", "frames 1"),
        (2, 10, "cubic", "linear", "method 'cubic' is not one of slerp, lerp, spline"),
        (2, 10, "slerp", "bouncy", "easing 'bouncy' is not one of linear, smooth"),
    ],
)
def test_an_impossible_path_is_refused_with_the_reason(
    keyframes: int, frames: int, method: str, easing: str, message: str
) -> None:
    with pytest.raises(LatentError, match=message):
        latent_path(np.ones((keyframes, 4), np.float32), frames, method, easing)


def test_a_position_on_a_keyframe_equals_it_and_one_between_two_is_interpolated() -> None:
    keyframes = latents_from_seeds(range(3), 8)
    path = LatentPath(keyframes, loop=True).at_positions([0, 0.25, 1, 2, 2.5])
    assert np.array_equal(path[0], keyframes[0])
    assert np.array_equal(path[1], slerp(keyframes[0], keyframes[1], 0.25))
    assert np.array_equal(path[2], keyframes[1])
    assert np.array_equal(path[3], keyframes[2])
    assert np.array_equal(path[4], slerp(keyframes[2], keyframes[0], 0.5))
    straight = LatentPath(keyframes, "lerp").at_positions([0.5])
    assert np.array_equal(straight[0], lerp(keyframes[0], keyframes[1], 0.5))


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_a_latent_with_all_the_weight_is_the_blend(count: int) -> None:
    latents = latents_from_seeds(range(count), 100)
    assert np.array_equal(blend(latents, 0.3 * np.eye(count)), latents)


def test_a_blend_of_two_latents_is_on_their_great_circle() -> None:
    a, b = A / np.linalg.norm(A), B / np.linalg.norm(B)
    blended = blend(np.stack([a, b]), np.array([[3, 1], [1, 1]]))
    _assert_close(blended, np.stack([slerp(a, b, 0.25), slerp(a, b, 0.5)]))


def test_a_blend_does_not_depend_on_the_order_and_stays_on_the_shell() -> None:
    latents, weights = latents_from_seeds(range(4), 100), np.array([[0.1, 0.2, 0.3, 0.4]])
    (blended,) = blend(latents, weights)
    _assert_close(blended, blend(latents[::-1], weights[:, ::-1])[0])
    lengths = np.linalg.norm(latents, axis=1)
    assert float(np.linalg.norm(blended)) == pytest.approx(float(weights[0] @ lengths), rel=1e-5)
    # The tangents at the mean towards the latents, weighted, add up to 0.
    mean, directions = blended / np.linalg.norm(blended), latents / lengths[:, None]
    cosines = directions @ mean
    tangents = (directions - cosines[:, None] * mean) / np.sqrt(1 - cosines**2)[:, None]
    _assert_close(weights[0] * np.arccos(cosines) @ tangents, np.zeros(100))


def test_latents_that_cancel_each_other_have_no_blend() -> None:
    for latents in (np.stack([A, -A]), np.zeros((2, 4), np.float32)):
        with pytest.raises(LatentError, match="cancel"):
            blend(latents, np.array([[1.0, 1.0]]))


@pytest.mark.parametrize("truncation", [0.25, 0.7, 1.0])
def test_a_truncated_latent_is_scaled_towards_the_origin(truncation: float) -> None:
    truncated = truncate(A, truncation)
    assert truncated.dtype == np.float32
    _assert_close(truncated, truncation * A)


def test_a_path_of_truncated_keyframes_is_the_truncated_path() -> None:
    keyframes = np.stack([A, B])
    _assert_close(
        latent_path(truncate(keyframes, 0.6), 9), truncate(latent_path(keyframes, 9), 0.6)
    )


@pytest.mark.parametrize("truncation", [0.0, -0.5, 1.01, math.nan])
def test_a_truncation_out_of_range_is_refused(truncation: float) -> None:
    with pytest.raises(LatentError, match="above 0, at most 1"):
        truncate(A, truncation)


@pytest.mark.parametrize("method", ["slerp", "lerp", "spline"])
def test_a_bend_displaces_its_segment_smoothly_and_leaves_the_keyframes(method: str) -> None:
    keyframes = np.stack([A, B, latent_from_seed(9, 100)])
    straight = LatentPath(keyframes, method)
    middle = straight.at(0, 0.25)
    across = np.array(latent_from_seed(1, 100), np.float32)
    offset = (0.5 * across - 0.5 * (across @ middle) / (middle @ middle) * middle).astype(
        np.float32
    )
    bent = straight.bent([Bend(0, 0.25, offset)])
    for segment in (0, 1):
        assert bent.at(segment, 0).tobytes() == keyframes[segment].tobytes()
    assert bent.at(1, 0.5).tobytes() == straight.at(1, 0.5).tobytes()
    steps = np.arange(1, 64) / 64
    pairs = [(bent.at(0, t), straight.at(0, t)) for t in steps]
    for moved, unmoved in pairs:
        assert np.linalg.norm(moved) == pytest.approx(np.linalg.norm(unmoved), rel=1e-5)
    distances = np.array([np.linalg.norm(moved - unmoved) for moved, unmoved in pairs])
    assert abs(steps[distances.argmax()] - 0.25) <= 2 / 64
    assert (np.diff(distances[:15]) > 0).all()
    assert (np.diff(distances[17:]) < 0).all()
    assert max(distances[0], distances[-1]) < 0.05 * distances.max()
    expected = middle + offset
    expected *= np.linalg.norm(middle) / np.linalg.norm(expected)
    _assert_close(bent.at(0, 0.25), expected, rtol=1e-4)


@pytest.mark.parametrize(
    "bend",
    [Bend(1, 0.5, A), Bend(-1, 0.5, A), Bend(0, 0.0, A), Bend(0, 1.0, A), Bend(0, 0.5, A[:5])],
)
def test_a_bend_outside_of_the_path_is_refused(bend: Bend) -> None:
    with pytest.raises(LatentError, match="a bend"):
        LatentPath(np.stack([A, B]), bends=[bend])


def test_a_segment_has_one_bend() -> None:
    with pytest.raises(LatentError, match="segment 0 has two bends"):
        LatentPath(np.stack([A, B]), bends=[Bend(0, 0.5, A), Bend(0, 0.25, B)])


def test_a_bend_that_cancels_a_latent_is_not_applied() -> None:
    path = LatentPath(np.stack([A, A]), "lerp", bends=[Bend(0, 0.5, -A)])
    assert np.array_equal(path.at(0, 0.5), A)
