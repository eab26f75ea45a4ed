"""The training configuration refuses what cannot be trained, and says why."""

import json
import math
import subprocess
import sys
from typing import Any

import pytest

from models.config import FIXED_FIELDS, ConfigError, TrainingConfig, field_ranges


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("width", 7, "width 7 is out of range: 8 to 256"),
        ("width", 32.0, "width 32.0 is not a whole number"),
        ("width", True, "width True is not a whole number"),
        ("resolution", 48, "resolution 48 is not one of 28, 32, 64, 128"),
        ("channels", 4, "channels 4 is not one of 1, 3"),
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
    assert (caught.value.field, caught.value.value) == (name, value) or value is math.nan


def test_a_configuration_survives_json() -> None:
    config = TrainingConfig(width=16, beta1=0, seed=2**53 - 1)
    assert TrainingConfig.from_json(json.loads(json.dumps(config.to_json()))) == config


@pytest.mark.parametrize("data", [{"widht": 32}, [("width", 32)], "width", None])
def test_json_that_is_no_configuration_is_refused(data: Any) -> None:
    with pytest.raises(ConfigError):
        TrainingConfig.from_json(data)


def test_every_overridable_field_describes_its_range() -> None:
    ranges = field_ranges()
    assert set(ranges) == set(TrainingConfig().to_json()) - set(FIXED_FIELDS)
    assert ranges["width"] == {"type": "integer", "minimum": 8, "maximum": 256, "default": 32}
    assert ranges["beta1"]["exclusiveMaximum"] == 1
    assert ranges["precision"]["enum"] == ["auto", "float32", "bfloat16"]


def test_configuration_and_presets_leave_torch_unloaded() -> None:
    code = "import models.presets, sys; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
