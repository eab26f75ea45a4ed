"""Schedules follow half a cosine over images_seen, from a start to a final value."""

from dataclasses import replace

import pytest

from models.presets import PRESETS
from models.training.schedules import ema_decay, hyperparameters

R3GAN = PRESETS["r3gan"].config
DCGAN = PRESETS["dcgan"].config


def test_without_a_schedule_only_rollbacks_change_the_values() -> None:
    assert hyperparameters(DCGAN, 0) == hyperparameters(DCGAN, 10**9)
    assert hyperparameters(DCGAN, 0).generator_learning_rate == 2e-4
    assert hyperparameters(DCGAN, 0, 0.25).discriminator_learning_rate == 5e-5


def test_r3gan_schedules_its_values_over_20_million_images() -> None:
    start, half, end = (hyperparameters(R3GAN, images) for images in (0, 10**7, 2 * 10**7))
    assert (start.r1, half.r1, end.r1) == pytest.approx((2.0, 1.1, 0.2))
    assert (start.beta2, half.beta2, end.beta2) == pytest.approx((0.9, 0.945, 0.99))
    assert (start.augmentation_probability, end.augmentation_probability) == (0, 0.3)
    assert end.generator_learning_rate == pytest.approx(5e-5)
    assert hyperparameters(R3GAN, 10**12) == end


def test_the_average_keeps_half_after_one_half_life() -> None:
    config = replace(DCGAN, ema_half_life_images=1000)
    assert ema_decay(config, 10**6, 100) ** 10 == pytest.approx(0.5)


def test_early_in_a_run_the_half_life_is_a_twentieth_of_the_images_seen() -> None:
    assert ema_decay(DCGAN, 2000, 100) == pytest.approx(0.5)


def test_a_half_life_of_zero_keeps_nothing() -> None:
    assert ema_decay(replace(DCGAN, ema_half_life_images=0), 10**6, 64) == 0
