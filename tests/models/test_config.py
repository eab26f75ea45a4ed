"""The training configuration refuses what cannot be trained, and says why."""

import json
import math
import re
import subprocess
import sys
from typing import Any

import pytest

from models.config import FIXED_FIELDS, TrainingConfig, field_ranges
from models.ranges import ConfigError


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("width", 7, "width 7 is out of range: 8 to 256"),
        ("width", 32.0, "width 32.0 is not a whole number"),
        ("width", True, "width True is not a whole number"),
        ("shape", (64, 27, 3), "shape 27 is out of range: 28 to 256"),
        ("shape", (64, 64, 2), "shape [64, 64, 2] has neither 1, 3 nor 4 channels"),
        ("shape", (64, 64), "shape (64, 64) is not (height, width, channels)"),
        ("conditional", True, "conditional True needs classes, but the dataset has none"),
        ("conditional", 1, "conditional 1 is neither true nor false"),
        ("classes", ("a", "b"), "classes ('a', 'b') are given, but conditional is not set"),
        ("augmentation", "colour,colour", "augmentation 'colour,colour' is neither none nor"),
        ("augmentation", "blur", "augmentation 'blur' is neither none nor some of colour"),
        ("r1_final", 0.1, "r1_final 0.1 is never reached: set schedule_images as well"),
        ("r1", math.inf, "r1 inf is out of range: 0.0 to 10000.0"),
        ("batch_size", 1, "batch_size 1 is out of range: 2 to 1024"),
        ("seed", 2**53, f"seed {2**53} is out of range: 0 to {2**53 - 1}"),
        ("seed", -1, f"seed -1 is out of range: 0 to {2**53 - 1}"),
        ("beta1", 1.0, "beta1 1.0 is out of range: 0.0 up to, not including, 1.0"),
        ("beta2", "0.9", "beta2 '0.9' is not a number"),
        ("generator_learning_rate", math.nan, "generator_learning_rate nan is out of range"),
        ("discriminator_learning_rate", 0, "discriminator_learning_rate 0 is out of range"),
        ("precision", "float16", "precision 'float16' is not one of auto, float32, bfloat16"),
        ("images", None, "images None is not a whole number"),
    ],
)
def test_a_bad_value_names_field_value_and_range(name: str, value: Any, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        TrainingConfig(**{name: value})
    assert str(caught.value).startswith(message)
    assert caught.value.field == name


def test_a_configuration_survives_json() -> None:
    config = TrainingConfig(
        width=16, beta1=0, seed=2**53 - 1, shape=(48, 80, 4), conditional=True, classes=("a", "b")
    )
    assert TrainingConfig.from_json(json.loads(json.dumps(config.to_json()))) == config


def test_a_configuration_of_before_shapes_names_a_square() -> None:
    config = TrainingConfig.from_json({"resolution": 32, "channels": 1, "width": 16})
    assert config == TrainingConfig(shape=(32, 32, 1), width=16)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"loss": "hinge", "label_smoothing": 0.1}, "does not apply to the hinge loss"),
        ({"r1": 1.0, "updates": "split"}, "r1 1.0 is not computed with updates split"),
        (
            {"loss": "relativistic", "updates": "split"},
            "which the relativistic loss does not support",
        ),
    ],
)
def test_fields_that_would_be_ignored_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TrainingConfig(**values)


def test_an_unknown_key_suggests_the_field_that_is_most_alike() -> None:
    with pytest.raises(ConfigError, match=r"configuration: did you mean width\?$"):
        TrainingConfig.from_json({"widht": 32})


@pytest.mark.parametrize("data", [{"widht": 32}, [("width", 32)], "width", None])
def test_json_that_is_no_configuration_is_refused(data: Any) -> None:
    with pytest.raises(ConfigError):
        TrainingConfig.from_json(data)


def test_every_overridable_field_describes_its_range() -> None:
    ranges = field_ranges()
    assert set(ranges) == set(TrainingConfig().to_json()) - set(FIXED_FIELDS)
    assert ranges["width"] == {"type": "integer", "minimum": 8, "maximum": 256, "default": 32}
    assert ranges["beta1"]["exclusiveMaximum"] == 1
    assert ranges["r1_final"]["type"] == ["number", "null"]
    assert ranges["conditional"] == {"type": "boolean", "default": False}
    assert re.fullmatch(ranges["augmentation"]["pattern"], "colour,cutout")
    assert ranges["precision"]["enum"] == ["auto", "float32", "bfloat16"]


def test_configuration_and_presets_leave_torch_unloaded() -> None:
    code = "import models.presets, sys; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
