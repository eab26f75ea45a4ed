from typing import Any

import pytest

from benchmarks.detours import Comparison, compare, describe


def test_a_pair_is_compared_with_and_without_its_detour() -> None:
    def morph(pair: int, detour: float) -> dict[str, Any]:
        assert pair == 3
        if not detour:
            return {"latents": [[0, 0], [3, 4]]}
        lowest = {"direct": 10.0, "bent": 40.0}
        return {"latents": [[0, 0], [0, 4], [3, 4]], "lowest_quality": lowest}

    comparison = compare(morph, 3, 30)
    assert comparison[:2] == (10.0, 40.0)
    assert comparison.length == pytest.approx(7 / 5)


def test_the_figures_of_poor_paths_and_of_others_are_separate() -> None:
    pairs = [
        Comparison(10.0, 40.0, 1.4, 0.8),
        Comparison(20.0, 24.0, 1.2, 0.6),
        Comparison(50.0, 50.0, 1.0, 0.1),
    ]
    assert describe(pairs, 30).splitlines() == [
        "poor      2 of 3 paths have an image below 30",
        "          1 with the detour",
        "lowest    15, median of the poor paths",
        "          32 with the detour",
        "helped    1 of the 2 by more than 5",
        "length    1.30 of the direct path's",
        "seconds   0.70 for a poor path",
        "          0.10 for another",
    ]
