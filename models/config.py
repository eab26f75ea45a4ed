"""The training configuration: frozen, typed, checked when it is built. Standard library only."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

RESOLUTIONS = (28, 32, 64, 128)
CHANNELS = (1, 3)
PRECISIONS = ("auto", "float32", "bfloat16")
MAX_SEED = 2**53 - 1  # the largest integer JSON carries exactly everywhere
MAX_IMAGES = 10**12

# What a preset is built for, or what the dataset decides: never an override.
FIXED_FIELDS = ("preset", "resolution", "channels")


class ConfigError(ValueError):
    """One field of a configuration is wrong; says which, its value and what is allowed."""

    def __init__(self, field: str, value: object, reason: str) -> None:
        super().__init__(f"{field} {value!r} {reason}")
        self.field = field
        self.value = value
        self.reason = reason


@dataclass(frozen=True, kw_only=True)
class Range:
    """Every number from minimum to maximum, or up to (not including) exclusive_maximum."""

    kind: type[int] | type[float]
    minimum: float
    maximum: float | None = None
    exclusive_maximum: float | None = None

    def check(self, name: str, value: object) -> None:
        if isinstance(value, bool) or not isinstance(value, int | self.kind):
            noun = "a whole number" if self.kind is int else "a number"
            raise ConfigError(name, value, f"is not {noun}")
        below = self.exclusive_maximum is None or value < self.exclusive_maximum
        within = self.maximum is None or value <= self.maximum
        if not (self.minimum <= value and below and within):  # NaN fails here too
            raise ConfigError(name, value, f"is out of range: {self}")

    def to_json(self) -> dict[str, Any]:
        described: dict[str, Any] = {
            "type": "integer" if self.kind is int else "number",
            "minimum": self.minimum,
        }
        if self.maximum is not None:
            described["maximum"] = self.maximum
        if self.exclusive_maximum is not None:
            described["exclusiveMaximum"] = self.exclusive_maximum
        return described

    def __str__(self) -> str:
        if self.exclusive_maximum is not None:
            return f"{self.minimum} up to, not including, {self.exclusive_maximum}"
        return f"{self.minimum} to {self.maximum}"


@dataclass(frozen=True)
class Choice:
    """One of a few values."""

    values: tuple[int, ...] | tuple[str, ...]

    def check(self, name: str, value: object) -> None:
        if isinstance(value, bool) or value not in self.values:
            allowed = ", ".join(str(one) for one in self.values)
            raise ConfigError(name, value, f"is not one of {allowed}")

    def to_json(self) -> dict[str, Any]:
        kind = "string" if isinstance(self.values[0], str) else "integer"
        return {"type": kind, "enum": list(self.values)}


def _number(default: float, allowed: Range | Choice) -> Any:
    return field(default=default, metadata={"allowed": allowed})


def _text(default: str, allowed: Choice) -> Any:
    return field(default=default, metadata={"allowed": allowed})


def _integers(minimum: int, maximum: int) -> Range:
    return Range(kind=int, minimum=minimum, maximum=maximum)


_RATE = Range(kind=float, minimum=1e-8, maximum=0.1)
_BETA = Range(kind=float, minimum=0.0, exclusive_maximum=1.0)


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """Everything that decides a training run, beside its pictures. Work is counted in images."""

    preset: str = "dcgan"
    resolution: int = _number(64, Choice(RESOLUTIONS))
    channels: int = _number(3, Choice(CHANNELS))
    width: int = _number(32, _integers(8, 256))
    latent_dim: int = _number(100, _integers(1, 1024))
    batch_size: int = _number(64, _integers(2, 1024))
    images: int = _number(750_000, _integers(1, MAX_IMAGES))
    seed: int = _number(0, _integers(0, MAX_SEED))
    generator_learning_rate: float = _number(2e-4, _RATE)
    discriminator_learning_rate: float = _number(2e-4, _RATE)
    beta1: float = _number(0.5, _BETA)
    beta2: float = _number(0.999, _BETA)
    ema_half_life_images: int = _number(40_000, _integers(0, 10_000_000))
    sample_every_images: int = _number(30_000, _integers(1, MAX_IMAGES))
    checkpoint_every_images: int = _number(75_000, _integers(1, MAX_IMAGES))
    precision: str = _text("auto", Choice(PRECISIONS))

    def __post_init__(self) -> None:
        if not isinstance(self.preset, str):
            raise ConfigError("preset", self.preset, "is not a name")
        for one in fields(self):
            if "allowed" in one.metadata:
                one.metadata["allowed"].check(one.name, getattr(self, one.name))

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild from `to_json`; a missing key takes its default, an unknown one is an error."""
        if not isinstance(data, Mapping):
            raise ConfigError("config", data, "is not an object")
        known = {one.name for one in fields(cls)}
        for name, value in data.items():
            if name not in known:
                raise ConfigError(name, value, "is not a field of the configuration")
        return cls(**data)


def field_ranges() -> dict[str, dict[str, Any]]:
    """Type, range and default of every field that may be overridden, in JSON Schema's words."""
    return {
        one.name: one.metadata["allowed"].to_json() | {"default": one.default}
        for one in fields(TrainingConfig)
        if one.name not in FIXED_FIELDS
    }
