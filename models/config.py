"""The training configuration: frozen, typed, checked when it is built. Standard library only."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from models.ranges import Allowed, Choice, ConfigError, Flag, Range, Subset, unknown_field

MIN_SIDE, MAX_SIDE = 28, 256
CHANNEL_NAMES = {1: "grey", 3: "rgb", 4: "rgba"}
CHANNELS = tuple(CHANNEL_NAMES)
MAX_CLASSES = 1000  # per dataset, and per conditional model
MAX_SEED = 2**53 - 1  # the largest integer JSON carries exactly everywhere
MAX_IMAGES = 10**12
# Of every training. They stand here because the trainer keeps to them and a dry run, which does not
# import torch, computes with them.
CHECKPOINT_SECONDS = 300.0  # the longest time between two checkpoints
RESIDENT_BYTES = 256 << 20  # a larger dataset stays on the disk, and in the system's cache
GPU_MEMORY_SHARE = 0.5  # a dataset moves to a GPU if it takes at most this share of the free memory

ARCHITECTURES = ("mlp", "dcgan", "r3gan")
LOSSES = (
    "minimax",
    "non_saturating",
    "least_squares",
    "hinge",
    "wasserstein",
    "relativistic",
)
# The losses with labels as targets, which can be smoothed.
LABEL_LOSSES = ("minimax", "non_saturating", "least_squares")
AUGMENTATIONS = ("colour", "translation", "cutout")
PRECISIONS = ("auto", "float32", "bfloat16")
STABILITIES = ("off", "auto")  # auto: a run reacts to its health signals

# Decided by the preset or by the dataset: overrides are refused.
FIXED_FIELDS = ("preset", "architecture", "shape", "classes")
# The fields that do not apply to the networks of an architecture.
UNUSED_FIELDS = {
    "mlp": ("max_width", "skip_outputs"),
    "dcgan": (),
    "r3gan": (
        "skip_outputs",
        "generator_activation",
        "generator_normalisation",
        "discriminator_normalisation",
        "batchnorm_momentum",
    ),
}
PENALTIES = ("r1", "r2", "gradient_penalty")
# The fields that define the networks. Fine-tuning takes them from its checkpoint.
NETWORK_FIELDS = (
    "architecture",
    "shape",
    "classes",
    "conditional",
    "width",
    "max_width",
    "latent_dim",
    "skip_outputs",
    "generator_activation",
    "generator_normalisation",
    "discriminator_normalisation",
)


def _whole(default: int, minimum: int, maximum: int) -> Any:
    return field(
        default=default,
        metadata={"allowed": Range(kind=int, minimum=minimum, maximum=maximum)},
    )


def _number(default: float | None, allowed: Range) -> Any:
    return field(default=default, metadata={"allowed": allowed})


def _one_of(default: str, values: tuple[str, ...]) -> Any:
    return field(default=default, metadata={"allowed": Choice(values)})


def _flag(default: bool) -> Any:
    return field(default=default, metadata={"allowed": Flag()})


def _final(allowed: Range) -> Any:
    """The final value of a schedule; null keeps the initial value."""
    return field(default=None, metadata={"allowed": allowed.or_null()})


_RATE = Range(kind=float, minimum=1e-8, maximum=0.1)
_BETA = Range(kind=float, minimum=0.0, exclusive_maximum=1.0)
_WEIGHT = Range(kind=float, minimum=0.0, maximum=10_000.0)
_SHARE = Range(kind=float, minimum=0.0, maximum=1.0)
_HALF_LIFE = Range(kind=int, minimum=0, maximum=10_000_000)


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """Everything that a training run depends on, beside its dataset. Work is counted in images.

    A field named `…_final` is the value that the field before it reaches after `schedule_images`
    images, along a cosine.
    """

    preset: str = "dcgan"
    architecture: str = _one_of("dcgan", ARCHITECTURES)
    shape: tuple[int, int, int] = (64, 64, 3)  # height, width, channels
    classes: tuple[str, ...] = ()  # those of the dataset where `conditional`, else none
    conditional: bool = _flag(False)

    width: int = _whole(32, 8, 256)
    max_width: int = _whole(1024, 8, 2048)
    latent_dim: int = _whole(100, 1, 1024)
    skip_outputs: bool = _flag(False)
    generator_activation: str = _one_of("relu", ("relu", "leaky_relu"))
    generator_normalisation: str = _one_of("batch", ("batch", "none"))
    discriminator_normalisation: str = _one_of("batch", ("batch", "spectral", "none"))
    batchnorm_momentum: float = _number(0.1, Range(kind=float, minimum=0.001, maximum=1.0))

    images: int = _whole(750_000, 1, MAX_IMAGES)
    batch_size: int = _whole(64, 2, 1024)
    seed: int = _whole(0, 0, MAX_SEED)

    updates: str = _one_of("shared", ("shared", "alternating", "split"))
    discriminator_steps: int = _whole(1, 1, 20)
    loss: str = _one_of("non_saturating", LOSSES)
    label_smoothing: float = _number(0.0, Range(kind=float, minimum=0.0, maximum=0.5))
    r1: float = _number(0.0, _WEIGHT)
    r1_final: float | None = _final(_WEIGHT)
    r2: float = _number(0.0, _WEIGHT)
    r2_final: float | None = _final(_WEIGHT)
    gradient_penalty: float = _number(0.0, _WEIGHT)
    penalty_every_steps: int = _whole(1, 1, 64)

    generator_learning_rate: float = _number(2e-4, _RATE)
    generator_learning_rate_final: float | None = _final(_RATE)
    discriminator_learning_rate: float = _number(2e-4, _RATE)
    discriminator_learning_rate_final: float | None = _final(_RATE)
    beta1: float = _number(0.5, _BETA)
    beta2: float = _number(0.999, _BETA)
    beta2_final: float | None = _final(_BETA)
    schedule_images: int = _whole(0, 0, MAX_IMAGES)

    augmentation: str = field(default="none", metadata={"allowed": Subset(AUGMENTATIONS)})
    augmentation_probability: float = _number(1.0, _SHARE)
    augmentation_probability_final: float | None = _final(_SHARE)
    horizontal_flip: bool = _flag(False)

    ema_half_life_images: int = _number(40_000, _HALF_LIFE)
    ema_half_life_images_final: int | None = _final(_HALF_LIFE)
    frozen_discriminator_layers: int = _whole(0, 0, 16)

    sample_grid: int = _whole(8, 1, 16)
    sample_every_images: int = _whole(30_000, 1, MAX_IMAGES)
    checkpoint_every_images: int = _whole(75_000, 1, MAX_IMAGES)
    precision: str = _one_of("auto", PRECISIONS)
    # Share of the dataset, at most 256 images, that is not trained on and reveals overfitting.
    held_out_share: float = _number(0.0, Range(kind=float, minimum=0.0, maximum=0.5))
    stability: str = _one_of("off", STABILITIES)

    def __post_init__(self) -> None:
        if not isinstance(self.preset, str):
            raise ConfigError("preset", self.preset, "is not a name")
        for name, allowed in _allowed().items():
            allowed.check(name, getattr(self, name))
        _check_shape(self.shape)
        self._check_classes()
        self._check_penalties()

    @property
    def height(self) -> int:
        return self.shape[0]

    @property
    def columns(self) -> int:
        """The width of an image in pixels; `width` is that of the networks."""
        return self.shape[1]

    @property
    def channels(self) -> int:
        return self.shape[2]

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"shape": list(self.shape), "classes": list(self.classes)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild from `to_json`. A missing key takes its default; an unknown key is an error."""
        if not isinstance(data, Mapping):
            raise ConfigError("config", data, "is not an object")
        values = dict(data)
        if "resolution" in values:  # written before images could be other than square
            side = values.pop("resolution")
            values["shape"] = (side, side, values.pop("channels", 3))
        known = [field.name for field in fields(cls)]
        for name, value in values.items():
            if name not in known:
                raise unknown_field(name, value, known)
        for name in ("shape", "classes"):
            if isinstance(values.get(name), list):
                values[name] = tuple(values[name])
        return cls(**values)

    def _check_classes(self) -> None:
        are_names = isinstance(self.classes, tuple) and all(
            isinstance(name, str) for name in self.classes
        )
        if not are_names:
            raise ConfigError("classes", self.classes, "are not names")
        if len(self.classes) > MAX_CLASSES:
            raise ConfigError(
                "classes",
                self.classes,
                f"are {len(self.classes):,} names: a model has at most {MAX_CLASSES:,}",
            )
        if self.conditional and len(self.classes) < 2:
            raise ConfigError(
                "conditional", True, "needs classes, but the dataset has none: put its pictures "
                f"into 2 to {MAX_CLASSES:,} folders, one for each class",
            )  # fmt: skip
        if self.classes and not self.conditional:
            raise ConfigError("classes", self.classes, "are given, but conditional is not set")

    def _check_penalties(self) -> None:
        """Refuse fields that would be ignored silently."""
        if self.label_smoothing and self.loss not in LABEL_LOSSES:
            raise ConfigError(
                "label_smoothing",
                self.label_smoothing,
                f"does not apply to the {self.loss} loss: choose one of {', '.join(LABEL_LOSSES)}",
            )
        for name in PENALTIES:
            if self.updates == "split" and getattr(self, name):
                raise ConfigError(
                    name,
                    getattr(self, name),
                    "is not computed with updates split, which trains on reals and fakes "
                    "separately: choose updates shared or alternating",
                )
        if self.updates == "split" and self.loss not in LABEL_LOSSES:
            raise ConfigError(
                "updates",
                self.updates,
                f"trains on reals and fakes separately, which the {self.loss} loss does not "
                "support: choose shared or alternating, or one of the losses "
                f"{', '.join(LABEL_LOSSES)}",
            )
        for name in ("generator_learning_rate", "discriminator_learning_rate", "beta2", "r1", "r2",
                     "augmentation_probability", "ema_half_life_images"):  # fmt: skip
            final = getattr(self, f"{name}_final")
            if final is not None and self.schedule_images == 0:
                raise ConfigError(
                    f"{name}_final", final, "is never reached: set schedule_images as well"
                )


def _allowed() -> dict[str, Allowed]:
    return {
        field.name: field.metadata["allowed"]
        for field in fields(TrainingConfig)
        if "allowed" in field.metadata
    }


def _check_shape(shape: object) -> None:
    if not isinstance(shape, tuple) or len(shape) != 3:
        raise ConfigError("shape", shape, "is not (height, width, channels)")
    for side in shape[:2]:
        Range(kind=int, minimum=MIN_SIDE, maximum=MAX_SIDE).check("shape", side)
    if shape[2] not in CHANNELS or isinstance(shape[2], bool):
        raise ConfigError("shape", list(shape), "has neither 1, 3 nor 4 channels")


def field_ranges() -> dict[str, dict[str, Any]]:
    """Type, range and default of every overridable field, as JSON Schema."""
    defaults = {field.name: field.default for field in fields(TrainingConfig)}
    return {
        name: allowed.to_json() | {"default": defaults[name]}
        for name, allowed in _allowed().items()
        if name not in FIXED_FIELDS
    }
