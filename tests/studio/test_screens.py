"""The pictures of the page in the documentation, and the script that makes them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from running_service import Service

from .browser import DESKTOP, PHONE, ROOT

SCRIPT = ROOT / ".ci" / "screens.py"
PICTURES = ROOT / "docs" / "screens"
MAX_BYTES = 100_000


@pytest.mark.slow
def test_the_script_makes_pictures_of_a_running_service(cats: Service, tmp_path: Path) -> None:
    sizes = {"explore": DESKTOP, "phone-morph": PHONE}
    environment = os.environ | {"MOGGY_URL": cats.url, "MOGGY_SCREENS": str(tmp_path)}
    subprocess.run([sys.executable, SCRIPT, *sizes], env=environment, check=True, timeout=300)
    assert {path.stem for path in tmp_path.iterdir()} == sizes.keys()
    for name, (width, height) in sizes.items():
        with Image.open(tmp_path / f"{name}.webp") as picture:
            shown = picture.convert("RGB")
        assert shown.height / shown.width == pytest.approx(height / width, abs=0.01)
        assert (
            len(set(shown.resize((64, 64)).get_flattened_data())) > 500
        )  # cats, and no blank page


def test_every_picture_is_small_made_by_the_script_and_shown() -> None:
    names = set(re.findall(r'Screen\(\s*"([\w-]+)"', SCRIPT.read_text()))
    assert {path.stem for path in PICTURES.iterdir()} == names
    assert all(path.stat().st_size <= MAX_BYTES for path in PICTURES.iterdir())
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    shown = set(re.findall(r"screens/([\w-]+)\.webp", "".join(page.read_text() for page in pages)))
    assert shown == names


def test_the_readme_shows_each_screen() -> None:
    shown = re.findall(r"\(docs/screens/([\w-]+)\.webp\)", (ROOT / "README.md").read_text())
    assert {"explore", "train", "theatre", "jobs", "models", "learn", "playground"} <= set(shown)
