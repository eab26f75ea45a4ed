"""The alert comes once, when the scores of a run's checkpoints stop improving."""

import pytest

from models.training.health.plateau import CheckpointScore, Plateau


def _score(images_seen: int, kid: float) -> CheckpointScore:
    return CheckpointScore(images_seen, kid, kid - 0.001, kid + 0.001)


def _alerted_at(plateau: Plateau, kids: list[float], start: int = 0) -> list[int]:
    """The images seen at each alert, of checkpoints 40,000 images apart."""
    images_seen = range(start + 40_000, start + 40_000 * len(kids) + 1, 40_000)
    alerts = [plateau.add(_score(*score)) for score in zip(images_seen, kids, strict=True)]
    return [alert.images_seen for alert in alerts if alert is not None]


def test_a_run_that_improves_gives_no_alert() -> None:
    assert _alerted_at(Plateau(), [0.1 / (number + 1) for number in range(20)]) == []


def test_the_alert_comes_once_with_the_scores() -> None:
    plateau = Plateau()
    assert _alerted_at(plateau, [0.03, 0.02, 0.021, 0.022]) == []
    alert = plateau.add(_score(200_000, 0.0215))
    assert alert is not None
    assert (alert.signal, alert.value, alert.threshold) == ("plateau", 120_000, 100_000)
    assert alert.says == (
        "it stopped improving 120,000 images ago: the best KID was 0.0200 (0.0190 to 0.0210) at "
        "80,000 images, the last is 0.0215 (0.0205 to 0.0225)"
    )
    assert plateau.add(_score(240_000, 0.0215)) is None


def test_a_new_best_score_allows_a_second_alert() -> None:
    kids = [0.02, 0.03, 0.03, 0.03, 0.01, 0.02, 0.02, 0.02]
    assert _alerted_at(Plateau(), kids) == [160_000, 320_000]


def test_two_worse_checkpoints_far_apart_are_not_enough() -> None:
    plateau = Plateau([_score(100_000, 0.02), _score(200_000, 0.03)])
    assert plateau.add(_score(400_000, 0.03)) is None
    assert plateau.add(_score(500_000, 0.03)) is not None


def test_scores_past_a_rollback_are_discarded() -> None:
    plateau = Plateau([_score(40_000 * number, 0.02 + number / 1000) for number in range(1, 4)])
    assert plateau.add(_score(80_000, 0.01)) is None
    assert _alerted_at(plateau, [0.02, 0.02, 0.02], start=80_000) == [200_000]


def test_a_resumed_run_does_not_repeat_the_alert() -> None:
    before = [_score(40_000, 0.02), *(_score(40_000 * number, 0.03) for number in range(2, 6))]
    assert Plateau(before).add(_score(240_000, 0.03)) is None


@pytest.mark.parametrize("images_seen", [1_000_000])
def test_late_in_a_run_the_threshold_is_higher(images_seen: int) -> None:
    worse = [_score(images_seen + number, 1) for number in range(1, 4)]
    before = [_score(images_seen, 0.02), *worse]
    assert Plateau(before).add(_score(images_seen + 150_000, 0.03)) is None
    assert Plateau(before).add(_score(images_seen + 300_000, 0.03)) is not None


def test_an_alert_has_the_scores_of_its_sentence() -> None:
    plateau = Plateau([_score(40_000 * number, 0.01 * number) for number in range(1, 4)])
    alert = plateau.add(_score(160_000, 0.05))
    assert alert is not None
    assert alert.figures is not None
    assert (alert.figures["best"]["kid"], alert.figures["last"]["kid"]) == (0.01, 0.05)
    assert "0.0100" in alert.says
    assert "0.0500" in alert.says
