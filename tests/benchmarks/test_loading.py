import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from benchmarks.harness.moggy_training import random_pictures
from benchmarks.loading import decode, enough_space, repeat

ROOT = Path(__file__).resolve().parents[2]


def test_an_archive_is_decoded_whole(shared_data: Path) -> None:
    pictures = decode(shared_data / "cats-3000.zip")
    assert (pictures.shape, pictures.dtype) == ((3000, 64, 64, 3), np.uint8)


def test_pictures_are_repeated_to_the_number_asked_for(tmp_path: Path) -> None:
    pictures = random_pictures(5, (28, 28, 1))
    repeat(pictures, 12, tmp_path / "repeated")
    images = np.load(tmp_path / "repeated" / "images.npy")
    assert images.shape == (12, 28, 28, 1)
    assert (images[5:10] == pictures).all()
    assert (images[10:] == pictures[:2]).all()


def test_too_little_space_is_said_and_nothing_is_written(tmp_path: Path) -> None:
    pictures = random_pictures(1, (28, 28, 1))
    assert enough_space(tmp_path, pictures, 10) is True
    assert enough_space(tmp_path, pictures, 10**15) is False


def test_resident_memory_grows_with_what_is_held() -> None:
    # In a process of its own: this one may have as much that is freed and kept.
    program = """
import numpy as np
from benchmarks.loading import resident
before = resident()["RssAnon"]
held = np.ones(50_000_000, np.uint8)
print(resident()["RssAnon"] - before, held.sum())
"""
    told = subprocess.check_output([sys.executable, "-c", program], text=True, cwd=ROOT).split()
    assert int(told[0]) > 40_000_000
    assert told[1] == "50000000"


def test_the_memory_of_a_training_is_measured_in_its_own_process(tmp_path: Path) -> None:
    folder = tmp_path / "repeated"
    repeat(random_pictures(4, (32, 32, 3)), 100, folder)
    command = [sys.executable, "-m", "benchmarks.loading", f"--measure-memory={folder}"]
    output = subprocess.check_output([*command, "--loads=3", "--steps=1", "--width=8"], text=True)
    used = json.loads(output)
    assert (used["loaded"], used["trained"]) == (3 * 64, 64)
    assert used["VmHWM"] >= used["RssAnon"] > 2**20
