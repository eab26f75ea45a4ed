"""The table of presets: named rows of training configuration. Standard library only."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from models.config import FIXED_FIELDS, ConfigError, TrainingConfig


class UnknownPreset(ConfigError):
    """No preset has this name."""

    def __init__(self, name: object) -> None:
        super().__init__("preset", name, f"is not one of {', '.join(PRESETS)}")


@dataclass(frozen=True)
class Preset:
    """A recipe as its source published it, at its native shape."""

    name: str
    source: str
    summary: str
    config: TrainingConfig


PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset(
            name="dcgan",
            source="DCGAN written in NumPy, trained on 3,000 cats; after arXiv 1511.06434",
            summary="Convolutional GAN with BatchNorm and binary cross-entropy: 250 epochs of "
            "3,000 pictures, recognisable faces in about 20 minutes on two cores.",
            config=TrainingConfig(preset="dcgan"),
        ),
    )
}


def resolve(
    preset: str,
    *,
    resolution: int,
    channels: int,
    images: int | None = None,
    batch_size: int | None = None,
    seed: int | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> TrainingConfig:
    """The preset's configuration at the dataset's shape, with what the user asked for."""
    if preset not in PRESETS:
        raise UnknownPreset(preset)
    known = {one.name for one in fields(TrainingConfig)}
    asked = {"images": images, "batch_size": batch_size, "seed": seed}
    changes: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
    for name, value in (overrides or {}).items():
        if name not in known:
            raise ConfigError(name, value, "is not a field of the configuration")
        if name in FIXED_FIELDS:
            raise ConfigError(name, value, "cannot be overridden")
        if name in changes:
            raise ConfigError(name, value, f"is also given outside overrides: {changes[name]!r}")
        changes[name] = value
    return replace(PRESETS[preset].config, resolution=resolution, channels=channels, **changes)
