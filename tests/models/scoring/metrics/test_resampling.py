"""Resamples are as large as the sample; the interval is as wide as a value's standard error."""

import torch

from models.scoring.metrics.resampling import REPLICATES, interval, resampled


def test_the_first_row_is_the_sample_and_each_other_draws_as_many() -> None:
    weights = resampled(30, torch.Generator().manual_seed(1))
    assert weights.shape == (1 + REPLICATES, 30)
    assert torch.equal(weights[0], torch.ones(30, dtype=torch.float64))
    assert weights.sum(1).eq(30).all()
    assert len({tuple(row.tolist()) for row in weights}) == 1 + REPLICATES


def test_the_interval_of_a_mean_is_the_textbook_one() -> None:
    generator = torch.Generator().manual_seed(1)
    sample = torch.randn(400, generator=generator, dtype=torch.float64)
    low, high = interval(resampled(400, generator) @ sample / 400)
    assert abs((low + high) / 2 - float(sample.mean())) < 1e-12
    textbook = 2 * 1.96 * float(sample.std()) / 20
    assert abs((high - low) / textbook - 1) < 0.25  # 100 replicates: ± 7 % is one deviation
