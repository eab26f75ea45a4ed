"""The table of presets: named rows of training configuration. Standard library only."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, NamedTuple

from models.config import FIXED_FIELDS, NETWORK_FIELDS, UNUSED_FIELDS, TrainingConfig
from models.ranges import ConfigError, brief, unknown_field

DEFAULT_PRESET = "small-data"
# The sources of the presets hold out no images, and so do not measure overfitting.
PRESET_HELD_OUT_SHARE = 0.02


class UnknownPreset(ConfigError):
    """No preset has this name."""

    def __init__(self, name: object) -> None:
        super().__init__("preset", name, f"is not one of {', '.join(PRESETS)}")


@dataclass(frozen=True)
class ShortRun:
    """The values of a preset for runs of at most `images`, on datasets whose smaller side is at
    least `side` pixels."""

    images: int
    side: int
    values: Mapping[str, Any]

    def covers(self, images: int, shape: tuple[int, int, int]) -> bool:
        """Whether these values apply to a run of `images` images on images of `shape`."""
        return images <= self.images and min(shape[:2]) >= self.side


class Parameters(NamedTuple):
    """How many trainable parameters the networks have, BatchNorm included."""

    generator: int
    discriminator: int


@dataclass(frozen=True)
class Preset:
    """A recipe as its source published it, at its native shape, for which `parameters` holds.

    `at_side` has the source's values for images whose smaller side is at least the key, in pixels;
    the largest key that fits applies.
    """

    name: str
    source: str
    summary: str
    config: TrainingConfig
    parameters: Parameters
    at_side: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    short_run: ShortRun | None = None


# The articles serve the trained generator itself. Here every preset serves an average of its
# weights, which does not affect the training. PyTorch's epsilons replace those of Keras (1e-3 in
# BatchNorm, 1e-7 in Adam).
_MLP = TrainingConfig(
    preset="mlp",
    architecture="mlp",
    shape=(28, 28, 1),
    width=256,
    generator_activation="leaky_relu",
    discriminator_normalisation="none",
    batchnorm_momentum=0.2,  # 1 − 0.8: Keras's momentum of 0.8 is the share that is kept
    images=960_000,  # 30,000 steps
    batch_size=32,
    updates="split",
    sample_grid=5,
    sample_every_images=6_400,  # 200 steps
    checkpoint_every_images=96_000,
    ema_half_life_images=10_000,
    held_out_share=PRESET_HELD_OUT_SHARE,
)
_DCGAN = TrainingConfig(
    preset="dcgan", sample_every_images=30_000, held_out_share=PRESET_HELD_OUT_SHARE
)
# The source augments by ADA's pipeline, with one random draw per transform; the transforms of
# DiffAugment share one draw.
_R3GAN = TrainingConfig(
    preset="r3gan",
    architecture="r3gan",
    width=192,
    max_width=768,
    latent_dim=64,
    generator_activation="leaky_relu",
    generator_normalisation="none",
    discriminator_normalisation="none",
    images=25_000_000,
    batch_size=256,
    updates="alternating",
    loss="relativistic",
    r1=2.0,
    r1_final=0.2,
    r2=2.0,
    r2_final=0.2,
    generator_learning_rate=2e-4,
    generator_learning_rate_final=5e-5,
    discriminator_learning_rate=2e-4,
    discriminator_learning_rate_final=5e-5,
    beta1=0.0,
    beta2=0.9,
    beta2_final=0.99,
    schedule_images=20_000_000,
    augmentation="colour,translation,cutout",
    augmentation_probability=0.0,
    augmentation_probability_final=0.3,
    horizontal_flip=True,
    ema_half_life_images=0,
    ema_half_life_images_final=500_000,
    held_out_share=PRESET_HELD_OUT_SHARE,
    sample_every_images=100_000,
    checkpoint_every_images=500_000,
)

PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset(
            name="mlp",
            source="The Keras GAN on MNIST: dense layers, LeakyReLU, then BatchNorm",
            summary="The first GAN most people write: 28×28 digits in 30,000 steps of 32. The "
            "discriminator learns from reals and from fakes in two updates.",
            config=_MLP,
            parameters=Parameters(1_489_936, 533_505),
        ),
        Preset(
            name="mlp-relu",
            source="The MindSpore GAN on MNIST: dense layers, ReLU, then BatchNorm",
            summary="As mlp, but with ReLU, a latent of 128, Adam's usual betas, and reals and "
            "fakes in one update: 10 epochs of MNIST.",
            config=replace(
                _MLP,
                preset="mlp-relu",
                generator_activation="relu",
                batchnorm_momentum=0.1,
                latent_dim=128,
                images=600_000,  # 10 epochs
                updates="alternating",
                beta1=0.9,
                sample_every_images=60_000,  # an epoch
                checkpoint_every_images=60_000,
            ),
            parameters=Parameters(1_497_104, 533_505),
        ),
        Preset(
            name="dcgan",
            source="DCGAN written in NumPy, trained on 3,000 cats; after arXiv 1511.06434",
            summary="Convolutional GAN with BatchNorm and binary cross-entropy: 250 epochs of "
            "3,000 pictures, recognisable faces in about 20 minutes on two cores.",
            config=_DCGAN,
            parameters=Parameters(1_100_224, 694_656),
        ),
        Preset(
            name="dcgan-paper",
            source="Radford, Metz, Chintala: arXiv 1511.06434",
            summary="DCGAN at its published width, 1,024 channels at 4×4: for a GPU, and for "
            "hundreds of thousands of pictures.",
            config=replace(
                _DCGAN,
                preset="dcgan-paper",
                width=128,
                images=3_000_000,  # one epoch of LSUN bedrooms
                batch_size=128,
                updates="alternating",
                sample_every_images=100_000,
                checkpoint_every_images=300_000,
            ),
            parameters=Parameters(12_658_432, 11_036_160),
        ),
        Preset(
            name="small-data",
            source="Moggy's own, with DiffAugment's translation (arXiv 2006.10738) and an average "
            "of the weights (arXiv 1710.10196); docs/search.md",
            summary="For 500 to 50,000 pictures on small hardware: DCGAN's networks, shifted and, "
            "where that does no harm, mirrored pictures. Runs of at most 250,000 images on "
            "pictures of 64 pixels or more take batches of 16.",
            config=replace(
                _DCGAN,
                preset="small-data",
                images=860_000,  # 20 minutes of two cores at 64×64
                augmentation="translation",
                horizontal_flip=True,
                ema_half_life_images=44_000,  # 0.999 at each step of 64
            ),
            parameters=Parameters(1_100_224, 694_656),
            # Measured: up to 232,000 images, small steps scored better in the same time, on every
            # dataset of 64×64 and with both seeds. Over the whole 20 minutes, and at 32×32, they
            # scored worse.
            short_run=ShortRun(images=250_000, side=64, values={"batch_size": 16}),
        ),
        Preset(
            name="r3gan",
            source="Huang, Gokaslan, Kuleshov, Tompkin: arXiv 2501.05441",
            summary="The modern baseline, for a GPU: relativistic loss, both gradient penalties, "
            "residual networks without normalisation.",
            config=_R3GAN,
            parameters=Parameters(25_899_264, 25_850_880),
            at_side={
                28: {
                    "batch_size": 512,
                    "r1": 0.05,
                    "r1_final": 0.005,
                    "r2": 0.05,
                    "r2_final": 0.005,
                    "augmentation_probability_final": 0.55,
                },
                64: {},
                # Not published: chosen between the values for 64 and 256.
                128: {"width": 96, "r1": 15.0, "r1_final": 1.5, "r2": 15.0, "r2_final": 1.5},
                256: {"width": 96, "r1": 150.0, "r1_final": 15.0, "r2": 150.0, "r2_final": 15.0},
            },
        ),
    )
}


def resolve(
    preset: str,
    *,
    shape: tuple[int, int, int],
    classes: tuple[str, ...] = (),
    mirrorable: bool = True,
    images: int | None = None,
    batch_size: int | None = None,
    seed: int | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> TrainingConfig:
    """The preset's configuration at the dataset's shape, with the user's changes.

    `classes` are those of the dataset; a run that is not `conditional` ignores them. `mirrorable`
    tells whether its images may be mirrored where the preset does so. Raises ConfigError.
    """
    if preset not in PRESETS:
        raise UnknownPreset(preset)
    given = {"images": images, "batch_size": batch_size, "seed": seed}
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    changes |= _checked(overrides or {}, changes)
    row = PRESETS[preset]
    config = row.config
    for side, values in sorted(row.at_side.items()):
        if min(shape[:2]) >= side:
            config = replace(row.config, **values)
    run_images = changes.get("images", config.images)
    if row.short_run and isinstance(run_images, int) and row.short_run.covers(run_images, shape):
        config = replace(config, **row.short_run.values)
    if not mirrorable:
        config = replace(config, horizontal_flip=False)
    conditional = changes.get("conditional", config.conditional) is True
    for name in UNUSED_FIELDS[config.architecture]:
        if name in changes:
            raise ConfigError(
                name,
                changes[name],
                f"does not apply to {config.architecture} networks: leave it out",
            )
    return replace(config, shape=shape, classes=classes if conditional else (), **changes)


def continue_from(
    checkpoint: TrainingConfig, config: TrainingConfig, overrides: Mapping[str, Any]
) -> TrainingConfig:
    """`config` with the networks of `checkpoint`, to fine-tune it.

    Raises ConfigError where the dataset, the preset or an override requires other networks.
    """
    if config.architecture != checkpoint.architecture:
        raise ConfigError(
            "preset",
            config.preset,
            f"trains {config.architecture} networks, and the checkpoint has "
            f"{checkpoint.architecture} ones: choose a preset that trains these",
        )
    networks = {name: getattr(checkpoint, name) for name in NETWORK_FIELDS}
    for name in NETWORK_FIELDS:
        is_set = name in overrides or name in ("shape", "classes")
        if name == "classes" and not checkpoint.conditional:
            continue
        if is_set and getattr(config, name) != networks[name]:
            raise ConfigError(
                name,
                getattr(config, name),
                f"differs from the checkpoint's {brief(networks[name])}: leave it out",
            )
    return replace(config, **networks)


def _checked(overrides: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    overridable = [field.name for field in fields(TrainingConfig) if field.name not in FIXED_FIELDS]
    for name, value in overrides.items():
        if name in FIXED_FIELDS:
            raise ConfigError(name, value, "cannot be overridden")
        if name not in overridable:
            raise unknown_field(name, value, overridable)
        if name in given:
            raise ConfigError(name, value, f"is also given outside overrides: {given[name]!r}")
    return dict(overrides)
