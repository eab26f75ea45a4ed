"""The recipes that the search for the default preset compares: presets with overrides."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Candidate:
    """A preset with overrides, and what they mean.

    A field that ends in "_final" has its value at the end of the run.
    """

    preset: str
    why: str
    overrides: Mapping[str, Any] = field(default_factory=dict)


def _changed(why: str, changes: Mapping[str, Any]) -> Candidate:
    """The default preset with changes, at batch 64 also in short runs unless that is changed."""
    return Candidate("small-data", why, {"batch_size": 64} | dict(changes))


_HALF_RATES = {"generator_learning_rate_final": 2e-5, "discriminator_learning_rate_final": 2e-5}

CANDIDATES: dict[str, Candidate] = {
    "dcgan": Candidate("dcgan", "the article's recipe: what the target is measured against"),
    "batch-64": _changed("the default", {}),
    "colour": _changed(
        "all of DiffAugment's colours beside the translation",
        {"augmentation": "colour,translation"},
    ),
    "cutout": _changed("translation and cutout", {"augmentation": "translation,cutout"}),
    "half": _changed("every other image shifted", {"augmentation_probability": 0.5}),
    "late": _changed(
        "shifted more often over the run",
        {"augmentation_probability": 0.0, "augmentation_probability_final": 1.0},
    ),
    "least-squares": _changed("least squares", {"loss": "least_squares"}),
    "hinge": _changed("hinge", {"loss": "hinge"}),
    "relativistic": _changed("relativistic pairs", {"loss": "relativistic"}),
    "r1": _changed("a light R1, one step in eight", {"r1": 0.1, "penalty_every_steps": 8}),
    "relativistic-r1-r2": _changed(
        "the modern loss on these networks, its penalties one step in eight",
        {"loss": "relativistic", "r1": 0.1, "r2": 0.1, "penalty_every_steps": 8},
    ),
    "smooth": _changed("one-sided label smoothing", {"label_smoothing": 0.1}),
    "slow-critic": _changed("half the discriminator's rate", {"discriminator_learning_rate": 1e-4}),
    "slower-critic": _changed(
        "a quarter of the discriminator's rate", {"discriminator_learning_rate": 5e-5}
    ),
    "fast-generator": _changed("twice the generator's rate", {"generator_learning_rate": 4e-4}),
    "apart": _changed(
        "twice the generator's rate, half the discriminator's",
        {"generator_learning_rate": 4e-4, "discriminator_learning_rate": 1e-4},
    ),
    "slow-critic-r1": _changed(
        "half the discriminator's rate, and a light R1",
        {"discriminator_learning_rate": 1e-4, "r1": 0.1, "penalty_every_steps": 8},
    ),
    "fast-both": _changed(
        "twice both rates",
        {"generator_learning_rate": 4e-4, "discriminator_learning_rate": 4e-4},
    ),
    "annealed": _changed("both rates fall to a tenth", _HALF_RATES),
    "fast-annealed": _changed(
        "twice both rates, which fall to a twentieth",
        {"generator_learning_rate": 4e-4, "discriminator_learning_rate": 4e-4} | _HALF_RATES,
    ),
    "short-average": _changed(
        "an average of a quarter the memory", {"ema_half_life_images": 11_000}
    ),
    "long-average": _changed("an average of twice the memory", {"ema_half_life_images": 88_000}),
    "skip": _changed("every stage adds colours", {"skip_outputs": True}),
    "skip-batch-32": _changed(
        "the same, with twice as many steps of half the size",
        {"skip_outputs": True, "batch_size": 32},
    ),
    "skip-batch-16": _changed(
        "the same, with four times as many, a quarter",
        {"skip_outputs": True, "batch_size": 16},
    ),
    "batch-8": _changed("eight times as many, an eighth", {"batch_size": 8}),
    "skip-slow-critic": _changed(
        "the same, with half the discriminator's rate",
        {"skip_outputs": True, "discriminator_learning_rate": 1e-4},
    ),
    "latent-32": _changed("a latent of 32", {"latent_dim": 32}),
    "batch-32": _changed("twice as many steps of half the size", {"batch_size": 32}),
    "batch-32-slow-critic": _changed(
        "the same with half the discriminator's rate",
        {"batch_size": 32, "discriminator_learning_rate": 1e-4},
    ),
    "batch-16": _changed("four times as many, a quarter", {"batch_size": 16}),
    "batch-128": _changed("half as many steps, twice the size", {"batch_size": 128}),
    "wide": _changed("width 48", {"width": 48}),
    "narrow": _changed("width 24, and so more steps", {"width": 24}),
    "leaky": _changed("LeakyReLU in the generator too", {"generator_activation": "leaky_relu"}),
    "spectral": _changed(
        "spectral normalisation in the discriminator",
        {"discriminator_normalisation": "spectral"},
    ),
}
