"""The figures that compare scores with judgements."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.quality import auc, read_judgements, spearman


def test_an_auc_counts_pairs_and_half_of_the_ties() -> None:
    positive = np.array([False, False, True, True])
    assert auc(np.array([1.0, 2.0, 3.0, 4.0]), positive) == 1
    assert auc(np.array([4.0, 3.0, 2.0, 1.0]), positive) == 0
    assert auc(np.array([1.0, 3.0, 3.0, 4.0]), positive) == pytest.approx(3.5 / 4)


def test_ranks_decide_the_correlation() -> None:
    assert spearman(np.array([1.0, 2.0, 9.0]), np.array([0.0, 1.0, 2.0])) == pytest.approx(1)
    assert spearman(np.array([1.0, 2.0, 3.0]), np.array([5.0, 1.0, 0.0])) == pytest.approx(-1)


def test_judgements_are_read_by_seed(tmp_path: Path) -> None:
    (tmp_path / "judged.csv").write_text("seed,judgement\n7,2\n9,0\n")
    seeds, judgements = read_judgements(tmp_path / "judged.csv")
    assert (seeds, judgements.tolist()) == ([7, 9], [2, 0])
