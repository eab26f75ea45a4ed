"""A training that no longer gets better is told from one that does, and is told once."""

import pytest

from models.training.health.plateau import Plateau, Scored


def _scored(images_seen: int, kid: float) -> Scored:
    return Scored(images_seen, kid, kid - 0.001, kid + 0.001)


def _said(plateau: Plateau, kids: list[float], start: int = 0) -> list[int]:
    places = range(start + 40_000, start + 40_000 * len(kids) + 1, 40_000)
    findings = [plateau.add(_scored(*one)) for one in zip(places, kids, strict=True)]
    return [one.images_seen for one in findings if one is not None]


def test_a_run_that_gets_better_is_on_no_plateau() -> None:
    assert _said(Plateau(), [0.1 / (turn + 1) for turn in range(20)]) == []


def test_it_is_said_once_with_the_figures() -> None:
    plateau = Plateau()
    assert _said(plateau, [0.03, 0.02, 0.021, 0.022]) == []
    finding = plateau.add(_scored(200_000, 0.0215))
    assert finding is not None
    assert (finding.signal, finding.value, finding.threshold) == ("plateau", 120_000, 100_000)
    assert finding.says == (
        "it stopped improving 120,000 images ago: the best KID was 0.0200 (0.0190 to 0.0210) at "
        "80,000 images, the last is 0.0215 (0.0205 to 0.0225)"
    )
    assert plateau.add(_scored(240_000, 0.0215)) is None


def test_a_new_best_ends_it_and_it_may_come_again() -> None:
    kids = [0.02, 0.03, 0.03, 0.03, 0.01, 0.02, 0.02, 0.02]
    assert _said(Plateau(), kids) == [160_000, 320_000]


def test_two_worse_checkpoints_far_apart_are_not_enough() -> None:
    plateau = Plateau([_scored(100_000, 0.02), _scored(200_000, 0.03)])
    assert plateau.add(_scored(400_000, 0.03)) is None
    assert plateau.add(_scored(500_000, 0.03)) is not None


def test_after_a_rollback_the_scores_past_it_are_forgotten() -> None:
    plateau = Plateau([_scored(40_000 * turn, 0.02 + turn / 1000) for turn in range(1, 4)])
    assert plateau.add(_scored(80_000, 0.01)) is None
    assert _said(plateau, [0.02, 0.02, 0.02], start=80_000) == [200_000]


def test_a_run_that_goes_on_does_not_repeat_it() -> None:
    before = [_scored(40_000, 0.02), *(_scored(40_000 * turn, 0.03) for turn in range(2, 6))]
    assert Plateau(before).add(_scored(240_000, 0.03)) is None


@pytest.mark.parametrize("images_seen", [1_000_000])
def test_late_in_a_run_improvement_may_take_longer(images_seen: int) -> None:
    before = [_scored(images_seen, 0.02), *(_scored(images_seen + turn, 1) for turn in range(1, 4))]
    assert Plateau(before).add(_scored(images_seen + 150_000, 0.03)) is None
    assert Plateau(before).add(_scored(images_seen + 300_000, 0.03)) is not None
