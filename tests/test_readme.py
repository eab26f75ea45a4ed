"""The README is true: its commands run as they are written, its settings are the code's."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from running_service import Service

from app.domain.settings import Settings
from models.config import field_ranges
from models.presets import DEFAULT_PRESET, PRESETS

UNITS = {"MiB": 2**20, "GiB": 2**30}
ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
BIN = Path(sys.executable).parent

# The only change to what is shown: a budget of seconds instead of half an hour.
SMALLER = [("--images 750000", "--images 512"), ('"images": 750000', '"images": 512')]


def commands() -> list[str]:
    """Every line of the README's bash blocks."""
    blocks = re.findall(r"```bash\n(.*?)```", README, re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("readme") / "home") as service:
        service.wait_until_ready()
        yield service


@pytest.mark.slow
def test_every_command_runs_as_it_is_written(
    service: Service, tmp_path: Path, shared_data: Path
) -> None:
    (tmp_path / "cats-3000.zip").symlink_to(shared_data / "cats-3000.zip")
    environment = os.environ | {"MOGGY_URL": service.url}
    environment["PATH"] = f"{BIN}:{environment['PATH']}"
    for command in commands():
        line = command.replace("http://127.0.0.1:8000", service.url)
        for shown, smaller in SMALLER:
            line = line.replace(shown, smaller)
        if line.startswith("curl"):
            line = line.replace("curl", "curl --silent --show-error --fail-with-body", 1)
        run = subprocess.run(
            ["bash", "-c", line], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert run.returncode == 0, f"{command}\n{run.stdout}\n{run.stderr}"
    for name, size, frames in [
        ("cats.png", (512, 512), 1),
        ("grid.png", (512, 512), 1),
        ("7.png", (64, 64), 1),
        ("morph.webp", (64, 64), 60),
        ("morph-by-url.webp", (64, 64), 60),
    ]:
        with Image.open(tmp_path / name) as image:
            assert (image.size, getattr(image, "n_frames", 1)) == (size, frames), name


def test_every_file_and_target_it_names_is_there() -> None:
    targets = (ROOT / "Makefile").read_text()
    for target in re.findall(r"`?make ([\w-]+)", README):
        assert f"\n{target}:" in targets, target
    for path in re.findall(r"\]\((docs/[^)]+)\)", README) + re.findall(
        r"`(benchmarks/\S+?)`", README
    ):
        assert (ROOT / path).exists(), path


def test_every_setting_is_listed_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `MOGGY_(\w+)` \| ([^|]*) \|", README, re.MULTILINE))
    fields = Settings.model_fields
    assert sorted(rows) == sorted(name.upper() for name in fields)
    for name, field in fields.items():
        shown = rows[name.upper()].strip()
        if field.default in (None, frozenset()):
            assert shown == "none", name
        elif shown.endswith(tuple(UNITS)):
            number, unit = shown.split()
            assert float(number) * UNITS[unit] == field.default, name
        else:
            is_float = isinstance(field.default, float)
            assert shown == (f"{field.default:g}" if is_float else str(field.default)), name


def allowed(described: dict[str, Any]) -> str:
    """What a field may be, in the README's words."""
    if described["type"] == "boolean":
        return "true, false"
    if "enum" in described:
        return ", ".join(described["enum"])
    if "pattern" in described:
        words = re.findall(r"\w+", described["pattern"])
        return ", ".join(dict.fromkeys(words))
    if "exclusiveMaximum" in described:
        text = f"{described['minimum']:g} to below {described['exclusiveMaximum']:g}"
    else:
        text = f"{described['minimum']:.16g} to {described['maximum']:.16g}"
    return f"{text}, null" if "null" in described["type"] else text


def test_every_override_is_listed_with_what_it_may_be() -> None:
    section = README.split("| override |")[1].split("\n\n")[0]
    shown = dict(re.findall(r"^\| `(\w+)` \| ([^|]*) \|", section, re.MULTILINE))
    assert shown == {name: allowed(one) for name, one in field_ranges().items()}


def test_every_preset_is_listed_with_its_shape_and_the_default_is_marked() -> None:
    rows = re.findall(r"^\| `([\w-]+)`( \(the default\))? \| (\d+)×(\d+)×(\d) \|", README, re.M)
    shapes = {name: (int(height), int(width), int(deep)) for name, _, height, width, deep in rows}
    assert shapes == {name: preset.config.shape for name, preset in PRESETS.items()}
    assert [name for name, default, *_ in rows if default] == [DEFAULT_PRESET]


def test_the_commands_it_shows_are_those_of_the_command_line() -> None:
    for command in commands():
        words = shlex.split(command)
        if words[0] == "moggy":
            parts = words[1:3] if words[1] in ("dataset", "model") else words[1:2]
            help_text = subprocess.run(
                [BIN / "moggy", *parts, "--help"], capture_output=True, text=True, check=True
            ).stdout
            for option in (word for word in words if word.startswith("--")):
                assert re.search(rf"(?<![\w-]){option}(?![\w-])", help_text), command
