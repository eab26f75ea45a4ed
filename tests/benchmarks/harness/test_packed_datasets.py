from pathlib import Path

import numpy as np

from benchmarks.harness.packed_datasets import decode_jpegs


def test_an_archive_is_decoded_completely(shared_data: Path) -> None:
    images = decode_jpegs(shared_data / "cats-3000.zip")
    assert images.shape == (3000, 64, 64, 3)
    assert images.dtype == np.uint8
    assert np.array_equal(decode_jpegs(shared_data / "cats-3000.zip", 3), images[:3])
