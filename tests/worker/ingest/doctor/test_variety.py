import numpy as np
import pytest

from worker.ingest.doctor.variety import SAMPLE, effective_number


def test_what_has_nothing_in_common_counts_in_full() -> None:
    number, sample = effective_number(np.eye(128, dtype=np.float16), np.arange(128))
    assert sample == 128
    assert number == pytest.approx(128, rel=0.02)


def test_copies_count_once() -> None:
    tenfold = np.tile(np.eye(50, dtype=np.float16), (10, 1))
    number, sample = effective_number(tenfold, np.arange(500))
    assert sample == 500
    assert number == pytest.approx(50, rel=0.02)
    assert effective_number(np.ones((9, 4), np.float16), np.arange(9))[0] == pytest.approx(1)


def test_of_many_a_sample_of_the_asked_places_is_taken() -> None:
    vectors = np.zeros((5000, 8), np.float16)
    vectors[:2500, 0] = vectors[2500:, 1] = 1
    assert effective_number(vectors, np.arange(2500)) == (pytest.approx(1), SAMPLE)
