import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from benchmarks.harness.machine import ROOT
from benchmarks.harness.packed_datasets import random_images
from benchmarks.loading import enough_space, repeat


def test_images_are_repeated_up_to_the_given_number(tmp_path: Path) -> None:
    originals = random_images(5, (28, 28, 1))
    repeat(originals, 12, tmp_path / "repeated")
    images = np.load(tmp_path / "repeated" / "images.npy")
    assert images.shape == (12, 28, 28, 1)
    assert (images[5:10] == originals).all()
    assert (images[10:] == originals[:2]).all()


def test_too_little_disk_space_is_detected(tmp_path: Path) -> None:
    images = random_images(1, (28, 28, 1))
    assert enough_space(tmp_path, images, 10) is True
    assert enough_space(tmp_path, images, 10**15) is False


def test_own_memory_grows_with_allocations() -> None:
    # In a separate process: this one may reuse memory that it has freed.
    program = """
import numpy as np
from benchmarks.loading import own_memory_bytes
before = own_memory_bytes()["RssAnon"]
held = np.ones(50_000_000, np.uint8)
print(own_memory_bytes()["RssAnon"] - before, held.sum())
"""
    output = subprocess.check_output([sys.executable, "-c", program], text=True, cwd=ROOT).split()
    assert int(output[0]) > 40_000_000
    assert output[1] == "50000000"


def test_the_memory_of_a_training_is_measured_in_its_own_process(tmp_path: Path) -> None:
    folder = tmp_path / "repeated"
    repeat(random_images(4, (32, 32, 3)), 100, folder)
    command = [sys.executable, "-m", "benchmarks.loading", f"--measure-memory={folder}"]
    output = subprocess.check_output([*command, "--loads=3", "--steps=1", "--width=8"], text=True)
    used = json.loads(output)
    assert (used["loaded"], used["trained"]) == (3 * 64, 64)
    assert used["VmHWM"] >= used["RssAnon"] > 2**20
