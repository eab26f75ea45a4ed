import gzip
from pathlib import Path

import numpy as np
import pytest

from benchmarks.harness.digits import classify, read_idx, read_mnist, train_classifier


def test_mnist_is_read_completely(shared_data: Path) -> None:
    images, labels = read_mnist(shared_data / "mnist", "t10k")
    assert (images.shape, labels.shape) == ((10_000, 28, 28), (10_000,))
    assert np.bincount(labels)[:3].tolist() == [980, 1135, 1032]
    assert images[0, 0].sum() == 0
    assert images.max() == 255


def test_a_file_of_another_type_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "digits.gz"
    path.write_bytes(gzip.compress(b"\0\0\x0d\x01\0\0\0\0"))  # floats
    with pytest.raises(ValueError, match=r"digits\.gz is not an IDX file"):
        read_idx(path)


def test_a_classifier_trained_on_few_digits_recognises_most_others(shared_data: Path) -> None:
    images, labels = read_mnist(shared_data / "mnist", "t10k")
    classifier = train_classifier(images[:3000], labels[:3000], epochs=3)
    read = classify(classifier, images[3000:5000])
    assert (read == labels[3000:5000]).mean() > 0.8
    assert len(np.unique(read)) == 10
