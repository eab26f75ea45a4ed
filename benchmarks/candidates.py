"""The recipes that the search for the default preset compares: presets with changes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Candidate:
    """A preset and what is changed in it, and why one would.

    A value that ends in "_final" is reached at the end of the run.
    """

    preset: str
    why: str
    overrides: Mapping[str, Any] = field(default_factory=dict)


_HALF_RATES = {"generator_learning_rate_final": 2e-5, "discriminator_learning_rate_final": 2e-5}

CANDIDATES: dict[str, Candidate] = {
    "dcgan": Candidate("dcgan", "the article's recipe: what the target is measured against"),
    "small-data": Candidate("small-data", "the default as it stands"),
    "colour": Candidate(
        "small-data",
        "all of DiffAugment's colours beside the translation",
        {"augmentation": "colour,translation"},
    ),
    "cutout": Candidate(
        "small-data", "translation and cutout", {"augmentation": "translation,cutout"}
    ),
    "half": Candidate(
        "small-data", "every other picture shifted", {"augmentation_probability": 0.5}
    ),
    "late": Candidate(
        "small-data",
        "shifted more and more",
        {"augmentation_probability": 0.0, "augmentation_probability_final": 1.0},
    ),
    "least-squares": Candidate("small-data", "least squares", {"loss": "least_squares"}),
    "hinge": Candidate("small-data", "hinge", {"loss": "hinge"}),
    "relativistic": Candidate("small-data", "relativistic pairs", {"loss": "relativistic"}),
    "r1": Candidate(
        "small-data", "a light R1, one step in eight", {"r1": 0.1, "penalty_every_steps": 8}
    ),
    "relativistic-r1-r2": Candidate(
        "small-data",
        "the modern loss on these networks, its penalties one step in eight",
        {"loss": "relativistic", "r1": 0.1, "r2": 0.1, "penalty_every_steps": 8},
    ),
    "smooth": Candidate("small-data", "one-sided label smoothing", {"label_smoothing": 0.1}),
    "slow-critic": Candidate(
        "small-data", "half the discriminator's rate", {"discriminator_learning_rate": 1e-4}
    ),
    "slower-critic": Candidate(
        "small-data", "a quarter of the discriminator's rate", {"discriminator_learning_rate": 5e-5}
    ),
    "fast-generator": Candidate(
        "small-data", "twice the generator's rate", {"generator_learning_rate": 4e-4}
    ),
    "apart": Candidate(
        "small-data",
        "twice the generator's rate, half the discriminator's",
        {"generator_learning_rate": 4e-4, "discriminator_learning_rate": 1e-4},
    ),
    "slow-critic-r1": Candidate(
        "small-data",
        "half the discriminator's rate, and a light R1",
        {"discriminator_learning_rate": 1e-4, "r1": 0.1, "penalty_every_steps": 8},
    ),
    "fast-both": Candidate(
        "small-data",
        "twice both rates",
        {"generator_learning_rate": 4e-4, "discriminator_learning_rate": 4e-4},
    ),
    "annealed": Candidate("small-data", "both rates fall to a tenth", _HALF_RATES),
    "fast-annealed": Candidate(
        "small-data",
        "twice both rates, which fall to a twentieth",
        {"generator_learning_rate": 4e-4, "discriminator_learning_rate": 4e-4} | _HALF_RATES,
    ),
    "short-average": Candidate(
        "small-data", "an average of a quarter the memory", {"ema_half_life_images": 11_000}
    ),
    "long-average": Candidate(
        "small-data", "an average of twice the memory", {"ema_half_life_images": 88_000}
    ),
    "skip": Candidate("small-data", "every stage adds colours", {"skip_outputs": True}),
    "skip-batch-32": Candidate(
        "small-data",
        "the same, with twice as many steps of half the size",
        {"skip_outputs": True, "batch_size": 32},
    ),
    "skip-batch-16": Candidate(
        "small-data",
        "the same, with four times as many, a quarter",
        {"skip_outputs": True, "batch_size": 16},
    ),
    "batch-8": Candidate("small-data", "eight times as many, an eighth", {"batch_size": 8}),
    "skip-slow-critic": Candidate(
        "small-data",
        "the same, with half the discriminator's rate",
        {"skip_outputs": True, "discriminator_learning_rate": 1e-4},
    ),
    "latent-32": Candidate("small-data", "a latent of 32", {"latent_dim": 32}),
    "batch-32": Candidate("small-data", "twice as many steps of half the size", {"batch_size": 32}),
    "batch-32-slow-critic": Candidate(
        "small-data",
        "the same with half the discriminator's rate",
        {"batch_size": 32, "discriminator_learning_rate": 1e-4},
    ),
    "batch-16": Candidate("small-data", "four times as many, a quarter", {"batch_size": 16}),
    "batch-128": Candidate("small-data", "half as many steps, twice the size", {"batch_size": 128}),
    "wide": Candidate("small-data", "width 48", {"width": 48}),
    "narrow": Candidate("small-data", "width 24, and so more steps", {"width": 24}),
    "leaky": Candidate(
        "small-data", "LeakyReLU in the generator too", {"generator_activation": "leaky_relu"}
    ),
    "spectral": Candidate(
        "small-data",
        "spectral normalisation in the discriminator",
        {"discriminator_normalisation": "spectral"},
    ),
}
