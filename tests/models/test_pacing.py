"""Places along a path at which equal changes of the picture have passed."""

from itertools import pairwise

import numpy as np
import pytest

from models.pacing import even_places, probe_places


def features(places: list[float], speed: dict[int, float]) -> np.ndarray:
    """A point that moves on a line, at another speed in every segment."""
    passed = [0.0]
    for before, after in pairwise(places):
        passed.append(passed[-1] + speed[int((before + after) / 2)] * (after - before))
    return np.array([[one, 0.0] for one in passed], np.float32)


def test_frames_crowd_where_much_changes() -> None:
    probes = probe_places(2)
    found = even_places(features(probes, {0: 1.0, 1: 3.0}), 2, 9, loop=False)
    assert found == pytest.approx([0, 0.5, 1, 1.1667, 1.3333, 1.5, 1.6667, 1.8333, 2], abs=1e-3)


def test_a_loop_leaves_out_the_end() -> None:
    probes = probe_places(2)
    found = even_places(features(probes, {0: 1.0, 1: 1.0}), 2, 4, loop=True)
    assert found == pytest.approx([0, 0.5, 1, 1.5], abs=1e-3)


def test_where_nothing_changes_at_all_the_frames_are_evenly_spaced() -> None:
    probes = probe_places(1)
    still = np.zeros((len(probes), 3), np.float32)
    assert even_places(still, 1, 5, loop=False) == [0, 0.25, 0.5, 0.75, 1]


def test_a_part_where_nothing_changes_gets_few_frames_but_is_not_left_out() -> None:
    probes = probe_places(2)
    found = even_places(features(probes, {0: 0.0, 1: 1.0}), 2, 101, loop=False)
    inside = [place for place in found if 0 < place < 1]
    assert 2 <= len(inside) <= 8


@pytest.mark.parametrize("segments", [1, 2, 7, 64])
def test_probes_reach_from_end_to_end_and_meet_every_keyframe(segments: int) -> None:
    probes = probe_places(segments)
    assert set(range(segments + 1)) <= set(probes)
    assert len(probes) <= max(129, 16 * segments + 1)


def test_at_a_sharp_turn_no_two_frames_are_the_same() -> None:
    probes = probe_places(1)
    turned = np.array([[0.0] if place < 0.5 else [1.0] for place in probes], np.float32)
    found = even_places(turned, 1, 600, loop=False)
    assert len(set(found)) == 600
