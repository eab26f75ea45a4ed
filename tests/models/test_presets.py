"""Presets are rows of one table; a user's wishes are laid over them and checked."""

from typing import Any

import pytest

from models.config import ConfigError, TrainingConfig
from models.presets import PRESETS, UnknownPreset, resolve


def test_dcgan_is_the_articles_recipe() -> None:
    config = PRESETS["dcgan"].config
    assert (config.resolution, config.channels, config.width, config.latent_dim) == (64, 3, 32, 100)
    assert (config.batch_size, config.images, config.beta1, config.beta2) == (
        64,
        3000 * 250,
        0.5,
        0.999,
    )
    assert config.generator_learning_rate == config.discriminator_learning_rate == 2e-4


def test_the_datasets_shape_and_the_users_wishes_win() -> None:
    config = resolve(
        "dcgan", resolution=28, channels=1, images=100, seed=3, overrides={"width": 16}
    )
    assert config == TrainingConfig(resolution=28, channels=1, images=100, seed=3, width=16)


def test_an_unknown_preset_lists_the_known_ones() -> None:
    with pytest.raises(UnknownPreset, match="preset 'dcgna' is not one of dcgan"):
        resolve("dcgna", resolution=64, channels=3)


@pytest.mark.parametrize(
    ("overrides", "field"),
    [
        ({"resolution": 32}, "resolution"),
        ({"channels": 1}, "channels"),
        ({"preset": "dcgan"}, "preset"),
        ({"witdh": 32}, "witdh"),
        ({"width": 7}, "width"),
        ({"seed": 1}, "seed"),
    ],
)
def test_an_override_that_cannot_be_names_its_field(overrides: dict[str, Any], field: str) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve("dcgan", resolution=64, channels=3, seed=9, overrides=overrides)
    assert caught.value.field == field
