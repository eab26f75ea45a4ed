"""Presets are rows of one table; a user's wishes are laid over them and checked."""

from dataclasses import replace
from typing import Any

import pytest

from models.config import TrainingConfig
from models.presets import DEFAULT_PRESET, PRESETS, UnknownPreset, continue_from, resolve
from models.ranges import ConfigError

CATS = (64, 64, 3)
EPOCHS_OF_MNIST = 60_000


def test_dcgan_is_the_numpy_articles_recipe() -> None:
    config = PRESETS["dcgan"].config
    assert (config.shape, config.width, config.latent_dim) == (CATS, 32, 100)
    assert (config.batch_size, config.images, config.updates) == (64, 3000 * 250, "shared")
    assert (config.loss, config.augmentation) == ("non_saturating", "none")
    assert (config.beta1, config.beta2) == (0.5, 0.999)
    assert config.generator_learning_rate == config.discriminator_learning_rate == 2e-4


def test_mlp_is_the_keras_articles_recipe() -> None:
    config = PRESETS["mlp"].config
    assert (config.latent_dim, config.generator_activation) == (100, "leaky_relu")
    assert (config.updates, config.batchnorm_momentum) == ("split", 0.2)
    assert (config.images, config.batch_size) == (30_000 * 32, 32)
    assert (config.sample_grid, config.sample_every_images) == (5, 200 * 32)
    assert (config.generator_learning_rate, config.beta1, config.beta2) == (2e-4, 0.5, 0.999)


def test_mlp_relu_is_the_mindspore_articles_recipe() -> None:
    config = PRESETS["mlp-relu"].config
    assert (config.latent_dim, config.generator_activation) == (128, "relu")
    assert (config.updates, config.images) == ("alternating", 10 * EPOCHS_OF_MNIST)
    assert (config.batch_size, config.beta1, config.beta2) == (32, 0.9, 0.999)


def test_r3gan_has_the_published_schedules_of_each_resolution() -> None:
    small, faces, large = (
        resolve("r3gan", shape=(side, side, 3), overrides={}) for side in (32, 64, 256)
    )
    assert (small.r1, small.r1_final, small.augmentation_probability_final) == (0.05, 0.005, 0.55)
    assert (faces.r1, faces.r1_final, faces.augmentation_probability_final) == (2.0, 0.2, 0.3)
    assert (large.r2, large.r2_final, large.width) == (150.0, 15.0, 96)
    assert (faces.beta1, faces.beta2, faces.beta2_final) == (0.0, 0.9, 0.99)
    assert (faces.ema_half_life_images, faces.ema_half_life_images_final) == (0, 500_000)


def test_every_row_is_named_as_its_configuration_is() -> None:
    assert {name: row.config.preset for name, row in PRESETS.items()} == {
        name: name for name in PRESETS
    }
    assert DEFAULT_PRESET in PRESETS


def test_the_datasets_shape_and_the_users_wishes_win() -> None:
    config = resolve("dcgan", shape=(28, 28, 1), images=100, seed=3, overrides={"width": 16})
    assert config == TrainingConfig(
        shape=(28, 28, 1),
        images=100,
        seed=3,
        width=16,
        sample_every_images=30_000,
        held_out_share=0.02,
    )


def test_classes_are_the_datasets_and_only_of_a_conditional_run() -> None:
    classes = ("tabby", "white")
    assert resolve("dcgan", shape=CATS, classes=classes).classes == ()
    config = resolve("dcgan", shape=CATS, classes=classes, overrides={"conditional": True})
    assert config.classes == classes
    with pytest.raises(ConfigError, match="needs classes"):
        resolve("dcgan", shape=CATS, overrides={"conditional": True})


def test_a_dataset_that_must_not_be_mirrored_is_mirrored_only_on_request() -> None:
    assert resolve("small-data", shape=CATS).horizontal_flip
    assert not resolve("small-data", shape=CATS, mirrorable=False).horizontal_flip
    asked = {"horizontal_flip": True}
    assert resolve("small-data", shape=CATS, mirrorable=False, overrides=asked).horizontal_flip


def test_fine_tuning_has_the_checkpoints_networks_and_its_own_recipe() -> None:
    checkpoint = resolve("dcgan", shape=CATS, overrides={"width": 16})
    config = continue_from(checkpoint, resolve("small-data", shape=CATS), {})
    assert config == replace(resolve("small-data", shape=CATS), width=16)
    with pytest.raises(ConfigError, match="width 32 differs from the checkpoint's 16"):
        continue_from(checkpoint, resolve("dcgan", shape=CATS), {"width": 32})
    with pytest.raises(ConfigError, match="shape"):
        continue_from(checkpoint, resolve("dcgan", shape=(32, 32, 3)), {})


def test_a_preset_of_other_networks_cannot_go_on_from_a_checkpoint() -> None:
    checkpoint = resolve("dcgan", shape=CATS)
    with pytest.raises(ConfigError, match="r3gan networks, and the checkpoint has dcgan ones"):
        continue_from(checkpoint, resolve("r3gan", shape=CATS), {})


@pytest.mark.parametrize(
    ("preset", "name", "value"),
    [
        ("mlp", "max_width", 64),
        ("r3gan", "discriminator_normalisation", "batch"),
        ("r3gan", "generator_activation", "relu"),
    ],
)
def test_fields_that_do_not_apply_to_the_networks_cannot_be_overridden(
    preset: str, name: str, value: Any
) -> None:
    with pytest.raises(ConfigError, match=f"^{name}"):
        resolve(preset, shape=CATS, overrides={name: value})


def test_an_unknown_preset_lists_the_known_ones() -> None:
    with pytest.raises(UnknownPreset, match="preset 'dcgna' is not one of mlp, mlp-relu, dcgan"):
        resolve("dcgna", shape=CATS)


@pytest.mark.parametrize(
    ("overrides", "field"),
    [
        ({"shape": (32, 32, 3)}, "shape"),
        ({"classes": ["a", "b"]}, "classes"),
        ({"preset": "dcgan"}, "preset"),
        ({"architecture": "mlp"}, "architecture"),
        ({"witdh": 32}, "witdh"),
        ({"width": 7}, "width"),
        ({"seed": 1}, "seed"),
    ],
)
def test_an_invalid_override_names_its_field(overrides: dict[str, Any], field: str) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve("dcgan", shape=CATS, seed=9, overrides=overrides)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("witdh", ": did you mean width?"),
        ("generator_lerning_rate", ": did you mean generator_learning_rate?"),
        ("zzz", ""),
    ],
)
def test_an_unknown_override_suggests_the_field_that_is_most_alike(
    name: str, suggestion: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve("dcgan", shape=CATS, overrides={name: 32})
    assert str(caught.value) == f"{name} 32 is not a field of the configuration{suggestion}"


@pytest.mark.parametrize(
    ("images", "side", "batch_size"),
    [
        (250_000, 64, 16),
        (250_001, 64, 64),
        (None, 64, 64),  # the preset's own 860,000
        (100_000, 63, 64),
        (100_000, 96, 16),
    ],
)
def test_a_short_run_of_small_data_on_pictures_of_64_pixels_takes_small_batches(
    images: int | None, side: int, batch_size: int
) -> None:
    assert resolve("small-data", shape=(side, side, 3), images=images).batch_size == batch_size


def test_a_batch_size_that_is_given_holds_in_a_short_run_too() -> None:
    short: dict[str, Any] = {"shape": CATS, "images": 100_000}
    assert resolve("small-data", **short, batch_size=64).batch_size == 64
    assert resolve("small-data", **short, overrides={"batch_size": 32}).batch_size == 32
    assert resolve("dcgan", **short).batch_size == PRESETS["dcgan"].config.batch_size
